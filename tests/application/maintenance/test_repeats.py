"""Badges that may be earned again, through everything that a ledger goes through, on each store."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from laurels import LearningEvent
from laurels.application.live import messages as live
from laurels.application.maintenance.publishing import Publications
from laurels.application.queries.learners.history import history
from laurels.application.queries.rarity import RarityReader
from laurels.application.queries.views import Rarity
from laurels.application.service import Service
from laurels.application.webhooks.messages import messages_of
from laurels.domain.ledger.entries import BadgeRevoked, BadgesGiven
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import BADGE_AWARDED, BADGE_REVOKED, TYPES
from laurels.errors import InvalidInput, UnknownBadge
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from laurels.testing.contracts.webhooks import endpoint
from tests.application.maintenance.soundness import assert_sound

# A Monday, the first day of 2026-W10.
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUSY = {
    "id": "busy",
    "name": "Busy",
    "description": "Run twice in one week.",
    "icon": "x",
    "category": "coding",
    "rarity": "common",
    "points": 10,
    "repeat": "week",
    "revocable": True,
    "criterion": {"kind": "count", "event": "run", "target": 2},
}
KEPT = [msgspec.to_builtins(badge) for badge in small_rulebook().data.badges if badge.id == "polyglot"]
OLD = small_rulebook(badges=KEPT)
NEW = small_rulebook(badges=[*KEPT, BUSY])


@pytest.fixture
def old() -> Rulebook:
    return OLD


@pytest.fixture(autouse=True)
def in_may(clock: SettableClock) -> None:
    """All that these tests record is over."""
    clock.set(START + timedelta(days=60))


async def record(laurels: Service, user_id: str, *days: int) -> None:
    """A run on each of these days after START; its id names user and day."""
    for day in days:
        at = START + timedelta(days=day)
        await laurels.record_event(
            LearningEvent(user_id=user_id, event_type="run", event_id=f"{user_id}-{day}", timestamp=at)
        )


async def publish(processes: tuple[Service, Service], rules: Rulebook) -> None:
    """Put the rules in force with a backfill, which must award what the preview has shown."""
    one, other = processes
    publications = Publications(one.store, one.clock, parse_rulebook)
    shown = await publications.preview(rules)
    _, job = await publications.publish(rules, by=None, backfill=True, notify="each")
    assert job is not None
    for each in processes:
        await each.rules.look()
    await other.jobs.work()
    done = await one.store.jobs.get(job.id)
    assert done is not None
    assert done.awards == {each.badge_id: each.would_earn for each in shown.badges if each.would_earn}


async def awards_of(laurels: Service, user_id: str) -> list[str]:
    return list((await laurels.learners.progress(user_id)).awards)


async def test_what_is_shown_beforehand_is_awarded_week_by_week(two: tuple[Service, Service]) -> None:
    one, other = two
    await record(one, "ada", 0, 1, 7, 8, 14)
    await record(one, "bob", 0, 7)
    preview = await Publications(one.store, one.clock, parse_rulebook).preview(NEW)
    [busy] = [each for each in preview.badges if each.badge_id == "busy"]
    assert (busy.holders, busy.would_earn, busy.months) == (0, 2, {"2026-03": 2})
    assert [(each.user_id, each.event_id) for each in busy.samples] == [("ada", "ada-1"), ("ada", "ada-8")]
    await publish(two, NEW)
    assert await awards_of(other, "ada") == ["busy@2026-W10", "busy@2026-W11"]
    assert await awards_of(other, "bob") == []
    # Live goes on where the backfill left off, late events included.
    await record(other, "ada", 15, 2)
    assert await awards_of(one, "ada") == ["busy@2026-W10", "busy@2026-W11", "busy@2026-W12"]
    preview = await Publications(one.store, one.clock, parse_rulebook).preview(NEW)
    assert [(each.holders, each.would_earn) for each in preview.badges if each.badge_id == "busy"] == [(1, 0)]
    await publish(two, NEW)
    await assert_sound(*two)


async def test_a_backfill_tells_each_award_once(two: tuple[Service, Service]) -> None:
    one, _ = two
    await record(one, "ada", 0, 1, 7, 8)
    await publish(two, NEW)
    [given] = [
        each for each in await one.store.ledger.entries("ada", after=0, limit=99) if isinstance(each.body, BadgesGiven)
    ]
    told = messages_of(endpoint(types=TYPES), given, NEW)
    assert [(each.type, msgspec.json.decode(each.body)["data"]["badge"]["period"]) for each in told] == [
        (BADGE_AWARDED, "2026-W10"),
        (BADGE_AWARDED, "2026-W11"),
    ]
    assert len({each.id for each in told}) == 2
    streamed = [msgspec.json.decode(each.data) for each in live.messages_of(given, NEW) if each.kind == "badge"]
    assert [(each["badgeId"], each["period"], each["points"]) for each in streamed] == [
        ("busy", "2026-W10", 10),
        ("busy", "2026-W11", 10),
    ]


async def test_a_retracted_event_takes_the_award_of_its_week_and_a_new_one_brings_it_back(
    two: tuple[Service, Service],
) -> None:
    one, other = two
    await publish(two, NEW)
    await record(one, "ada", 0, 1, 7, 8)
    done = await other.corrections.retract("ada", "ada-0", reason="copied")
    assert [award.badge_id for award in done.body.revoked] == ["busy@2026-W10"]  # type: ignore[union-attr]
    assert await awards_of(one, "ada") == ["busy@2026-W11"]
    await assert_sound(*two)
    await record(one, "ada", 2)
    assert sorted(await awards_of(other, "ada")) == ["busy@2026-W10", "busy@2026-W11"]
    await assert_sound(*two)


async def test_by_hand_it_is_granted_in_a_week_and_taken_back_by_it(two: tuple[Service, Service]) -> None:
    one, other = two
    await publish(two, NEW)
    await record(one, "ada", 0, 1)
    corrections, at = other.corrections, int((START + timedelta(days=16)).timestamp() * 1000)
    with pytest.raises(UnknownBadge):
        await corrections.grant("ada", "busy@2026-W12", reason="on paper")
    granted = await corrections.grant("ada", "busy", reason="on paper", earned_at=at)
    assert (granted.is_replay, await awards_of(one, "ada")) == (False, ["busy@2026-W10", "busy@2026-W12"])
    again = await one.corrections.grant("ada", "busy", reason="on paper", earned_at=at + 86_400_000)
    assert again.is_replay
    with pytest.raises(InvalidInput, match=r"name which, as in busy@2026-W12\."):
        await corrections.revoke("ada", "busy", reason="no")
    revoked = await corrections.revoke("ada", "busy@2026-W10", reason="no")
    assert isinstance(revoked.body, BadgeRevoked)
    assert (await one.corrections.revoke("ada", "busy@2026-W10", reason="no")).is_replay
    # No rule brings that week again; another week it does.
    await record(one, "ada", 2, 3, 7, 8)
    await publish(two, NEW)
    assert sorted(await awards_of(one, "ada")) == ["busy@2026-W11", "busy@2026-W12"]
    await assert_sound(*two)
    entries = await one.store.ledger.entries("ada", after=0, limit=99)
    [told] = [
        each
        for entry in entries
        for each in messages_of(endpoint(types=TYPES), entry, NEW)
        if each.type == BADGE_REVOKED
    ]
    assert msgspec.json.decode(told.body)["data"]["badge"]["period"] == "2026-W10"


async def test_two_users_who_are_one_person_hold_each_week_once(two: tuple[Service, Service]) -> None:
    one, other = two
    await publish(two, NEW)
    # The first week is both of theirs, the second one of neither alone.
    await record(one, "old", 0, 1, 7)
    await record(one, "ada", 2, 3, 8)
    await other.merging.merge("old", "ada", reason="One person.")
    assert sorted(await awards_of(one, "ada")) == ["busy@2026-W10", "busy@2026-W11"]
    progress = await one.learners.progress("ada")
    assert progress.total_points == 6 * 5 + 2 * 10
    await assert_sound(*two)


async def test_other_points_count_for_each_award(two: tuple[Service, Service]) -> None:
    one, _ = two
    await publish(two, NEW)
    await record(one, "ada", 0, 1, 7, 8)
    dearer = small_rulebook(badges=[*KEPT, {**BUSY, "points": 25}])
    await Publications(one.store, one.clock, parse_rulebook).publish(
        dearer, by=None, backfill=True, notify="none", repoint=True
    )
    await one.rules.look()
    await one.jobs.work()
    assert (await one.learners.progress("ada")).total_points == 4 * 5 + 2 * 25
    [state] = [each for each in await one.learners.badges("ada") if each.badge_id == "busy"]
    assert (state.count, state.points) == (2, 50)
    await assert_sound(one, one)


async def test_lists_of_badges_show_it_once_with_its_count(two: tuple[Service, Service], clock: SettableClock) -> None:
    one, _ = two
    await publish(two, NEW)
    await record(one, "ada", 0, 1, 7, 8, 14)
    clock.set(START + timedelta(days=15))
    dashboard = await one.learners.dashboard("ada")
    [shown] = dashboard.badges
    assert (shown.badge_id, shown.count, shown.points, shown.period) == ("busy", 2, 20, msgspec.UNSET)
    assert (shown.earned_at[:10], str(shown.last_earned_at)[:10]) == ("2026-03-03", "2026-03-10")
    assert dashboard.user.badges == ["busy"]
    paid = sum(each.points for each in dashboard.event_stats.values())
    assert paid + sum(each.points for each in dashboard.badges) == dashboard.user.total_points
    nearest = dashboard.next_badges[0]
    assert (nearest.badge_id, nearest.current, nearest.target) == ("busy", 1, 2)
    export = await one.learners.export("ada")
    assert (export.summary.badge_count, [(each.name, each.count) for each in export.badges]) == (1, [("Busy", 2)])
    review = await one.learners.review("ada", 2026)
    assert [(each.badge_id, each.count, each.points) for each in review.badges] == [("busy", 2, 20)]
    lines = [line async for line in history(one.store, one.rulebook, "ada", 5)]
    periods = Counter(award.period for line in lines for award in line.awards)
    assert periods == {"2026-W10": 1, "2026-W11": 1}
    await record(one, "bob", 0)
    await one.projector.flush()
    board = await one.leaderboards.page()
    assert [line.badges for line in board.leaderboard] == [["busy"], []]
    # A user who earned it twice is one holder.
    assert (await RarityReader(one.store, one.rulebook, minimum=1).shares()).of("busy") == Rarity(1, 0.5)
