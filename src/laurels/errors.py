"""Every error that Laurels raises on purpose, in one tree.

A caller can catch the root, a branch or a leaf; a surface (HTTP, CLI) maps `code` and never parses text.

    LaurelsError
    ├── InvalidInput            the caller's data is wrong; names the field
    │   ├── InvalidEvent
    │   ├── InvalidProfile
    │   └── InvalidQuery
    ├── EventConflict           the same event id came before with different content
    ├── SpendingConflict        the same spending id came before with different content
    ├── BalanceTooLow           the balance of a currency is lower than the amount
    ├── UnknownUser             nothing is recorded for this user
    ├── UserDeleted             this user was deleted, and stays so
    ├── UserMerged              this user was merged into another one
    ├── UnknownEvent            this user has no such event
    ├── UnknownBadge            the rulebook, or the user, has no such badge
    ├── RepairRefused           a streak cannot be repaired as requested; says why
    ├── UnknownKey              there is no API key with this prefix
    ├── UnknownWebhook          there is no webhook with this id
    ├── UnknownJob              there is no job with this id
    ├── RulebookError           a rulebook cannot be used; names file, line and key
    │   └── OtherRulebook       the store runs a rulebook other than the given one
    ├── SettingsError           an environment setting cannot be used
    ├── InternalFault           a fault of Laurels itself; trying again does not help
    └── StoreError
        ├── StoreUnavailable    the store cannot answer now; trying again may help
        │   └── StoreUnreachable    nobody answers at the store's address, or not in time; waiting helps
        ├── StoreContended      other writers kept winning the race for one user
        └── StoreIncompatible   the store holds something this version cannot read
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class LaurelsError(Exception):
    """Root of the tree. `code` is stable across releases; the text is for people and says what to do."""

    code = "error"


class InvalidInput(LaurelsError):
    """The caller's data is wrong and nothing was changed.

    `faults` has every wrong field with a sentence that says what is expected; `field` and `detail` are the first.
    Fields go by their names on the wire, dotted for nested ones (`metadata.codeLength`).
    """

    code = "invalid-input"

    def __init__(self, field: str, detail: str, *others: tuple[str, str]) -> None:
        self.faults = ((field, detail), *others)
        super().__init__(" ".join(f"{name}: {text}" if name else text for name, text in self.faults))
        self.field = field
        self.detail = detail

    @classmethod
    def of(cls, faults: Sequence[tuple[str, str]]) -> Self:
        """The error that names all of `faults`, one at least, each a field and a sentence."""
        return cls(*faults[0], *faults[1:])


class InvalidEvent(InvalidInput):
    """A learning event breaks a rule of its fields or names a type that the rulebook does not declare."""

    code = "invalid-event"


class InvalidProfile(InvalidInput):
    """A profile change has a wrong field."""

    code = "invalid-profile"


class InvalidQuery(InvalidInput):
    """A query (limit, period, cursor, date range) cannot be read."""

    code = "invalid-query"


class EventConflict(LaurelsError):
    """The event id belongs to an event with different content. Send a new id, or the first content again."""

    code = "event-conflict"

    def __init__(self, user_id: str, event_id: str) -> None:
        super().__init__(
            "Another event of this user, with other content, has this eventId. "
            "Use a new eventId for a new event, or repeat the first content exactly."
        )
        self.user_id = user_id
        self.event_id = event_id


class SpendingConflict(LaurelsError):
    """The spending id belongs to a spending with different content. Send a new id, or the first content again."""

    code = "spending-conflict"

    def __init__(self) -> None:
        super().__init__(
            "Another spending of this user, with other content, has this spendingId. "
            "Use a new spendingId for a new spending, or repeat the first content exactly."
        )


class BalanceTooLow(LaurelsError):
    """The balance of a currency is lower than the amount; nothing was spent."""

    code = "balance-too-low"

    def __init__(self, currency: str, balance: int, amount: int) -> None:
        super().__init__(
            f"The balance of {currency} is {balance}, too low to spend {amount}; nothing was spent. "
            "Spend no more than the balance."
        )
        self.currency = currency
        self.balance = balance
        self.amount = amount


class UnknownUser(LaurelsError):
    """Nothing is recorded for this user."""

    code = "unknown-user"

    def __init__(self, user_id: str, detail: str = "No such user: nothing is recorded under this userId yet.") -> None:
        super().__init__(detail)
        self.user_id = user_id


class UserDeleted(LaurelsError):
    """This user was deleted: nothing is recorded under their id any more."""

    code = "user-deleted"

    def __init__(self, detail: str = "This user was deleted; nothing is recorded under this userId any more.") -> None:
        super().__init__(detail)


class UserMerged(LaurelsError):
    """This user was merged into the user `into`, under whom their events are recorded from then on."""

    code = "user-merged"

    def __init__(self, user_id: str, into: str) -> None:
        super().__init__(f"The user {user_id} was merged into the user {into}; use that userId from now on.")
        self.user_id = user_id
        self.into = into


class UnknownEvent(LaurelsError):
    """The user has no event with this id."""

    code = "unknown-event"

    def __init__(self) -> None:
        super().__init__("This user has no event with this eventId; look for it in the history.")


class UnknownBadge(LaurelsError):
    """The rulebook has no badge with this id, or the user does not hold it."""

    code = "unknown-badge"


class RepairRefused(LaurelsError):
    """A streak cannot be repaired as requested: it is too late, there is nothing to repair, points are missing, or the
    rulebook has no repair. Nothing was changed."""

    code = "repair-refused"


class UnknownKey(LaurelsError):
    """There is no API key with this prefix."""

    code = "unknown-key"

    def __init__(self, prefix: str) -> None:
        super().__init__("There is no key with this prefix; `laurels keys list` shows them.")
        self.prefix = prefix


class UnknownWebhook(LaurelsError):
    """There is no webhook with this id."""

    code = "unknown-webhook"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__("There is no webhook with this id; `laurels webhooks list` shows them.")
        self.endpoint_id = endpoint_id


class UnknownJob(LaurelsError):
    """There is no job with this id."""

    code = "unknown-job"


class RulebookError(LaurelsError):
    """A rulebook cannot be used. `key` is the dotted path inside it, `where` the file and line if known; `others` are
    its other mistakes, and the text has a line for each."""

    code = "rulebook-error"

    def __init__(self, key: str, detail: str, *, where: str = "", others: Iterable[RulebookError] = ()) -> None:
        first = f"{where + ': ' if where else ''}{key + ': ' if key else ''}{detail}"
        self.others = tuple(others)
        super().__init__("\n".join((first, *map(str, self.others))))
        self.key = key
        self.detail = detail
        self.where = where

    @property
    def line(self) -> str:
        """The number of the line; empty if it is unknown."""
        return self.where.rpartition(":")[2]


class OtherRulebook(RulebookError):
    """The store runs a rulebook other than the given one; nothing was changed."""

    code = "other-rulebook"

    def __init__(self, version: int, name: str, given: str) -> None:
        which = f"version {version} of the rulebook {name!r}"
        says = "which says otherwise" if name == given else f"not {given!r}"
        super().__init__(
            "",
            f"This store runs {which}, {says}. Leave --rulebook (LAURELS_RULEBOOK) out to go by it, or put yours in "
            "its place: laurels rulebook publish FILE.",
        )


class SettingsError(LaurelsError):
    """An environment setting cannot be used. The text names the variable and the values it accepts."""

    code = "settings-error"


class InternalFault(LaurelsError):
    """Laurels itself is at fault. The log has the traceback, as the cause of this error; it is never treated as an
    outage.

    The request was not carried out, unless the fault came afterwards.
    """

    code = "internal"


class StoreError(LaurelsError):
    """Root of everything that a store can report. No driver's error type crosses this line."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The store cannot answer now (gone, locked, disk full). Nothing of the call was acknowledged."""

    code = "store-unavailable"


class StoreUnreachable(StoreUnavailable):
    """Nobody answers at the store's address, or not in time: it is starting, electing a primary, or the network is cut.
    At startup this error means that waiting may help."""

    code = "store-unreachable"


class StoreContended(StoreError):
    """Other writers kept winning the race for this user's next entry. Nothing was written; try again."""

    code = "store-contended"


class StoreIncompatible(StoreError):
    """The store was written by a version that this one cannot read. Upgrade Laurels, or name another store."""

    code = "store-incompatible"
