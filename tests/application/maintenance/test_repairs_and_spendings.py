"""A streak that is repaired for points by somebody who spends a currency: neither purse pays for the other, whatever is
taken back, counted anew or merged."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from laurels import BalanceTooLow
from laurels.application.maintenance.publishing import Publications
from laurels.application.service import Service
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.application.maintenance.soundness import assert_sound, learn

STREAK = {"repair": {"within": 3, "price": 2}}
COINS = {"name": "Coins", "events": {"talk": 10}}
RULES = small_rulebook(streak=STREAK, currencies={"coins": COINS})


@pytest.fixture
def old() -> Rulebook:
    return RULES


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 3, 5, 12, tzinfo=UTC))


async def held(laurels: Service, user_id: str) -> tuple[int, int, int]:
    """Points, coins and the length of the streak."""
    shown = await laurels.learners.dashboard(user_id)
    assert shown.currencies
    return shown.user.total_points, shown.currencies["coins"].balance, shown.daily_streak


async def test_neither_pays_for_the_other(two: tuple[Service, Service]) -> None:
    one, other = two
    await learn(one, "ada", 1, 2, 4, 5)
    points, coins, streak = await held(other, "ada")
    assert (coins, streak) == (40, 2)
    await other.spendings.spend("ada", "coins", 35, reason="a hat", spending_id="hat")
    made = await one.repairs.repair("ada", date(2026, 3, 3), caller="ada")
    gained = sum(award.points for award in made.awards)
    assert await held(other, "ada") == (points - 2 + gained, 5, 4)
    with pytest.raises(BalanceTooLow):
        await one.spendings.spend("ada", "coins", 6, reason="a coat")
    await assert_sound(one, other)

    # What a day gave goes with it; the repair stays paid for, and the coins are owed.
    await one.corrections.retract("ada", "ada-5", reason="a script")
    after = await held(other, "ada")
    shown = (await other.learners.dashboard("ada")).currencies
    assert shown
    assert (after[1], shown["coins"].owed) == (0, 5)
    await assert_sound(one, other)


async def test_both_move_with_a_merge_and_count_anew(two: tuple[Service, Service]) -> None:
    one, other = two
    await learn(one, "old", 1, 2, 4)
    await one.repairs.repair("old", date(2026, 3, 3), caller="old")
    await one.spendings.spend("old", "coins", 12, reason="a hat")
    await learn(other, "ada", 5)
    await other.merging.merge("old", "ada", reason="one person")
    points, coins, streak = await held(one, "ada")
    assert (coins, streak) == (28, 4)
    await assert_sound(one, other)

    cheaper = small_rulebook(streak=STREAK, currencies={"coins": COINS | {"events": {"talk": 4}}})
    publications = Publications(one.store, one.clock, parse_rulebook)
    _, job = await publications.publish(cheaper, by=None, backfill=False, notify="none", repoint=True)
    assert job is not None
    await one.jobs.work(job.id)
    await other.rules.look()
    assert await held(other, "ada") == (points, 4, streak)
    await assert_sound(one, other)
