"""The lines of the ledger.

An entry is one body about one user, with everything that it brought, written in one atomic write at (`user_id`, `seq`).
Entries are never changed; all shown data can be folded from them again.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from laurels.domain.goals import GoalChange, GoalMet
from laurels.domain.ledger.amounts import NONE, Amounts, difference, sum_of
from laurels.domain.ledger.pauses import Pause
from laurels.domain.ledger.repairs import Repair, RepairId
from laurels.domain.periods import day_of

Unpaid = Literal["once", "cooldown", "daily-cap"]
"""Why an event brought fewer points than its type pays: its once key was paid for before, it came too soon after
another event, or its day had reached a cap."""


class Award(Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A held badge. `earned_at` is the instant of the event at whose arrival the criterion was met, `currencies` the
    amount of each that it gives."""

    badge_id: str
    points: int
    earned_at: int
    currencies: Amounts = NONE


class Boosted(Struct, frozen=True, rename="camel", gc=False):
    """How many of an event's points a boost added."""

    boost_id: str
    points: int


class Outcome(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The outcome of one event.

    `offset` is the user's UTC offset in seconds when it happened, which with `grace` fixes its local day for ever.
    `grace` is the number of hours after midnight that belonged to the day before. `total_points` and `level` are the
    values after it. `rules` is the fingerprint of the rules that decided. `unpaid` says which limit took some or all of
    the event's points, and `boost` which boost multiplied them and how many of `points` it added. `currencies` is the
    amount of each that the event gave, without its awards. `returned` are points refunded for a repair of the day,
    which now counts by itself.
    """

    points: int
    total_points: int
    level: int
    rules: str
    offset: int = 0
    grace: int = 0
    leveled_up: bool = False
    awards: list[Award] = []
    unpaid: Unpaid | None = None
    boost: Boosted | None = None
    currencies: Amounts = NONE
    returned: int = 0


class EventRecorded(Struct, frozen=True, rename="camel", omit_defaults=True, tag="event", tag_field="kind"):
    """A learning event was recorded. `at` is when it happened, `daily_streak` the streak shown in the answer,
    `once_key` names the thing that is paid for once. `extends_streak`: the event made the streak longer, to two days
    or weeks, or more. `is_imported`: the operator brought it in, so that its being told late says nothing about the
    user. `goals` are those of the user that were met only since it."""

    event_type: str
    at: int
    outcome: Outcome
    metadata: dict[str, Any] = {}
    daily_streak: int = 0
    extends_streak: bool = False
    once_key: str | None = None
    is_imported: bool = False
    goals: list[GoalMet] = []

    @property
    def day(self) -> int:
        """The local calendar day on which the event happened."""
        return day_of(self.at, self.outcome.offset, self.outcome.grace)


class ProfileChanged(Struct, frozen=True, rename="camel", omit_defaults=True, tag="profile", tag_field="kind"):
    """Fields of a profile were set. `changes` holds only those that changed, by wire name.

    `zone_from` is the instant from which a new time zone holds; None with a zone: from the beginning. `day` is the
    user's day on which goals were changed, 0 where none was.
    """

    changes: dict[str, Any]
    zone_from: int | None = None
    day: int = 0


class UserMigrated(Struct, frozen=True, rename="camel", omit_defaults=True, tag="migration", tag_field="kind"):
    """A user was taken over from another system, after their events there.

    `origin` names the user there; `at` is their last activity there. `stored_total` is the total stored there (None: no
    usable one), `event_points` the points of its events. `awards` are badges held there whose criterion the events did
    not meet, and badges that follow from all this. `adjustment` is the amount added so that the total equals
    `stored_total`; it and the awards count on the all-time board only, since nobody knows when they were earned.
    `total_points` and `level` are the values after it. A later migration from the same origin corrects the earlier one.
    """

    origin: str
    at: int
    total_points: int
    level: int
    stored_total: int | None = None
    event_points: int = 0
    adjustment: int = 0
    awards: list[Award] = []
    created_at: int | None = None
    profile: dict[str, Any] = {}


Cause = Literal["backfill", "grant"]
Notify = Literal["none", "digest", "each"]
"""The messages of webhooks and streams about awards made later: none, one for all of them, or one for each."""


class BadgesGiven(Struct, frozen=True, rename="camel", omit_defaults=True, tag="award", tag_field="kind"):
    """Badges were awarded without a new event: after a change of the rules (backfill), or by hand (grant).

    In a backfill, the `earned_at` of each award is the instant of the event that met the criterion; `crossings` holds
    the ids of these events by badge. `rules` is the fingerprint of the rules that decided. `total_points` and `level`
    are the values after it.
    """

    cause: Cause
    awards: list[Award]
    total_points: int
    level: int
    rules: str
    crossings: dict[str, str] = {}
    notify: Notify = "each"
    reason: str | None = None
    caller: str | None = None


class StreakRepaired(Struct, frozen=True, rename="camel", omit_defaults=True, tag="repair", tag_field="kind"):
    """A missed day, or week, was paid for, so that it does not break the streak.

    `awards` are badges that the longer streak brought. `daily_streak` is the streak shown in the answer; `total_points`
    and `level` are the values after it. `rules` is the fingerprint of the rules that decided.
    """

    repair: Repair
    total_points: int
    level: int
    rules: str
    daily_streak: int = 0
    awards: list[Award] = []
    reason: str | None = None
    caller: str | None = None


class BadgeRevoked(Struct, frozen=True, rename="camel", omit_defaults=True, tag="revocation", tag_field="kind"):
    """A badge was revoked by hand, with its points; no rule awards it again, only a grant does.

    `award` is the revoked award. `total_points` and `level` are the values after it. `undone` and `settled`: see
    `EventRetracted`.
    """

    award: Award
    total_points: int
    level: int
    reason: str
    caller: str | None = None
    undone: list[RepairId] = []
    settled: int = 0


class EventRetracted(Struct, frozen=True, rename="camel", omit_defaults=True, tag="retraction", tag_field="kind"):
    """The event of the entry `event_seq` does not count any more: from here on everything is as if it had never
    happened.

    `points` and `currencies` are the amounts that it had brought, `revoked` are the revocable badges that are not met
    without it. Other badges stay, even those that came with it. `total_points` and `level` are the values after it.
    `undone` are the repairs of streaks that could not have been paid for then. `settled` is the resulting change in the
    prices of repairs: those of `undone` are refunded, and a repair whose day does not count any more by itself must be
    paid for again.
    """

    event_id: str
    event_seq: int
    points: int
    total_points: int
    level: int
    reason: str
    revoked: list[Award] = []
    caller: str | None = None
    currencies: Amounts = NONE
    undone: list[RepairId] = []
    settled: int = 0


class CurrencySpent(Struct, frozen=True, rename="camel", omit_defaults=True, tag="spending", tag_field="kind"):
    """The user spent `amount` of a currency and has `balance` left. `total_points` and `level`, which it does not
    change, are the values after it."""

    currency: str
    amount: int
    balance: int
    total_points: int
    level: int
    reason: str
    caller: str | None = None


class Repointed(Struct, frozen=True, rename="camel", omit_defaults=True, tag="repoint", tag_field="kind"):
    """From here on, events and badges of the past count with the points that the rules `rules` pay.

    `events` are pairs of an event's `seq` and its points; `badges` has the points of held badges. `difference` is the
    change to the total; `total_points` and `level` are the values after it. Endpoints for retractions get no message
    about this: no badge and no event was added or removed. `event_currencies` and `badge_currencies` are the currencies
    that they give from here on, and `currencies` is the change to each. `undone` and `settled`: see `EventRetracted`;
    they come in addition to `difference`.
    """

    events: list[tuple[int, int]]
    badges: dict[str, int]
    difference: int
    total_points: int
    level: int
    rules: str
    caller: str | None = None
    event_currencies: list[tuple[int, Amounts]] = []
    badge_currencies: dict[str, Amounts] = {}
    currencies: Amounts = NONE
    undone: list[RepairId] = []
    settled: int = 0


class MergedInto(Struct, frozen=True, rename="camel", omit_defaults=True, tag="merged-into", tag_field="kind"):
    """This user is the same person as the user `into`, under whom everything counts from here on. It closes the ledger:
    no entry follows it.

    `points` is the total that it took away, `currencies` the balance of each; `total_points` (0) and `level` are the
    values after it.
    """

    into: str
    points: int
    total_points: int
    level: int
    reason: str
    caller: str | None = None
    currencies: Amounts = NONE


MergeStage = Literal["begun", "done", "withdrawn"]
"""The state of a merge: nothing is moved yet; everything is; nothing ever will be."""


class MergedFrom(Struct, frozen=True, rename="camel", omit_defaults=True, tag="merged-from", tag_field="kind"):
    """The user `source` is merged into this one. Its events are between the entries with "begun" and "done".

    With "begun" come the badges that were taken back by hand under `source` (`revoked`), and whether the operator had
    suspended it. With "done" come the badges that it held and the events did not bring (`awards`), the number of its
    `events`, what it had spent of each currency, and the `repairs` of its streaks, which cost `paid`; with "begun" also
    the `pauses` that it had planned, with "done" the changes of its `goals`. `total_points` and `level` stand after
    it.
    """

    source: str
    stage: MergeStage
    total_points: int
    level: int
    reason: str
    revoked: list[str] = []
    is_suspended: bool = False
    awards: list[Award] = []
    events: int = 0
    caller: str | None = None
    spent: Amounts = NONE
    repairs: list[Repair] = []
    paid: int = 0
    pauses: list[Pause] = []
    goals: list[GoalChange] = []


EntryBody = (
    EventRecorded
    | ProfileChanged
    | UserMigrated
    | BadgesGiven
    | StreakRepaired
    | BadgeRevoked
    | EventRetracted
    | CurrencySpent
    | Repointed
    | MergedInto
    | MergedFrom
)


class Entry(Struct, frozen=True):
    """One line of the ledger. `seq` counts a user's entries from 1; `recorded_at` is the time of writing."""

    user_id: str
    seq: int
    event_id: str | None
    recorded_at: int
    body: EntryBody


def awards_of(body: EntryBody) -> list[Award]:
    """The badges that an entry brought."""
    match body:
        case EventRecorded():
            return body.outcome.awards
        case UserMigrated() | BadgesGiven() | MergedFrom() | StreakRepaired():
            return body.awards
        case _:
            return []


def currencies_of(body: EntryBody) -> Amounts:
    """An entry's change to each currency: for one user the changes add up to the balance."""
    brought = [award.currencies for award in awards_of(body)]
    match body:
        case EventRecorded():
            return sum_of([body.outcome.currencies, *brought])
        case EventRetracted():
            return difference((), [body.currencies, *(award.currencies for award in body.revoked)])
        case BadgeRevoked():
            return difference((), [body.award.currencies])
        case CurrencySpent():
            return ((body.currency, -body.amount),)
        case Repointed():
            return body.currencies
        case MergedInto():
            return difference((), [body.currencies])
        case MergedFrom():
            return difference(brought, [body.spent])
        case _:
            return sum_of(brought)


def repairs_of(entry: Entry) -> list[Repair]:
    """The repairs that an entry made."""
    match entry.body:
        case StreakRepaired(repair=repair):
            return [replace(repair, seq=entry.seq)]
        case MergedFrom(repairs=repairs):
            return [replace(each, seq=entry.seq) for each in repairs]
        case _:
            return []
