"""Merging two users who are one person: the data to be moved from one ledger to the end of the other.

Events move with their ids and times, and the rules in force decide them again as the other user's. Decisions that
today's rules did not make stay unchanged: points of events recorded under other rules, badges given by hand, and data
from another system.

`application/maintenance/merging.py` has the order of the steps, `application/recording/merge_commands.py` the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from laurels.domain.boards.ranking import Visibility
from laurels.domain.engine import advance, award, count
from laurels.domain.events import LearningEvent
from laurels.domain.folding import adjust, hold, take_repair
from laurels.domain.goals import GoalChange, changed, taken_over
from laurels.domain.ledger.amounts import NONE, Amounts, sum_of
from laurels.domain.ledger.entries import (
    Award,
    CurrencySpent,
    Entry,
    EventRecorded,
    MergedFrom,
    MergedInto,
    MergeStage,
    Outcome,
    ProfileChanged,
    Unpaid,
    UserMigrated,
)
from laurels.domain.ledger.pauses import Pause, pauses_of
from laurels.domain.ledger.repairs import Repair
from laurels.domain.periods import day_of
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.rules.earning_limits import pay
from laurels.domain.rules.points import EventType
from laurels.domain.rules.rulebook import Rulebook

RULES = "merged"
"""Replaces the fingerprint of the rules in an outcome: the event keeps the points that it had before it moved."""

_UNLIMITED = EventType(points=0)
# The number of characters kept of an id that is replaced, and of the hash after it.
_KEPT, _HASH = 80, 16


class MigratedTotal(Struct):
    """The sum of the additions to a total stored by another system, and the user's last activity there."""

    at: int
    adjustment: int


