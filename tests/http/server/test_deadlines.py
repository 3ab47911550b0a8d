"""One time limit for many tasks, and who else may cancel them."""

from __future__ import annotations

import asyncio

import pytest

from laurels.http.server.deadlines import Deadlines


async def outcome(deadlines: Deadlines, seconds: float) -> str:
    deadline = deadlines.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        assert deadline.passed
        assert deadline.task.uncancel() == 0
        return "late"
    else:
        return "in time"
    finally:
        deadlines.end(deadline)


async def test_those_that_take_too_long_are_cancelled_and_no_others() -> None:
    deadlines = Deadlines(0.2)
    early = [asyncio.create_task(outcome(deadlines, seconds)) for seconds in (5, 0.01, 5)]
    await asyncio.sleep(0.1)
    late = [asyncio.create_task(outcome(deadlines, seconds)) for seconds in (5, 0.15, 0)]
    assert await asyncio.gather(*early, *late) == ["late", "in time", "late", "late", "in time", "in time"]
    # All have gone, and the next one is watched anew.
    assert await outcome(deadlines, 5) == "late"
    deadlines.close()


async def test_what_has_ended_is_never_cancelled() -> None:
    deadlines = Deadlines(0.05)
    deadline = deadlines.begin()
    deadlines.end(deadline)
    deadlines.end(deadline)
    await asyncio.sleep(0.15)
    assert not deadline.passed


async def test_who_is_cancelled_by_somebody_else_is_not_late() -> None:
    deadlines = Deadlines(5)

    async def work() -> None:
        deadline = deadlines.begin()
        try:
            await asyncio.sleep(20)
        finally:
            assert not deadline.passed
            deadlines.end(deadline)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_watched_after_the_end() -> None:
    deadlines = Deadlines(0.05)
    deadline = deadlines.begin()
    deadlines.close()
    await asyncio.sleep(0.15)
    assert not deadline.passed
