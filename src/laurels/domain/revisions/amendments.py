"""Entries that follow from the ledger instead of an event: awards after a change of the rules, grants, revocations,
retractions.

Each is decided on a whole ledger: `Replay` runs it through the present rules, and a backfill awards the resulting
badges that the learner does not hold.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from laurels.domain.engine import award
from laurels.domain.folding import adjust, fold, hold, observe_event, take_repairs
from laurels.domain.ledger.amounts import NONE, Amounts
from laurels.domain.ledger.entries import (
    Award,
    BadgeRevoked,
    BadgesGiven,
    Entry,
    EntryBody,
    EventRecorded,
    EventRetracted,
    MergedFrom,
    MergedInto,
    Notify,
    Repointed,
    StreakRepaired,
    UserMigrated,
)
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.rules.badges.awards import badge_and_period, badges_of, is_only_award
from laurels.domain.rules.badges.requirements import RepeatRequirement, Requirement
from laurels.domain.rules.rulebook import Rulebook


class Crossing(Struct, frozen=True):
    """A badge that the rules award at a past event, and the id of that event."""

    award: Award
    event_id: str


class Amendment(Struct, frozen=True):
    """An entry to be written after entry `seq` of a user, and the progress after it.

    If given, `event_id` prevents a second such entry.
    """

    user_id: str
    seq: int
    body: EntryBody
    progress: Progress


class Replay:
    """One user's ledger under the present rules, as if these had been in force from the start.

    Events keep their points. Held badges stay held from the instant at which they were recorded, or from an earlier one
    at which the rules award them. Criteria are monotone, so a badge that is met at the end was met at some event on the
    way. `seen` has read the whole ledger before.
    """

    def __init__(self, user_id: str, rulebook: Rulebook, seen: Revisions) -> None:
        self.progress = Progress(user_id=user_id, version=rulebook.measures_version)
        self._rulebook = rulebook
        self._seen = seen
        self.crossings: dict[str, Crossing] = {}
        # A held badge keeps its points and currencies, wherever the rules would have awarded it.
        held = seen.held
        self._pays = rulebook.badge_pay_with(held)
        # Badges that are not awarded: revoked by hand, or earned while they were repeatable.
        self._barred = sorted(seen.banned | (set(badges_of(held)) - held.keys() - rulebook.repeated))

    def take(self, entry: Entry) -> None:
        """Fold the next entry."""
        progress, body, rulebook = self.progress, entry.body, self._rulebook
        if isinstance(body, BadgesGiven | UserMigrated | MergedFrom | StreakRepaired):
            self._take_awards(entry, body)
            return
        if isinstance(body, MergedInto):
            self.crossings.clear()
        if not isinstance(body, EventRecorded):
            fold(progress, entry, rulebook, self._seen)
            return
        progress.stamp(entry.seq, entry.recorded_at, body)
        outcome = body.outcome
        if entry.seq in self._seen.events:
            # A badge that came with a retracted event stays, once: the rules may have awarded it before.
            for recorded in outcome.awards:
                self._hold(entry.seq, recorded)
            return
        candidates = observe_event(
            progress,
            event_type=body.event_type,
            metadata=body.metadata,
            at=body.at,
            offset=outcome.offset,
            grace=outcome.grace,
            points=self._seen.points_of(entry.seq, body),
            rulebook=rulebook,
            once_key=body.once_key,
            currencies=self._seen.currencies_of(entry.seq, body),
        )
        for recorded in outcome.awards:
            candidates += self._hold(entry.seq, recorded)
        if candidates:
            self._award(candidates, body.at, entry.event_id or "")

    def _take_awards(self, entry: Entry, body: BadgesGiven | UserMigrated | MergedFrom | StreakRepaired) -> None:
        progress, is_dated = self.progress, not isinstance(body, UserMigrated)
        progress.stamp(entry.seq, entry.recorded_at, body)
        candidates: list[int] = []
        if isinstance(body, UserMigrated):
            progress.migrate(body)
            candidates += adjust(progress, body.adjustment, self._rulebook)
        elif isinstance(body, MergedFrom):
            progress.merge(body)
        for given in body.awards:
            candidates += self._hold(entry.seq, given, is_dated=is_dated)
        candidates += take_repairs(progress, entry, self._rulebook, self._seen)
        if candidates:
            # Without a time of its own it is a repair.
            at = body.at if isinstance(body, UserMigrated) else entry.recorded_at
            if not isinstance(body, UserMigrated) and body.awards:
                at = body.awards[-1].earned_at
            self._award(candidates, at, entry.event_id or "")

    def _hold(self, seq: int, recorded: Award, *, is_dated: bool = True) -> list[int]:
        if recorded.badge_id in self.progress.awards or (seq, recorded.badge_id) in self._seen.awards:
            return []
        return hold(self.progress, self._seen.award_of(seq, recorded), self._rulebook, is_dated=is_dated)

    def _award(self, candidates: list[int], at: int, event_id: str) -> None:
        self.progress.revoked = self._barred
        for made in award(self.progress, candidates, at, self._rulebook, pays=self._pays):
            self.crossings[made.badge_id] = Crossing(made, event_id)

    @property
    def missing(self) -> list[Crossing]:
        """Badges that the rules award and the user does not hold, in the order of their events."""
        held = self._seen.held
        return [each for badge_id, each in self.crossings.items() if badge_id not in held]


def backfill(progress: Progress, missing: list[Crossing], rulebook: Rulebook, notify: Notify) -> BadgesGiven:
    """Award the missing badges of a replay; advances the progress."""
    for each in missing:
        hold(progress, each.award, rulebook)
    total = progress.total_points
    return BadgesGiven(
        "backfill",
        [each.award for each in missing],
        total,
        rulebook.levels.level_at(total),
        rulebook.fingerprint,
        crossings={each.award.badge_id: each.event_id for each in missing},
        notify=notify,
    )


def grant(
    progress: Progress, award_id: str, at: int, rulebook: Rulebook, *, reason: str, caller: str | None
) -> Amendment:
    """Award a badge of the rulebook that the user does not hold, and the badges that its points bring."""
    seq = progress.seq
    progress.revoked = [each for each in progress.revoked if each != award_id]
    granted = rulebook.badge_pay.award(award_id, badge_and_period(award_id)[0], at)
    awards = [granted, *award(progress, hold(progress, granted, rulebook), at, rulebook)]
    total = progress.total_points
    body = BadgesGiven(
        "grant", awards, total, rulebook.levels.level_at(total), rulebook.fingerprint, reason=reason, caller=caller
    )
    return Amendment(progress.user_id, seq, body, progress)


def revoke(progress: Progress, badge_id: str, rulebook: Rulebook, *, reason: str, caller: str | None) -> BadgeRevoked:
    """Revoke a held badge. The progress after it is to be folded from the start."""
    held = progress.awards[badge_id]
    total = progress.total_points - held.points
    return BadgeRevoked(held, total, rulebook.levels.level_at(total), reason, caller)


def retract(
    progress: Progress,
    without: Progress,
    event: Entry,
    rulebook: Rulebook,
    *,
    points: int,
    currencies: Amounts = NONE,
    reason: str,
    caller: str | None,
) -> Amendment:
    """Retract an event that counted `points` and gave `currencies`. `without` is the progress without it. Revocable
    badges that are not met there are revoked one by one, since the points of one may have brought the next.
    """
    revoked: list[Award] = []
    found = True
    while found:
        found = False
        for position, badge in enumerate(rulebook.badges):
            if not badge.revocable:
                continue
            for held in _unmet_awards(without, badge.id, rulebook.requirements[position]):
                _drop_award(without, held, rulebook)
                revoked.append(held)
                found = True
    total = progress.total_points - points - sum(each.points for each in revoked)
    body = EventRetracted(
        event.event_id or "",
        event.seq,
        points,
        total,
        rulebook.levels.level_at(total),
        reason,
        revoked=revoked,
        caller=caller,
        currencies=currencies,
    )
    return Amendment(progress.user_id, progress.seq, body, progress)


def settle(
    body: EventRetracted | BadgeRevoked | Repointed, before: Progress, after: Progress, rulebook: Rulebook
) -> EventRetracted | BadgeRevoked | Repointed:
    """Add the effect on repairs to the entry of a revision. `before` and `after` are the progress before it and the one
    folded from the start with it."""
    if not before.repairs:
        return body
    total = after.total_points
    return replace(
        body,
        undone=sorted({each.id for each in before.repairs} - {each.id for each in after.repairs}),
        settled=total - body.total_points,
        total_points=total,
        level=rulebook.levels.level_at(total),
    )


def _unmet_awards(progress: Progress, badge_id: str, requirement: Requirement) -> list[Award]:
    """The held awards of a badge that are not met."""
    if isinstance(requirement, RepeatRequirement):
        met = set(requirement.met(progress))
        return [held for each, held in progress.awards.items() if each not in met and requirement.decides(each)]
    held = progress.awards.get(badge_id)
    return [] if held is None or requirement.is_met(progress) else [held]


def _drop_award(progress: Progress, held: Award, rulebook: Rulebook) -> None:
    """Remove a badge from the values that criteria depend on: the points and the numbers of badges."""
    del progress.awards[held.badge_id]
    progress.total_points -= held.points
    badge = rulebook.badge(held.badge_id)
    if badge is not None and is_only_award(progress, held.badge_id):
        for measure in rulebook.badge_measures[badge.id]:
            progress.measure_values[measure.index] -= 1
