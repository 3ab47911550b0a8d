"""Spending of currencies: an entry at the end of a user's ledger, if the balance is large enough.

It is decided on the user's progress at the end of the ledger. The append refuses it if another writer wrote first, so
two simultaneous spendings never use the same amount. With an id from the caller a repetition is safe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct
from uuid_utils import uuid7

from laurels.application.recording.commands import Command, next_entry
from laurels.application.recording.recorder import Recorder
from laurels.domain.events import check_id
from laurels.domain.ledger.entries import CurrencySpent, Entry
from laurels.domain.ledger.reasons import check_reason
from laurels.domain.progress import Progress, Purse
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import BalanceTooLow, InvalidInput, LaurelsError, SpendingConflict, UnknownUser
from laurels.validation import FieldFault, faults_of, unknown_name

MOST = 1_000_000_000
"""The maximum amount of one spending."""

# Spendings are found by their ids in the ledger, as events are. No id of a caller begins with a space (`check_id`): so
# nobody records an event under the id of a spending to come, which would then be refused for ever.
_MARK = " spending:"


class Spending(Struct, frozen=True):
    """A spending in the ledger, and the progress after it. `is_replay`: it was there before, and nothing was
    changed."""

    entry: Entry
    progress: Progress
    is_replay: bool

    @property
    def body(self) -> CurrencySpent:
        """The spent amount, with its details."""
        assert isinstance(self.entry.body, CurrencySpent)  # noqa: S101  only spendings make one
        return self.entry.body


def spending_id_of(entry: Entry) -> str:
    """The id of the spending that an entry records."""
    return (entry.event_id or "").removeprefix(_MARK)


class Spend(Command[tuple[Entry, bool]]):
    """Spend an amount of a currency; the result is the entry, and whether it was written just now."""

    __slots__ = ("_refused", "amount", "caller", "currency", "reason", "spending_id")

    def __init__(
        self, user_id: str, currency: str, amount: int, *, reason: str, spending_id: str | None, caller: str | None
    ) -> None:
        self.spending_id = spending_id or str(uuid7())
        super().__init__(user_id, (user_id, _MARK + self.spending_id))
        self.currency = currency
        self.amount = amount
        self.reason = reason
        self.caller = caller
        self._refused: LaurelsError | None = None

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        purse = progress.purses.get(self.currency, Purse())
        self._refused = self._refusal(progress, purse, rulebook)
        if self._refused is not None:
            return None
        total = progress.total_points
        body = CurrencySpent(
            currency=self.currency,
            amount=self.amount,
            balance=purse.balance - self.amount,
            total_points=total,
            level=rulebook.levels.level_at(total),
            reason=self.reason,
            caller=self.caller,
        )
        progress.spend(((self.currency, self.amount),))
        return next_entry(progress, body, now, _MARK + self.spending_id)

    def result(self, entry: Entry | None, *, is_new: bool) -> tuple[Entry, bool] | LaurelsError:
        if entry is None:
            assert self._refused is not None  # noqa: S101  without an entry it was refused
            return self._refused
        body = entry.body
        if is_new or (
            isinstance(body, CurrencySpent)
            and (body.currency, body.amount, body.reason) == (self.currency, self.amount, self.reason)
        ):
            return entry, is_new
        return SpendingConflict()

    def _refusal(self, progress: Progress, purse: Purse, rulebook: Rulebook) -> LaurelsError | None:
        if not progress.seq:
            return UnknownUser(self.user_id)
        if self.currency not in rulebook.currencies:
            return InvalidInput("currency", _unknown(self.currency, rulebook))
        if purse.balance < self.amount:
            return BalanceTooLow(self.currency, purse.balance, self.amount)
        return None


class Spendings:
    """Spends through one recorder. `caller` names the requester, if known."""

    def __init__(
        self, rulebook: Rulebook, recorder: Recorder, progress_of: Callable[[str], Awaitable[Progress]]
    ) -> None:
        self._rulebook = rulebook
        self._recorder = recorder
        self._progress_of = progress_of

    async def spend(
        self,
        user_id: str,
        currency: str,
        amount: int,
        *,
        reason: str,
        spending_id: str | None = None,
        caller: str | None = None,
    ) -> Spending:
        """Spend an amount of a currency. `spending_id` is an idempotency key: the same spending again is a replay.

        Raises InvalidInput, UnknownUser, BalanceTooLow, SpendingConflict, UserDeleted, UserMerged or StoreError.
        """
        faults = self.faults_of(
            {"userId": user_id, "currency": currency, "amount": amount, "reason": reason, "spendingId": spending_id}
        )
        # A currency that the rulebook no longer has may have an earlier spending, and its repetition must be answered.
        if any(name != "currency" for name, _ in faults):
            raise InvalidInput.of(faults)
        wanted = Spend(user_id, currency, amount, reason=reason, spending_id=spending_id, caller=caller)
        [result] = await self._recorder.carry_out([wanted])
        if isinstance(result, LaurelsError):
            raise result
        entry, is_new = result
        return Spending(entry, await self._progress_of(user_id), is_replay=not is_new)

    def faults_of(self, values: Mapping[str, Any]) -> list[FieldFault]:
        """The faults of a request, by wire name: `userId`, `currency`, `amount`, `reason` and `spendingId`."""
        checks: dict[str, Callable[[Any], object]] = {
            "userId": lambda user_id: check_id(user_id, "userId", InvalidInput),
            "currency": self._check_currency,
            "amount": _check_amount,
            "reason": check_reason,
            "spendingId": lambda spending_id: check_id(spending_id, "spendingId", InvalidInput),
        }
        given = [name for name in checks if name in values and (name != "spendingId" or values[name] is not None)]
        return faults_of(*(partial(checks[name], values[name]) for name in given))

    def _check_currency(self, currency: object) -> None:
        if str(currency) not in self._rulebook.currencies:
            raise InvalidInput("currency", _unknown(str(currency), self._rulebook))


def _unknown(currency: str, rulebook: Rulebook) -> str:
    if not rulebook.currencies:
        return "The rulebook in force has no currencies."
    return unknown_name(currency, sorted(rulebook.currencies), of="The rulebook in force has no such currency")


def _check_amount(amount: object) -> None:
    if not isinstance(amount, int) or isinstance(amount, bool) or not 1 <= amount <= MOST:
        raise InvalidInput("amount", f"Must be a whole number from 1 to {MOST}.")
