"""A badge that the rulebook gets later reaches learners who meet it already, as of the event that met it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurels import LearningEvent
from laurels.application.maintenance.backfill import Backfill, Backfilled, preview
from laurels.application.maintenance.verification import pages_of_users, verify
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.engine import advance
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Award, Entry, EventRecorded, EventRetracted
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay
from laurels.domain.rules.rulebook import Rulebook
from laurels.testing.builders import event_entry, small_rulebook
from laurels.testing.clocks import SettableClock
from tests.examples import share_of

NEW = small_rulebook()
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def without(*badge_ids: str) -> Rulebook:
    """The small rulebook before it had these badges."""
    kept = [badge for badge in NEW.data.badges if badge.id not in badge_ids]
    return Rulebook(msgspec.structs.replace(NEW.data, badges=kept))


async def backfill_all(laurels: Service) -> Backfilled:
    done = Backfilled()
    async for users in pages_of_users(laurels.store):
        page = await Backfill(laurels.store, NEW, laurels.recorder).of(users)
        done.awards.update(page.awards)
    return done


@pytest.mark.parametrize("kind", ["store_url", "mongodb_url"])
async def test_what_is_shown_is_awarded_once_however_many_backfills_race(
    kind: str, request: pytest.FixtureRequest, clock: SettableClock
) -> None:
    url = request.getfixturevalue(kind)
    async with open_service(url, rulebook=without("third"), clock=clock, projection_interval=3_600) as before:
        for user in ("ada", "bob", "cem"):
            for number in range(4 if user != "cem" else 2):
                at = START + timedelta(days=number)
                await before.record_event(
                    LearningEvent(user_id=user, event_type="run", event_id=f"e{number}", timestamp=at)
                )
    async with (
        open_service(url, rulebook=NEW, clock=clock, projection_interval=3_600) as one,
        open_service(url, rulebook=NEW, clock=clock, projection_interval=3_600) as other,
    ):
        shown = await preview(one.store, NEW)
        [third] = [badge for badge in shown.badges if badge.would_earn]
        assert (third.badge_id, third.would_earn, third.months) == ("third", 2, {"2026-03": 2})
        assert [(sample.user_id, sample.event_id) for sample in third.samples] == [("ada", "e2"), ("bob", "e2")]
        done = await asyncio.gather(
            backfill_all(one),
            backfill_all(other),
            one.record_event(LearningEvent(user_id="ada", event_type="run", timestamp=START + timedelta(days=5))),
        )
        assert done[0].awards.total() + done[1].awards.total() == 2
        for user in ("ada", "bob"):
            award = (await other.learners.progress(user)).awards["third"]
            assert award.earned_at == to_ms(START + timedelta(days=2))
        again = await backfill_all(one)
        assert not again.awards
        await one.projector.flush()
        await other.projector.flush()
        found = await verify(one.store, NEW)
        assert (found.differences, found.behind) == ([], 0)


def test_a_badge_of_a_retracted_event_counts_once_if_the_rules_award_it_earlier() -> None:
    """By the rules in force it comes with the first run; it was awarded with the second, which is retracted."""
    first = Award("first", 10, 2)
    entries = [
        event_entry("ada", 1, at=1),
        event_entry("ada", 2, at=2, awards=[first]),
        Entry("ada", 3, None, 3, EventRetracted("e2", 2, 5, 15, 1, "x")),
    ]
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    replay = Replay("ada", NEW, seen)
    for entry in entries:
        replay.take(entry)
    assert (replay.missing, replay.progress.total_points) == ([], 5 + 10)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["run", "talk"]), st.integers(0, 12), st.sampled_from(["go", "c", "rust", None])),
    max_size=40,
)


@given(EVENTS, st.sampled_from(["first", "third", "century", "polyglot", "streak"]))
@settings(max_examples=share_of(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_rule_backfilled_brings_what_it_had_brought_from_the_start(
    given_events: list[tuple[str, int, str | None]], badge_id: str
) -> None:
    old = without(badge_id)
    had = Progress(user_id="ada", version=NEW.measures_version)
    lacked = Progress(user_id="ada", version=old.measures_version)
    seen, entries = Revisions(), list[Entry]()
    for seq, (event_type, day, language) in enumerate(given_events, 1):
        event = LearningEvent(user_id="ada", event_type=event_type, metadata={"language": language} if language else {})
        at = to_ms(START + timedelta(days=day, minutes=seq))
        advance(had, event, at, NEW)
        outcome = advance(lacked, event, at, old)
        body = EventRecorded(event_type, at, outcome, event.metadata)
        entries.append(Entry("ada", seq, f"e{seq}", at, body))
        seen.see(entries[-1])
    replay = Replay("ada", NEW, seen)
    for entry in entries:
        replay.take(entry)
    assert {each.award for each in replay.missing if each.award.badge_id == badge_id} == {
        each for each in had.awards.values() if each.badge_id == badge_id
    }
    # And all badges together: those that were held, and those that were missing.
    assert lacked.awards.keys() | {each.award.badge_id for each in replay.missing} == had.awards.keys()
    assert replay.progress.total_points == had.total_points
    refolded = Progress(user_id="ada", version=NEW.measures_version)
    for entry in entries:
        fold(refolded, entry, NEW)
    assert refolded.total_points == lacked.total_points
