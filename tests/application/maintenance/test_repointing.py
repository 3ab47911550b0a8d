"""Publishing with `repoint`: one entry a learner, on each store, with several processes on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from laurels import LearningEvent
from laurels.application.maintenance.backfill import Backfill, Backfilled
from laurels.application.maintenance.jobs import LEASE_MS, JobRunner
from laurels.application.maintenance.publishing import Publications
from laurels.application.queries.learners.history import history
from laurels.application.service import Service
from laurels.application.webhooks.messages import messages_of
from laurels.domain.ledger.entries import Repointed
from laurels.domain.periods import Timeframe
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import TYPES
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from laurels.testing.contracts.webhooks import endpoint
from tests.application.maintenance.soundness import assert_sound

OLD = small_rulebook()
# A run pays more and a talk once a day, a badge less; 60 points are a badge that nobody had.
NEW = small_rulebook(
    event_types={"run": {"points": 9}, "talk": {"points": 10, "max_per_day": 1}},
    badges=[
        {
            "id": each.id,
            "name": each.name,
            "description": each.description,
            "icon": each.icon,
            "category": each.category,
            "rarity": each.rarity,
            "points": 3 if each.id == "first" else each.points,
            "criterion": {"kind": "points", "target": 60}
            if each.id == "century"
            else {"kind": "count", "event": "run", "target": {"first": 1, "third": 3}.get(each.id, 900)},
        }
        for each in OLD.badges
    ],
)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def old() -> Rulebook:
    return OLD


def jobs_of(service: Service, **sizes: int) -> JobRunner:
    """What carries out the jobs of a process, with other sizes than usual."""
    return JobRunner(service.store, service.rulebook, service.clock, service.recorder, service.rules, **sizes)


async def record(laurels: Service, user_id: str, event_type: str, *days: int) -> None:
    for number, day in enumerate(days):
        at = START + timedelta(days=day, minutes=number)
        event_id = f"{event_type}-{number}"
        await laurels.record_event(
            LearningEvent(user_id=user_id, event_type=event_type, event_id=event_id, timestamp=at)
        )


async def publish(laurels: Service, rules: Rulebook) -> str:
    publications = Publications(laurels.store, laurels.clock, parse_rulebook)
    _, job = await publications.publish(rules, by="maintainer", backfill=False, notify="none", repoint=True)
    assert job is not None
    return job.id


async def test_what_is_shown_is_done_once_and_everything_follows(two: tuple[Service, Service]) -> None:
    one, other = two
    await record(one, "ada", "run", 0, 0, 1, 1)
    await record(one, "ada", "talk", 1, 1)
    await record(other, "bob", "talk", 2)
    publications = Publications(one.store, one.clock, parse_rulebook)
    before = await other.learners.progress("ada")
    assert before.total_points == 4 * 5 + 2 * 10 + 10 + 10
    shown = await publications.preview(NEW, repoint=True)
    # Runs 16 more, the second talk 10 less, the first badge 7 less: 59 and with a run of bob's nothing.
    assert (shown.repointed, shown.repointed_points) == (1, 16 - 10 - 7)
    plain = await publications.preview(NEW)
    assert (plain.repointed, plain.repointed_points, plain.points) == (0, 0, 25)

    await publish(one, NEW)
    ended = await one.jobs.work()
    assert ended is not None
    assert (ended.state, ended.repointed, ended.learners) == ("done", shown.repointed, 2)
    assert sum(ended.awards.values()) == sum(badge.would_earn for badge in shown.badges)
    ada = await other.learners.progress("ada")
    assert ada.total_points == before.total_points + shown.points
    assert (ada.types["run"].points, ada.types["talk"].points) == (36, 10)
    assert {award.badge_id: award.points for award in ada.awards.values()} == {"first": 3, "third": 10}
    await assert_sound(one, other)
    board = await other.leaderboards.page(Timeframe.DAILY, period="2026-03-02")
    assert [(row.user_id, row.points) for row in board.leaderboard] == [("ada", 18 + 10 + 10)]
    entries = await one.store.ledger.entries("ada", after=0, limit=100)
    changes = [each for each in entries if isinstance(each.body, Repointed)]
    assert [each.body.caller for each in changes if isinstance(each.body, Repointed)] == ["maintainer"]
    assert messages_of(endpoint(types=frozenset(TYPES)), changes[0], NEW) == []
    lines = [line async for line in history(one.store, one.rulebook, "ada", ada.seq)]
    assert [(line.kind, line.points) for line in lines if line.kind == "repoint"] == [("repoint", -1)]

    seqs = (ada.seq, (await one.learners.progress("bob")).seq)
    await publish(other, NEW)
    again = await other.jobs.work()
    assert again is not None
    assert (again.state, again.repointed, again.awards) == ("done", 0, {})
    assert ((await one.learners.progress("ada")).seq, (await one.learners.progress("bob")).seq) == seqs


async def test_other_points_bring_other_badges_and_events_may_come_meanwhile(
    two: tuple[Service, Service],
) -> None:
    one, other = two
    await record(one, "ada", "run", 0, 0, 0, 0, 1, 1)
    assert "century" not in (await one.learners.progress("ada")).awards
    shown = await Publications(one.store, one.clock, parse_rulebook).preview(NEW, repoint=True)
    [century] = [badge for badge in shown.badges if badge.badge_id == "century"]
    assert [(sample.user_id, sample.event_id) for sample in century.samples] == [("ada", "run-5")]
    await publish(one, NEW)
    ended, none, _ = await asyncio.gather(
        *(jobs_of(each, most_repointed=2).work() for each in two), record(other, "ada", "talk", 6, 7)
    )
    assert (ended or none) is not None
    ada = await other.learners.progress("ada")
    assert ada.types["run"].points == 54
    assert ada.types["talk"].points == 20
    # It may have been met by an event that came meanwhile, which is then the one that met it.
    assert "century" in ada.awards
    await assert_sound(one, other)


async def test_another_process_goes_on_where_one_was_killed(two: tuple[Service, Service], clock: SettableClock) -> None:
    one, other = two
    killed, successor = (jobs_of(each, users=1, most_repointed=1) for each in two)
    learners = [f"user-{number}" for number in range(4)]
    for user_id in learners:
        await record(one, user_id, "run", 0, 1, 2)
    job_id = await publish(one, NEW)
    began = asyncio.Event()
    working = asyncio.create_task(killed.work(on_page=lambda _: began.set()))
    await began.wait()
    working.cancel()
    clock.advance(timedelta(milliseconds=LEASE_MS))
    ended = await successor.work(job_id)
    assert ended is not None
    assert (ended.state, ended.learners) == ("done", len(learners))
    for user_id in learners:
        assert (await other.learners.progress(user_id)).types["run"].points == 27
    await assert_sound(one, other)


async def test_the_numbers_include_what_a_process_did_before_it_was_killed_within_a_page(
    two: tuple[Service, Service], clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    learners = [f"user-{number}" for number in range(4)]
    for user_id in learners:
        await record(one, user_id, "run", 0, 0, 0, 0, 1, 1)
    job_id = await publish(one, NEW)
    whole = Backfill.of

    async def cut_off(self: Backfill, users: Sequence[str]) -> Backfilled:
        await whole(self, users[:3])
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Backfill, "of", cut_off)
        with pytest.raises(asyncio.CancelledError):
            await one.jobs.work(job_id)
    clock.advance(timedelta(milliseconds=LEASE_MS))
    ended = await other.jobs.work(job_id)
    assert ended is not None
    assert (ended.learners, ended.repointed, ended.awards) == (4, 4, {"century": 4})


async def test_corrections_go_by_the_points_that_count(two: tuple[Service, Service]) -> None:
    one, other = two
    await record(one, "ada", "run", 0, 0, 0)
    await publish(one, NEW)
    await one.jobs.work()
    await other.rules.look()
    retracted = await other.corrections.retract("ada", "run-1", reason="x")
    assert retracted.progress.total_points == 18 + 3 + 10
    revoked = await one.corrections.revoke("ada", "first", reason="x")
    assert revoked.progress.total_points == 18 + 10
    await assert_sound(one, other)
    # Back to the old rules: what was taken back stays so.
    await publish(one, replaced_name(OLD))
    ended = await one.jobs.work()
    assert ended is not None
    assert (await other.learners.progress("ada")).total_points == 10 + 10
    await assert_sound(one, other)


def replaced_name(rules: Rulebook) -> Rulebook:
    return Rulebook(replace(rules.data, description="The old points."))