class Account:
    """The facts about a ledger that a merge needs. `seq` and all other fields are from the entries before the one that
    closes it."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.seq = 0
        self._recorded = 0
        self.closing: MergedInto | None = None
        self.merging: list[str] = []
        self.merged: list[str] = []
        self.pauses: list[Pause] = []
        self.goals: list[GoalChange] = []
        self.is_suspended = False
        self.visibility = Visibility.PUBLIC
        self.migrated: dict[str, MigratedTotal] = {}
        self.spent: Amounts = NONE
        self._seen = Revisions()
        # For badges awarded by another system: the user of that system who had them.
        self._undated: dict[str, str] = {}

    def see(self, entry: Entry) -> None:
        """Read the next entry."""
        body = entry.body
        if isinstance(body, MergedInto):
            self.closing = body
            return
        self.seq = entry.seq
        self._seen.see(entry)
        match body:
            case EventRecorded():
                self._recorded += 1
            case UserMigrated():
                before = self.migrated.get(body.origin)
                self.migrated[body.origin] = MigratedTotal(
                    body.at, body.adjustment + (0 if before is None else before.adjustment)
                )
                self._undated.update((each.badge_id, body.origin) for each in body.awards)
            case ProfileChanged():
                self.is_suspended = body.changes.get("suspended", self.is_suspended)
                self.visibility = Visibility(body.changes.get("visibility", self.visibility))
                self.pauses = pauses_of(body.changes["pauses"]) if "pauses" in body.changes else self.pauses
                self.goals = changed(self.goals, body.changes.get("goals", {}), body.day)
            case CurrencySpent():
                self.spent = sum_of([self.spent, ((body.currency, body.amount),)])
            case MergedFrom():
                self._see_merge(body)
            case _:
                pass

    def _see_merge(self, body: MergedFrom) -> None:
        self.is_suspended |= body.is_suspended
        self.pauses = sorted({*self.pauses, *body.pauses})
        self.goals = sorted([*self.goals, *body.goals])
        self.merging = [each for each in self.merging if each != body.source]
        if body.stage == "begun":
            self.merging.append(body.source)
        elif body.stage == "done":
            self.merged.append(body.source)
        self.spent = sum_of([self.spent, body.spent])

    @property
    def events(self) -> int:
        """The number of events that count."""
        return self._recorded - len(self._seen.events)

    def counts(self, entry: Entry) -> bool:
        """Whether the entry is an event that was not retracted."""
        return isinstance(entry.body, EventRecorded) and entry.seq not in self._seen.events

    def kept(self, seq: int, body: EventRecorded) -> tuple[int, Amounts, str]:
        """The points and currencies with which an event counts, and the fingerprint of the rules that decided them: the
        original rules, or those of a later recount."""
        points = self._seen.points_of(seq, body)
        currencies = self._seen.currencies_of(seq, body)
        is_unchanged = (points, currencies) == (body.outcome.points, body.outcome.currencies)
        return points, currencies, body.outcome.rules if is_unchanged else RULES

    @property
    def revoked(self) -> set[str]:
        """Badges that were revoked by hand, and not granted since."""
        return set(self._seen.banned)

    @property
    def repairs(self) -> list[Repair]:
        """The valid repairs of streaks."""
        return [each for each in self._seen.repairs if each.id not in self._seen.undone]

    @property
    def awards(self) -> dict[str, Award]:
        """The held badges."""
        return dict(self._seen.held)

    def held(self, origin: str | None) -> list[Award]:
        """The held badges that a user of another system had brought along, or (None) all others."""
        return sorted(
            (each for each in self._seen.held.values() if self._origin_of(each) == origin),
            key=lambda each: (each.earned_at, each.badge_id),
        )

    def _origin_of(self, held: Award) -> str | None:
        return self._undated.get(held.badge_id)


def other_id(source: str, event_id: str) -> str:
    """The new id of an event of `source` whose own id belongs to another event of the target user: always the same one,
    at most 100 characters long."""
    digest = sha256(f"{source}\0{event_id}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{event_id[:_KEPT]}~{digest[:_HASH]}"


def merge_event(
    progress: Progress,
    event: LearningEvent,
    at: int,
    rulebook: Rulebook,
    *,
    offset: int,
    grace: int,
    points: int,
    currencies: Amounts,
    rules: str,
    pays: Mapping[str, Award],
) -> Outcome:
    """Count an event that moves from another user, where it counted `points` and gave `currencies` by `rules`, on the
    local day given by `offset` and `grace`.

    Events decided by the rules in force are decided again, limits included. An event of other rules keeps its points,
    as far as the limits in force allow; its badges count with the points of `pays`, which were held before, or with
    those of the rulebook.
    """
    rule = rulebook.event_types.get(event.event_type)
    if rules == rulebook.fingerprint and rule is not None:
        return advance(progress, event, at, rulebook, offset=offset)
    unpaid: Unpaid | None = None
    if event.once_key is not None or event.event_type in rulebook.limited:
        day = day_of(at, offset, grace)
        limits = _UNLIMITED if rule is None else rule
        points, unpaid = pay(
            progress,
            event.event_type,
            limits,
            points,
            at=at,
            day=day,
            once_key=event.once_key,
            gives=bool(currencies),
        )
        if unpaid is not None and not points:
            currencies = NONE
    return count(
        progress,
        event,
        at,
        rulebook,
        points=points,
        offset=offset,
        grace=grace,
        rules=RULES,
        unpaid=unpaid,
        currencies=currencies,
        pays=rulebook.badge_pay_with(pays),
    )


def merge_migration(progress: Progress, account: Account, origin: str, rulebook: Rulebook) -> UserMigrated:
    """Take over the data of another system about the user of `account`, after their events; advances the progress."""
    total = account.migrated[origin]
    awards = _missing(progress, account.held(origin))
    candidates: list[int] = []
    for each in awards:
        candidates += hold(progress, each, rulebook, is_dated=False)
    candidates += adjust(progress, total.adjustment, rulebook)
    pays = rulebook.badge_pay_with(account.awards)
    awards += award(progress, candidates, total.at, rulebook, pays=pays, is_dated=False)
    body = UserMigrated(
        origin=origin,
        at=total.at,
        total_points=progress.total_points,
        level=rulebook.levels.level_at(progress.total_points),
        adjustment=total.adjustment,
        awards=awards,
    )
    progress.migrate(body)
    return body


def begin_merge(
    progress: Progress, account: Account, rulebook: Rulebook, *, reason: str, caller: str | None
) -> MergedFrom | None:
    """Announce a merge in its target ledger, unless that has been done; advances the progress."""
    source = account.user_id
    known = progress.awards.keys() | set(progress.revoked)
    revoked = sorted(account.revoked - known)
    suspends = account.is_suspended and not progress.is_suspended
    pauses = [each for each in account.pauses if each not in progress.pauses]
    if source in progress.merged or (source in progress.merging and not (revoked or suspends or pauses)):
        return None
    return _stage(
        progress,
        source,
        "begun",
        rulebook,
        reason=reason,
        caller=caller,
        revoked=revoked,
        is_suspended=suspends,
        pauses=pauses,
    )


def withdraw_merge(
    progress: Progress, source: str, rulebook: Rulebook, *, reason: str, caller: str | None
) -> MergedFrom | None:
    """Record that an announced merge will not take place; advances the progress."""
    if source not in progress.merging:
        return None
    return _stage(progress, source, "withdrawn", rulebook, reason=reason, caller=caller)


def finish_merge(
    progress: Progress, account: Account, rulebook: Rulebook, *, reason: str, caller: str | None
) -> MergedFrom | None:
    """Award what the user of `account` held and their events did not bring, take their repairs of streaks over, and the
    goals that this user never had, and say that all is moved; moves the progress on."""
    if account.user_id in progress.merged:
        return None
    awards = _missing(progress, account.held(None))
    candidates: list[int] = []
    for each in awards:
        candidates += hold(progress, each, rulebook)
    spent = progress.spent
    repairs, longer = _move_repairs(progress, account.repairs, rulebook)
    candidates += longer
    if candidates:
        pays = rulebook.badge_pay_with(account.awards)
        at = awards[-1].earned_at if awards else progress.last_active_at or 0
        awards += award(progress, candidates, at, rulebook, pays=pays)
    return _stage(
        progress,
        account.user_id,
        "done",
        rulebook,
        reason=reason,
        caller=caller,
        awards=awards,
        events=account.events,
        spent=account.spent,
        repairs=repairs,
        paid=progress.spent - spent,
        goals=taken_over(progress.goals, account.goals),
    )


def close_ledger(progress: Progress, into: str, rulebook: Rulebook, *, reason: str, caller: str | None) -> MergedInto:
    """Close the ledger of this user, under whom nothing counts any more; advances the progress."""
    body = MergedInto(into, progress.total_points, 0, rulebook.levels.level_at(0), reason, caller, progress.left)
    progress.close(body)
    return body


def _move_repairs(progress: Progress, repairs: list[Repair], rulebook: Rulebook) -> tuple[list[Repair], list[int]]:
    """Take over the repairs of days that are not repaired here, as far as the points pay for them. Returns these
    repairs, and the badges that they may bring."""
    moved: list[Repair] = []
    reached: list[int] = []
    for each in repairs:
        if any(held.first <= each.last and each.first <= held.last for held in progress.repairs):
            continue
        known = len(progress.repairs)
        reached += take_repair(progress, replace(each, seq=progress.seq + 1), rulebook)
        if len(progress.repairs) > known:
            moved.append(replace(each, seq=0))
    return moved, reached


def _missing(progress: Progress, held: list[Award]) -> list[Award]:
    return [each for each in held if each.badge_id not in progress.awards and each.badge_id not in progress.revoked]


def _stage(
    progress: Progress,
    source: str,
    stage: MergeStage,
    rulebook: Rulebook,
    *,
    reason: str,
    caller: str | None,
    revoked: list[str] | None = None,
    is_suspended: bool = False,
    awards: list[Award] | None = None,
    events: int = 0,
    spent: Amounts = NONE,
    repairs: list[Repair] | None = None,
    paid: int = 0,
    pauses: list[Pause] | None = None,
    goals: list[GoalChange] | None = None,
) -> MergedFrom:
    body = MergedFrom(
        source,
        stage,
        progress.total_points,
        rulebook.levels.level_at(progress.total_points),
        reason,
        revoked or [],
        is_suspended,
        awards or [],
        events,
        caller,
        spent,
        repairs or [],
        paid,
        pauses or [],
        goals or [],
    )
    progress.merge(body)
    return body
