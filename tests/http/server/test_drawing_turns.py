"""Pages are drawn one at a time, after the events that are being recorded, and one of each viewer in turn."""

from __future__ import annotations

import asyncio
import re

import pytest

from laurels.http.server import drawing_turns
from laurels.http.server.drawing_turns import DrawingTurns
from laurels.http.wire.http_error import HttpError


class Drawings:
    """Draws with turns, and notes what happened in which order."""

    def __init__(self, turns: DrawingTurns) -> None:
        self.turns = turns
        self.is_recording = False
        self.order: list[str] = []
        self.gate = asyncio.Event()

    async def draw(self, name: str, *, is_stranger: bool = True) -> None:
        """Draw something for a viewer: `name` up to its last word."""
        viewer = name.rpartition(" ")[0]
        async with self.turns.turn(viewer, is_stranger=is_stranger, is_recording=lambda: self.is_recording):
            self.order.append(name)
            if name == "first":
                await self.gate.wait()

    def begin(self, *names: str, is_stranger: bool = True) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.draw(name, is_stranger=is_stranger)) for name in names]


@pytest.fixture
async def drawings() -> Drawings:
    return Drawings(DrawingTurns(waiting=3))


async def test_known_viewers_and_strangers_take_turns(drawings: Drawings) -> None:
    tasks = drawings.begin("first", "stranger 1", "stranger 2")
    await asyncio.sleep(0)
    tasks += drawings.begin("known 1", "known 2", "known 3", "known 4", is_stranger=False)
    await asyncio.sleep(0)
    assert drawings.order == ["first"]
    drawings.gate.set()
    await asyncio.gather(*tasks)
    assert drawings.order == ["first", "known 1", "stranger 1", "known 2", "stranger 2", "known 3", "known 4"]
    await drawings.draw("later")


async def test_one_viewer_does_not_keep_others_waiting(drawings: Drawings) -> None:
    tasks = drawings.begin("first")
    await asyncio.sleep(0)
    many = [f"mallory {number}" for number in range(20)]
    tasks += drawings.begin(*many, is_stranger=False)
    await asyncio.sleep(0)
    tasks += drawings.begin("ada 1", "ada 2", "bob 1", is_stranger=False)
    tasks += drawings.begin("stranger 1", "stranger 2", is_stranger=True)
    await asyncio.sleep(0)
    drawings.gate.set()
    await asyncio.gather(*tasks)
    expected = ["mallory 0", "stranger 1", "ada 1", "stranger 2", "bob 1", "mallory 1", "ada 2", *many[2:]]
    assert drawings.order == ["first", *expected]


async def test_other_work_is_done_between_two_drawings(drawings: Drawings) -> None:
    drawings.gate.set()
    tasks = drawings.begin("first", "second", "third")

    async def other() -> None:
        while not all(task.done() for task in tasks):
            drawings.order.append("other")
            await asyncio.sleep(0)

    await asyncio.gather(*tasks, other())
    between = " ".join(drawings.order)
    assert re.match("first (other )+second (other )+third", between), between


async def test_too_many_strangers_are_refused(drawings: Drawings) -> None:
    tasks = drawings.begin("first", "1", "2", "3")
    await asyncio.sleep(0)
    with pytest.raises(HttpError) as refused:
        await drawings.draw("4")
    assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "2"})
    tasks += drawings.begin("known", is_stranger=False)
    await asyncio.sleep(0)
    drawings.gate.set()
    await asyncio.gather(*tasks)
    assert drawings.order == ["first", "known", "1", "2", "3"]


async def test_who_does_not_wait_any_more_holds_up_nobody(drawings: Drawings, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = drawings.begin("first", "gone", "gone with the turn", "last")
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    pass_on = drawings.turns._pass_on

    def pass_on_and_cancel() -> None:
        # The third has the turn before it can know.
        pass_on()
        tasks[2].cancel()

    monkeypatch.setattr(drawings.turns, "_pass_on", pass_on_and_cancel)
    drawings.gate.set()
    await asyncio.wait(tasks)
    assert drawings.order == ["first", "last"]
    assert [task.cancelled() for task in tasks] == [False, True, True, False]
    await drawings.draw("later")


async def test_who_is_cancelled_just_before_the_turn_is_passed_on_is_passed_over(
    drawings: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = drawings.begin("first", "gone", "last")
    await asyncio.sleep(0)
    pass_on = drawings.turns._pass_on

    def cancel_and_pass_on() -> None:
        tasks[1].cancel()
        pass_on()

    monkeypatch.setattr(drawings.turns, "_pass_on", cancel_and_pass_on)
    drawings.gate.set()
    await asyncio.wait(tasks)
    assert drawings.order == ["first", "last"]
    assert [task.cancelled() for task in tasks] == [False, True, False]


async def test_a_fault_ends_the_turn(drawings: Drawings) -> None:
    with pytest.raises(ZeroDivisionError):
        async with drawings.turns.turn("viewer", is_stranger=True, is_recording=lambda: False):
            raise ZeroDivisionError
    await drawings.draw("later")


async def test_events_go_first_for_a_while(drawings: Drawings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_turns, "_PATIENCE", 3_600.0)
    drawings.is_recording = True
    [task] = drawings.begin("page")
    for _ in range(5):
        await asyncio.sleep(0.002)
    assert drawings.order == []
    drawings.is_recording = False
    await task
    monkeypatch.setattr(drawing_turns, "_PATIENCE", 0.0)
    drawings.is_recording = True
    # Without end no page would appear.
    await drawings.draw("another")
    assert drawings.order == ["page", "another"]
