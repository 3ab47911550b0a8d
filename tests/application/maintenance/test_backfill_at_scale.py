"""A preview says exactly what publishing then does, on a ledger of a size that nobody reads through."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from msgspec import Struct

from laurels import LearningEvent
from laurels.application.maintenance.backfill import preview
from laurels.application.maintenance.publishing import Publications
from laurels.application.maintenance.verification import pages_of_users, verify
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.periods import iso
from laurels.domain.rules.badges.awards import badge_and_period, badges_of
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 240
_AT_ONCE = 5_000
# Events of one learner, on the average.
_EACH = 60

WEEK = {"factor": 1.5, "from": "2025-03-01", "until": "2025-03-07"}
OLD = small_rulebook(badges=[])
# With badges that learners' snapshots and single events tell of.
MORE = small_rulebook(
    badges=[
        msgspec.to_builtins(each) for each in small_rulebook().data.badges if each.id in ("first", "third", "polyglot")
    ]
)
NEW = small_rulebook(
    event_types={"run": {"points": 4, "max_per_day": 2}, "talk": {"points": 11}},
    boosts={"week": WEEK, "pilot": WEEK | {"factor": 3, "where": {"language": "py"}}},
    currencies={
        "coins": {"name": "Coins", "events": {"run": 2}, "badges": {"first": 10}, "board": True},
        "gems": {"name": "Gems", "badges": {"third": 1}},
    },
)


class Whole(Struct):
    """What all learners have together."""

    totals: dict[str, int]
    holders: Counter[str]
    awards: Counter[str]
    months: Counter[tuple[str, str]]
    balances: Counter[str]


async def record(laurels: Service, events: int) -> None:
    """A year of a platform: few learners do much, and events arrive in no order."""
    random, learners = Random(events), max(2, events // _EACH)
    kinds, languages = ("run", "run", "run", "talk"), ("py", "js", "c")
    for first in range(0, events, _AT_ONCE):
        batch = [
            LearningEvent(
                user_id=f"learner-{int(learners * random.random() ** 2)}",
                event_type=random.choice(kinds),
                event_id=f"e{number}",
                timestamp=START + timedelta(minutes=random.randrange(DAYS * 1_440)),
                metadata={"language": random.choice(languages)},
            )
            for number in range(first, min(first + _AT_ONCE, events))
        ]
        assert not any(isinstance(each, Exception) for each in await laurels.record_many(batch))


async def whole(laurels: Service) -> Whole:
    await laurels.projector.flush()
    found = Whole({}, Counter(), Counter(), Counter(), Counter())
    async for users in pages_of_users(laurels.store):
        for user_id, projected in (await laurels.store.snapshots.projected(users)).items():
            progress = projected.progress
            assert progress is not None
            found.totals[user_id] = progress.total_points
            found.holders.update(badges_of(progress.awards))
            for award in progress.awards.values():
                badge_id = badge_and_period(award.badge_id)[0]
                found.awards[badge_id] += 1
                found.months[badge_id, iso(award.earned_at)[:7]] += 1
            found.balances.update({name: purse.earned - purse.spent for name, purse in progress.purses.items()})
    return found


@pytest.mark.timeout(4 * 3_600)
@pytest.mark.parametrize("events", [2_000, pytest.param(1_000_000, marks=pytest.mark.long)])
async def test_a_preview_says_exactly_what_publishing_does(tmp_path: Path, events: int) -> None:
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}", rulebook=OLD, publish=True) as laurels:
        await record(laurels, events)
        await publish_as_shown(laurels, MORE, events, repoint=False)
        await publish_as_shown(laurels, NEW, events, repoint=True)


async def publish_as_shown(laurels: Service, rules: Rulebook, events: int, *, repoint: bool) -> None:
    """Publish rules for the past, too, and compare what it changes with what was shown before."""
    before = await whole(laurels)
    shown = await preview(laurels.store, rules, repoint=repoint)
    assert (shown.events, shown.learners) == (events, len(before.totals))
    # Looking changes nothing.
    assert await whole(laurels) == before

    publications = Publications(laurels.store, laurels.clock, parse_rulebook)
    _, job = await publications.publish(rules, by=None, backfill=True, notify="none", repoint=repoint)
    assert job is not None
    ended = await laurels.jobs.work(job.id)
    assert ended is not None
    assert ended.state == "done"
    assert ended.awards == {each.badge_id: each.would_earn for each in shown.badges if each.would_earn}
    after = await whole(laurels)

    assert sum(after.totals.values()) - sum(before.totals.values()) == shown.points
    for badge in shown.badges:
        badge_id = badge.badge_id
        assert badge.holders == before.holders[badge_id]
        assert badge.would_earn == after.awards[badge_id] - before.awards[badge_id]
        months = {name for of, name in after.months if of == badge_id}
        earned = {name: after.months[badge_id, name] - before.months[badge_id, name] for name in months}
        assert badge.months == {name: number for name, number in earned.items() if number}
        assert sum(badge.months.values()) == badge.would_earn
    gained = {name: amount - before.balances[name] for name, amount in after.balances.items()}
    assert (shown.currencies or {}) == {name: amount for name, amount in gained.items() if amount}
    assert shown.levels_changed == levels_changed(before, after, rules)
    assert (await verify(laurels.store, rules)).differences == []
    again = await preview(laurels.store, rules, repoint=repoint)
    assert (again.points, again.repointed, sum(each.would_earn for each in again.badges)) == (0, 0, 0)


def levels_changed(before: Whole, after: Whole, rules: Rulebook) -> int:
    level_at = rules.levels.level_at
    return sum(level_at(total) != level_at(after.totals[user_id]) for user_id, total in before.totals.items())
