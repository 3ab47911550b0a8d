"""The loop under every endless task: it outlives faults, tells of them, and does not end in silence."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from laurels.application.background import FAILING_AFTER, BackgroundTask, Observers, wait_at_most
from laurels.errors import StoreUnavailable
from tests.waiting import SOON, until


class Work:
    """Turns that go as they are told; the last one is repeated."""

    def __init__(self, *turns: Exception | float | None) -> None:
        self.turns = list(turns)
        self.done = 0

    async def __call__(self) -> float | None:
        turn = self.turns[min(self.done, len(self.turns) - 1)]
        self.done += 1
        await asyncio.sleep(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


async def test_a_turn_is_repeated_until_the_task_is_closed() -> None:
    work = Work(0)
    task = BackgroundTask("test", work)
    task.start()
    await until(lambda: work.done > 10)
    await task.close()
    done = work.done
    await asyncio.sleep(0.01)
    assert (work.done, task.health) == (done, "ok")


async def test_a_turn_that_takes_its_cancellation_for_its_own_is_the_last_one() -> None:
    started = asyncio.Event()

    async def turn() -> float:
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return 60

    task = BackgroundTask("test", turn)
    task.start()
    await started.wait()
    async with asyncio.timeout(SOON):
        await task.close()


async def test_what_is_waited_for_at_most_keeps_a_cancellation() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_at_most(event, 60))
    await asyncio.sleep(0)
    # In the same turn of the loop, as when a store goes away while the server is stopped.
    event.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await wait_at_most(asyncio.Event(), 0.001)


async def test_a_task_whose_work_is_done_ends_and_is_not_dead() -> None:
    work = Work(0, 0, None)
    task = BackgroundTask("test", work)
    task.start()
    async with asyncio.timeout(SOON):
        await task.wait()
    assert (work.done, task.health) == (3, "ok")


async def test_a_fault_is_logged_with_its_traceback_and_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(ZeroDivisionError("by nothing"), 0)
    task = BackgroundTask("test", work, retry=0.001)
    task.start()
    await until(lambda: work.done > 3)
    await task.close()
    [record] = caplog.records
    assert record.exc_info is not None
    assert "test failed" in record.getMessage()
    assert (task.faults, task.health) == (1, "ok")


async def test_faults_in_a_row_make_it_failing_and_one_good_turn_well_again() -> None:
    work = Work(*[ZeroDivisionError()] * FAILING_AFTER, 10)
    task = BackgroundTask("test", work, retry=0.001)
    task.start()
    await until(lambda: task.health == "failing")
    await until(lambda: work.done == FAILING_AFTER + 1)
    await until(lambda: task.health == "ok")
    await task.close()


async def test_the_pause_after_faults_grows() -> None:
    times: list[float] = []

    async def turn() -> float:
        times.append(asyncio.get_running_loop().time())
        raise ZeroDivisionError

    task = BackgroundTask("test", turn, retry=0.05)
    task.start()
    await until(lambda: len(times) >= 5)
    await task.close()
    assert times[4] - times[3] > 3 * (times[1] - times[0])


async def test_an_outage_is_logged_once_and_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(*[StoreUnavailable("Gone.")] * 5, 0)
    task = BackgroundTask("test", work, retry=0.001)
    task.start()
    await until(lambda: work.done > 6)
    await task.close()
    assert [(record.levelno, record.exc_info) for record in caplog.records] == [(logging.WARNING, None)]
    assert (task.faults, task.health) == (0, "ok")


async def test_a_task_that_is_ended_by_others_is_dead_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    task = BackgroundTask("test-ended", Work(0), on_death=lambda: told.append("dead"))
    task.start()
    await asyncio.sleep(0)
    [inner] = [each for each in asyncio.all_tasks() if each.get_name() == "test-ended"]
    inner.cancel()
    async with asyncio.timeout(SOON):
        await task.wait()
    assert (task.health, told) == ("dead", ["dead"])
    assert "restart the process" in caplog.text


async def test_an_observer_that_raises_holds_up_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []

    def raises(_number: int) -> None:
        raise ZeroDivisionError

    observers: Observers[[int]] = Observers("numbers")
    assert not observers
    observers.subscribe(raises)
    observers.subscribe(told.append)
    observers.tell(1)
    observers.unsubscribe(told.append)
    observers.unsubscribe(told.append)
    assert observers
    observers.tell(2)
    assert told == [1]
    assert "an observer of numbers failed" in caplog.text
