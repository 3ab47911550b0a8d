"""Connections with much to read take turns, and everything else goes on between these."""

from __future__ import annotations

import asyncio
from time import monotonic

from laurels.http.sockets.read_scheduler import ReadScheduler
from tests.waiting import FAR, until


class Connection:
    """Something to read, in so many turns; notes each in `log`."""

    def __init__(self, name: str, turns: int, log: list[str]) -> None:
        self.name = name
        self.left = turns
        self.log = log
        self.limits: list[float] = []

    def take_turn(self, until: float) -> bool:
        self.limits.append(until)
        self.log.append(self.name)
        self.left -= 1
        return self.left > 0


def turns_of(*, turn: float = FAR) -> ReadScheduler:
    """Turns whose end no machine is too slow for, or that end at once."""
    return ReadScheduler(asyncio.get_running_loop(), share=0.5, turn=turn)


async def test_those_who_wait_are_read_by_turns_until_nothing_is_left() -> None:
    log: list[str] = []
    turns = turns_of()
    assert turns.are_free
    for name, count in (("a", 3), ("b", 1), ("c", 2)):
        turns.wait(Connection(name, count, log))
    assert (turns.are_free, log) == (False, [])
    await until(lambda: turns.are_free)
    assert log == ["a", "b", "c", "a", "c", "a"]


async def test_each_may_read_for_its_share() -> None:
    turns, connection = turns_of(), Connection("a", 2, [])
    began = monotonic()
    turns.wait(connection)
    await until(lambda: turns.are_free)
    assert all(began + turns.share <= limit <= monotonic() + turns.share for limit in connection.limits)


async def test_when_a_turn_is_over_everything_else_goes_on_first() -> None:
    log: list[str] = []
    turns = turns_of(turn=-1.0)
    turns.wait(Connection("a", 2, log))
    turns.wait(Connection("b", 1, log))
    for number in range(3):
        turns.loop.call_soon(log.append, f"else {number}")
    await until(lambda: turns.are_free)
    assert log == ["a", "else 0", "else 1", "else 2", "b", "a"]


async def test_one_who_comes_while_others_are_read_comes_last() -> None:
    log: list[str] = []
    turns = turns_of()

    class Host(Connection):
        def take_turn(self, until: float) -> bool:
            turns.wait(Connection("guest", 1, log))
            return super().take_turn(until)

    turns.wait(Host("host", 1, log))
    turns.wait(Connection("b", 1, log))
    await until(lambda: turns.are_free)
    assert log == ["host", "b", "guest"]
    # After that it begins anew.
    turns.wait(Connection("late", 1, log))
    await until(lambda: turns.are_free)
    assert log[-1] == "late"
