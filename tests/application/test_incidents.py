"""What an operator reads of what went wrong: bounded, without what callers or drivers said."""

from __future__ import annotations

from datetime import timedelta

from laurels.application.background import BackgroundTask
from laurels.application.incidents import KEPT, IncidentLog
from laurels.application.service import Service
from laurels.domain.events import LearningEvent
from laurels.errors import InternalFault, StoreContended, StoreUnavailable
from laurels.testing.clocks import SettableClock
from tests.waiting import until


def test_the_same_problem_is_one_line_with_its_times(clock: SettableClock) -> None:
    log = IncidentLog(clock)
    first_at = clock()
    log.note_error(StoreUnavailable("The disk is full; free some space."))
    log.note_error(KeyError("ada@example.org"), "GET /u/{user_id:path}")
    clock.advance(timedelta(minutes=1))
    log.note_error(StoreUnavailable("The disk is full; free some space."))
    log.note_error(StoreContended("Others write."))
    log.note_error(InternalFault("It was noted where it was met."))
    found = log.latest()
    assert [(each.kind, each.about, each.detail, each.times) for each in found] == [
        ("outage", "", "The disk is full; free some space.", 2),
        ("contention", "", "Others write.", 1),
        # Of what raised it nothing but its class: its text may name a person.
        ("fault", "GET /u/{user_id:path}", "KeyError", 1),
    ]
    assert (found[0].first_at, found[0].at) == (first_at, first_at + 60_000)


def test_no_more_than_so_many_are_kept_and_none_is_long(clock: SettableClock) -> None:
    log = IncidentLog(clock)
    for number in range(3 * KEPT):
        clock.advance(timedelta(seconds=1))
        log.note("fault", f"route {number}", "x" * 10_000)
    found = log.latest()
    assert [each.about for each in found] == [f"route {number}" for number in range(3 * KEPT - 1, 2 * KEPT - 1, -1)]
    assert max(len(each.detail) for each in found) == 300


async def test_tasks_tell_what_ended_their_turns_and_one_outage_is_told_once(clock: SettableClock) -> None:
    async def breaks() -> float:
        raise ZeroDivisionError

    async def waits() -> float:
        raise StoreUnavailable("The database is away.")

    tasks = [BackgroundTask("one", breaks), BackgroundTask("two", waits), BackgroundTask("three", waits)]
    for task in tasks:
        task.start()
    await until(lambda: all(task.trouble for task in tasks))
    for task in tasks:
        await task.close()
    log = IncidentLog(clock)
    told = sorted((each.kind, each.about, each.detail) for each in log.latest(tasks))
    assert told == [("fault", "one", "ZeroDivisionError"), ("outage", "", "The database is away.")]
    log.note("outage", detail="The disk is full.")
    assert [each.detail for each in log.latest(tasks) if each.kind == "outage"] == ["The disk is full."]
    # What another day brought is another outage.
    earlier = IncidentLog(clock)
    earlier.note("outage", detail="The disk is full.")
    clock.advance(timedelta(days=1))
    assert [each.detail for each in earlier.latest(tasks) if each.kind == "outage"] == [
        "The database is away.",
        "The disk is full.",
    ]


async def test_a_commit_that_fails_is_noted_and_events_of_the_last_minute_are_counted(laurels: Service) -> None:
    event = LearningEvent(user_id="ada", event_type="run")
    await laurels.record_event(event)
    assert laurels.recorder.stats.last_minute == 1
    assert laurels.incidents.latest(laurels.tasks) == []
    await laurels.store.close()
    [result] = await laurels.record_many([event])
    assert isinstance(result, StoreUnavailable)
    assert [(each.kind, each.detail) for each in laurels.incidents.latest()] == [("outage", str(result))]
