"""Currencies in the ledger, on each store: earned and spent by two processes, taken back, counted anew, merged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from laurels import BalanceTooLow, InvalidEvent, InvalidInput, LearningEvent, SpendingConflict, UnknownUser, UserMerged
from laurels.application.maintenance.publishing import Publications
from laurels.application.maintenance.verification import verify
from laurels.application.queries.learners.history import history
from laurels.application.recording.spendings import Spending
from laurels.application.service import Service
from laurels.application.webhooks.messages import messages_of
from laurels.domain.ledger.entries import CurrencySpent, Entry
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import TYPES
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.contracts.webhooks import endpoint
from tests.application.maintenance.soundness import assert_sound

# With boards, so that `assert_sound` looks at their lines, too.
COINS = {"name": "Coins", "events": {"run": 3, "talk": 10}, "badges": {"first": 20}, "board": True}
PAYING = small_rulebook(currencies={"coins": COINS})
FRUGAL = small_rulebook(currencies={"coins": COINS | {"events": {"run": 1, "talk": 10}}})
NOON = datetime(2026, 2, 28, 12, tzinfo=UTC)


@pytest.fixture
def old() -> Rulebook:
    return PAYING


async def record(laurels: Service, event_type: str, event_id: str, user: str = "ada") -> None:
    await laurels.record_event(LearningEvent(user_id=user, event_type=event_type, event_id=event_id, timestamp=NOON))


async def spend(laurels: Service, amount: int, spending_id: str | None = None, *, reason: str = "a hat") -> Spending:
    return await laurels.spendings.spend("ada", "coins", amount, reason=reason, spending_id=spending_id)


async def balance(laurels: Service, user: str = "ada") -> tuple[int, int, int, int]:
    """The balance, what was earned, what was spent, and what is owed."""
    shown = (await laurels.learners.dashboard(user)).currencies
    assert shown
    coins = shown["coins"]
    return coins.balance, coins.earned, coins.spent, coins.owed or 0


async def test_earned_spent_taken_back_counted_anew_and_merged(two: tuple[Service, Service]) -> None:
    one, other = two
    await record(one, "run", "r1")
    await record(other, "talk", "t1")
    assert await balance(one) == (33, 33, 0, 0)

    made = await spend(one, 30, "order-1")
    assert (made.body.balance, made.is_replay) == (3, False)
    # Asked for again where nothing is left, by another process that has not read it yet.
    [told] = messages_of(endpoint(types=frozenset(TYPES)), made.entry, PAYING)
    assert msgspec.json.decode(told.body) | {"timestamp": ""} == {
        "type": "spending.created",
        "timestamp": "",
        "data": {
            "userId": "ada",
            "eventId": None,
            "spendingId": "order-1",
            "currency": "coins",
            "amount": 30,
            "balance": 3,
            "reason": "a hat",
        },
    }
    again = await spend(other, 30, "order-1")
    assert (again.entry, again.is_replay) == (made.entry, True)
    with pytest.raises(SpendingConflict, match="other content"):
        await spend(other, 29, "order-1")
    with pytest.raises(SpendingConflict):
        await spend(other, 30, "order-1", reason="two hats")
    with pytest.raises(BalanceTooLow, match="The balance of coins is 3, too low to spend 4; nothing was spent"):
        await spend(other, 4)
    with pytest.raises(InvalidInput, match="currency: The rulebook in force has no such currency"):
        await one.spendings.spend("ada", "gems", 1, reason="a hat")
    with pytest.raises(InvalidInput) as caught:
        await one.spendings.spend("", "gems", 0, reason=" ")
    assert [name for name, _ in caught.value.faults] == ["userId", "currency", "amount", "reason"]
    with pytest.raises(UnknownUser):
        await one.spendings.spend("nobody", "coins", 1, reason="a hat")
    assert await balance(other) == (3, 33, 30, 0)
    await assert_sound(one, other)

    # What was spent cannot be taken back: it is owed, and earned next.
    await one.corrections.retract("ada", "t1", reason="not said")
    assert await balance(other) == (0, 23, 30, 7)
    await record(other, "talk", "t2")
    assert await balance(one) == (3, 33, 30, 0)
    await assert_sound(one, other)

    publications = Publications(one.store, one.clock, parse_rulebook)
    shown = await publications.preview(FRUGAL, repoint=True)
    assert (shown.currencies, shown.repointed, shown.repointed_points) == ({"coins": -2}, 1, 0)
    _, job = await publications.publish(FRUGAL, by=None, backfill=False, notify="none", repoint=True)
    assert job is not None
    done = await one.jobs.work(job.id)
    assert done is not None
    assert done.state == "done"
    await other.rules.look()
    assert await balance(other) == (1, 31, 30, 0)
    await assert_sound(one, other)

    await record(one, "run", "r9", "ada2")
    await other.merging.merge("ada", "ada2", reason="one person")
    # Of two first runs, which the badge is for, one counts.
    assert await balance(one, "ada2") == (2, 32, 30, 0)
    with pytest.raises(UserMerged):
        await spend(one, 1)
    assert (await spend(one, 30, "order-1")).is_replay
    await assert_sound(one, other)
    for user, left in (("ada", 0), ("ada2", 2)):
        last = (await other.learners.progress(user)).seq
        lines = [line async for line in history(one.store, one.rulebook, user, last)]
        assert sum((line.currencies or {}).get("coins", 0) for line in lines) == left
        if user == "ada":
            [spent] = [line for line in lines if line.kind == "spending"]
            assert (spent.currencies, spent.spending_id, spent.reason) == ({"coins": -30}, "order-1", "a hat")


async def test_two_at_once_never_spend_the_same(two: tuple[Service, Service]) -> None:
    one, other = two
    await record(one, "run", "r1")
    asked = [spend([one, other][number % 2], 5, f"order-{number}") for number in range(12)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    # 23 coins are enough for four.
    assert sum(isinstance(each, Spending) for each in results) == 4
    assert sum(isinstance(each, BalanceTooLow) for each in results) == 8
    assert await balance(one) == (3, 23, 20, 0)
    # One spending, asked for by many at once.
    same = await asyncio.gather(*(spend([one, other][number % 2], 3, "last") for number in range(6)))
    assert sorted(each.is_replay for each in same) == [False] + [True] * 5
    assert await balance(other) == (0, 23, 23, 0)
    entries = await one.store.ledger.entries("ada", after=0, limit=100)
    assert [each.body.balance for each in entries if isinstance(each.body, CurrencySpent)] == [18, 13, 8, 3, 0]
    await assert_sound(one, other)


async def test_no_event_takes_the_id_of_a_spending_to_come(two: tuple[Service, Service]) -> None:
    one, other = two
    for event_id in ("order-1", "spending:order-1"):
        await record(one, "run", event_id)
    with pytest.raises(InvalidEvent, match="space"):
        await record(one, "run", " spending:order-1")
    assert not (await spend(one, 3, "order-1")).is_replay
    assert (await spend(other, 3, "order-1")).is_replay


async def test_verify_finds_a_balance_that_is_none(two: tuple[Service, Service]) -> None:
    one, _ = two
    await record(one, "run", "r1")
    wrong = CurrencySpent("coins", 5, 7, 15, 1, "a hat")
    await one.store.ledger.append([Entry("ada", 2, "spending:x", 1, wrong)])
    found = (await verify(one.store, one.rulebook)).differences
    assert [each.what for each in found] == ["recorded balance 7, sum of the ledger 18"]
