"""What needs an event loop is used from any thread, and nothing of it is left when it is closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from laurels.loop_thread import LoopThread, awaited, awaited_items


class Counter:
    """Something asynchronous to keep open."""

    def __init__(self) -> None:
        self.is_open = False
        self.thread: threading.Thread | None = None

    async def add(self, one: int, *, other: int) -> int:
        """The sum of two numbers."""
        await asyncio.sleep(0)
        self.thread = threading.current_thread()
        return one + other

    async def up_to(self, end: int) -> AsyncIterator[int]:
        for number in range(end):
            await asyncio.sleep(0)
            yield number
        if end < 0:
            raise LookupError("below zero")


@asynccontextmanager
async def opening(counter: Counter, *, fails: str = "") -> AsyncIterator[Counter]:
    if fails == "opening":
        raise LookupError(fails)
    counter.is_open = True
    try:
        yield counter
    finally:
        counter.is_open = False
        if fails == "closing":
            raise LookupError(fails)


class Front:
    """The same without `await`."""

    def __init__(self, loop_thread: LoopThread[Counter]) -> None:
        self.loop_thread = loop_thread

    add = awaited(Counter.add)
    up_to = awaited_items(Counter.up_to)


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "laurels-loop"}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    before = threads()
    yield
    assert threads() == before


def test_methods_are_those_of_what_is_kept_open() -> None:
    counter = Counter()
    front = Front(LoopThread(opening(counter)))
    assert counter.is_open
    assert front.add(1, other=2) == 3
    assert list(front.up_to(3)) == [0, 1, 2]
    assert list(front.up_to(0)) == []
    assert Front.add.__doc__ == "The sum of two numbers."
    assert counter.thread is not threading.current_thread()
    front.loop_thread.close()
    assert not counter.is_open


def test_errors_are_raised_where_it_was_called_and_end_nothing() -> None:
    front = Front(LoopThread(opening(Counter())))
    with pytest.raises(TypeError):
        front.add(1, other="2")  # pyright: ignore[reportArgumentType]  as somebody without types might
    with pytest.raises(LookupError):
        list(front.up_to(-1))
    assert front.add(1, other=2) == 3
    front.loop_thread.close()


def test_any_number_of_threads_may_use_it() -> None:
    front = Front(LoopThread(opening(Counter())))
    found: list[int] = []
    users = [threading.Thread(target=lambda n=n: found.append(front.add(n, other=1))) for n in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    front.loop_thread.close()
    assert sorted(found) == list(range(1, 9))


def test_items_are_asked_for_one_by_one() -> None:
    front = Front(LoopThread(opening(Counter())))
    numbers = iter(front.up_to(10**9))
    assert [next(numbers), next(numbers)] == [0, 1]
    front.loop_thread.close()
    with pytest.raises(RuntimeError, match="is closed"):
        next(numbers)


def test_closed_twice_is_closed_and_says_what_to_do() -> None:
    counter = Counter()
    front = Front(LoopThread(opening(counter)))
    front.loop_thread.close()
    front.loop_thread.close()
    with pytest.raises(RuntimeError, match="This Laurels is closed; open another one"):
        front.add(1, other=2)


def test_what_cannot_be_opened_leaves_nothing() -> None:
    with pytest.raises(LookupError, match="opening"):
        LoopThread(opening(Counter(), fails="opening"))


def test_what_cannot_be_closed_is_over_all_the_same() -> None:
    loop_thread = LoopThread(opening(Counter(), fails="closing"))
    with pytest.raises(LookupError, match="closing"):
        loop_thread.close()
    loop_thread.close()
