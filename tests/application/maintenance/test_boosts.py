"""Boosts in the ledger, on each store: late events, publishing with `repoint`, corrections, and the proof of it all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from laurels import Boosted, LearningEvent
from laurels.application.maintenance.publishing import Publications
from laurels.application.queries.learners.history import HistoryEvent, history
from laurels.application.service import Service
from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.periods import Timeframe
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.web.locale import language
from laurels.web.pages.learner import ledger_line
from tests.application.maintenance.soundness import assert_sound

TYPES = {"run": {"points": 5}, "talk": {"points": 10, "max_points_per_day": 25}}
WEEKEND = {"weekend": {"factor": 2, "from": "2026-02-28", "until": "2026-03-01"}}
PLAIN = small_rulebook(event_types=TYPES)
BOOSTED = small_rulebook(event_types=TYPES, boosts=WEEKEND)
SATURDAY = datetime(2026, 2, 28, 12, tzinfo=UTC)
MONDAY = SATURDAY + timedelta(days=2)


@pytest.fixture
def old() -> Rulebook:
    return BOOSTED


async def record(laurels: Service, event_type: str, *instants: datetime) -> list[tuple[int, Boosted | None]]:
    """What events bring, one after the other."""
    found: list[tuple[int, Boosted | None]] = []
    for at in instants:
        event = LearningEvent(user_id="ada", event_type=event_type, event_id=f"{event_type}-{at:%d-%M}", timestamp=at)
        outcome = (await laurels.record_event(event)).body.outcome
        found.append((outcome.points, outcome.boost))
    return found


async def publish(laurels: Service, rules: Rulebook) -> None:
    publications = Publications(laurels.store, laurels.clock, parse_rulebook)
    _, job = await publications.publish(rules, by=None, backfill=False, notify="none", repoint=True)
    assert job is not None
    ended = await laurels.jobs.work(job.id)
    assert ended is not None
    assert ended.state == "done"


async def test_late_events_publishing_and_corrections_agree(two: tuple[Service, Service]) -> None:
    one, other = two
    # Told after the weekend, in another order, by two processes.
    assert await record(one, "run", MONDAY, SATURDAY) == [(5, None), (10, Boosted("weekend", 5))]
    minutes = [SATURDAY + timedelta(minutes=number) for number in range(3)]
    assert await record(other, "talk", *minutes) == [(20, Boosted("weekend", 10)), (5, None), (0, None)]
    again = await record(one, "talk", minutes[0])
    assert again == [(20, Boosted("weekend", 10))]
    await assert_sound(one, other)

    ada = await other.learners.progress("ada")
    lines = [line async for line in history(one.store, one.rulebook, "ada", ada.seq)]
    events = {line.event.event_id: line.event for line in lines if isinstance(line.event, HistoryEvent)}
    assert (events["talk-28-00"].boost, events["talk-28-00"].unpaid) == (Boosted("weekend", 10), None)
    assert (events["talk-28-01"].boost, events["talk-28-01"].unpaid) == (None, "daily-cap")
    entries = await one.store.ledger.entries("ada", after=0, limit=100)
    [boosted] = [each for each in entries if each.event_id == "talk-28-00"]
    assert isinstance(boosted.body, EventRecorded)
    told = ledger_line(boosted, names={}, language=language("de"), zone=UTC)
    assert (told["points"], told["why"]) == ("+20", ["Bonus weekend: +10"])

    # As if there had never been a boost, as it is shown before; and back.
    publications = Publications(one.store, one.clock, parse_rulebook)
    shown = await publications.preview(PLAIN, repoint=True)
    assert (shown.repointed, shown.repointed_points) == (1, -5 - 10 + 5 + 5)
    await publish(one, PLAIN)
    await other.rules.look()
    ada = await other.learners.progress("ada")
    assert (ada.types["run"].points, ada.types["talk"].points) == (10, 25)
    await assert_sound(one, other)
    await publish(other, BOOSTED)
    await one.rules.look()
    ada = await one.learners.progress("ada")
    assert (ada.types["run"].points, ada.types["talk"].points) == (15, 25)
    await assert_sound(one, other)
    board = await other.leaderboards.page(Timeframe.DAILY, period="2026-02-28")
    assert [row.points for row in board.leaderboard] == [10 + 25]

    # Without the event that had most of the day's points the others get these when they are counted anew.
    await one.corrections.retract("ada", "talk-28-00", reason="x")
    assert (await one.learners.progress("ada")).types["talk"].points == 5
    await publish(one, small_rulebook(event_types=TYPES, boosts=WEEKEND, description="Counted anew."))
    assert (await one.learners.progress("ada")).types["talk"].points == 25
    await other.rules.look()
    await assert_sound(one, other)


async def test_a_cohort_is_what_events_say_whoever_holds_them(two: tuple[Service, Service]) -> None:
    one, other = two
    pilot = {"pilot": {"factor": 3, "from": "2026-02-28", "until": "2026-03-01", "where": {"course": "bio"}}}
    for number, course in enumerate(("bio", "history")):
        event = LearningEvent(
            user_id="ada", event_type="run", event_id=f"r{number}", timestamp=SATURDAY, metadata={"course": course}
        )
        assert (await one.record_event(event)).body.outcome.points == 10
    cohort = small_rulebook(event_types=TYPES, boosts=WEEKEND | pilot)
    await publish(one, cohort)
    await other.rules.look()
    assert (await other.learners.progress("ada")).types["run"].points == 15 + 10
    await assert_sound(one, other)
    # Now it is decided so at once, and in the ledger of another learner, too.
    late = LearningEvent(user_id="ada", event_type="run", event_id="r2", timestamp=SATURDAY, metadata={"course": "bio"})
    outcome = (await other.record_event(late)).body.outcome
    assert (outcome.points, outcome.boost) == (15, Boosted("pilot", 10))
    await record(one, "run", MONDAY)
    await other.change_profile("bob", {"displayName": "Bob"})
    await other.merging.merge("ada", "bob", reason="one person")
    assert (await one.learners.progress("bob")).types["run"].points == 15 + 10 + 15 + 5
    await assert_sound(one, other)
