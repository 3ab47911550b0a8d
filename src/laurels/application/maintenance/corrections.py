"""Corrections by authorised people: a badge granted or revoked, an event retracted.

Each is an entry with its reason and its caller, decided on the whole ledger of the learner. A repeated request changes
nothing and returns the existing correction. `domain/revisions/amendments.py` decides which badges are revoked together
with an event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct

from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.recording.committer import ATTEMPTS
from laurels.application.recording.recorder import Recorder
from laurels.application.recording.refolding import fold_later, ledger_of, refold, revisions_of
from laurels.domain.events import check_id
from laurels.domain.ledger.entries import BadgeRevoked, BadgesGiven, Entry, EntryBody, EventRecorded, EventRetracted
from laurels.domain.ledger.reasons import check_reason
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.domain.revisions.amendments import Amendment, grant, retract, revoke, settle
from laurels.domain.rules.badges.awards import badge_and_period
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidInput, StoreContended, UnknownBadge, UnknownEvent, UnknownUser, UserMerged
from laurels.validation import FieldFault, faults_of, nearest


class Corrected(Struct, frozen=True):
    """A correction in the ledger, with the progress after it. `is_replay`: it was there before, and nothing was
    changed."""

    body: EntryBody
    progress: Progress
    is_replay: bool


_Decide = Callable[[Progress, Rulebook], Awaitable[Amendment | EntryBody]]


class Corrections:
    """Makes corrections through one recorder. `caller` names the requester, if known."""

    def __init__(self, store: Store, rulebook: Rulebook, clock: Clock, recorder: Recorder) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._recorder = recorder

    async def retract(self, user_id: str, event_id: str, *, reason: str, caller: str | None = None) -> Corrected:
        """Make an event not count. Raises InvalidInput, UnknownUser, UnknownEvent or StoreError."""
        self._check({"userId": user_id, "eventId": event_id, "reason": reason})

        async def decide(progress: Progress, rules: Rulebook) -> Amendment | EntryBody:
            version = rules.measures_version
            event = (await self._store.ledger.load({}, [(user_id, event_id)], version)).known.get((user_id, event_id))
            if event is None or not isinstance(event.body, EventRecorded):
                raise UnknownEvent
            seen = await revisions_of(self._store, user_id, progress.seq)
            if event.seq in seen.events:
                return await self._last(user_id, progress.seq, lambda body: _retracts(body, event_id))
            seen.events.add(event.seq)
            without = await refold(self._store, rules, user_id, progress.seq, revisions=seen)
            points, currencies = seen.points_of(event.seq, event.body), seen.currencies_of(event.seq, event.body)
            made = retract(
                progress, without, event, rules, points=points, currencies=currencies, reason=reason, caller=caller
            )
            assert isinstance(made.body, EventRetracted)  # noqa: S101  that is what it makes
            after = without
            if made.body.revoked:
                # These count no more either, and the entry that says so is the only one to come.
                seen.see(Entry(user_id, progress.seq + 1, None, self._clock(), made.body))
                after = await refold(self._store, rules, user_id, progress.seq, revisions=seen)
            return Amendment(user_id, progress.seq, settle(made.body, progress, after, rules), after)

        return await self._write(user_id, decide)

    async def grant(
        self, user_id: str, badge_id: str, *, reason: str, caller: str | None = None, earned_at: int | None = None
    ) -> Corrected:
        """Award a badge by hand, as of `earned_at` (milliseconds, default now). A badge that may be earned again is
        awarded for the week or month of that instant. Raises InvalidInput, UnknownUser, UnknownBadge or StoreError."""
        at = self._clock() if earned_at is None else earned_at
        faults = self.faults_of({"userId": user_id, "badgeId": badge_id, "reason": reason, "earnedAt": at})
        if [name for name, _ in faults] == ["badgeId"]:
            raise UnknownBadge(faults[0][1])
        if faults:
            raise InvalidInput.of(faults)

        async def decide(progress: Progress, rules: Rulebook) -> Amendment | EntryBody:
            award_id = rules.award_id_at(badge_id, progress, at)
            if award_id in progress.awards:
                return BadgesGiven("grant", [progress.awards[award_id]], progress.total_points, 1, "")
            return grant(progress, award_id, at, rules, reason=reason, caller=caller)

        return await self._write(user_id, decide)

    async def revoke(self, user_id: str, badge_id: str, *, reason: str, caller: str | None = None) -> Corrected:
        """Revoke a badge, with its points. If the badge may be earned again, `badge_id` also names the period, such as
        `busy_week@2026-W48`. Raises InvalidInput, UnknownUser, UnknownBadge or StoreError."""
        self._check({"userId": user_id, "reason": reason})

        async def decide(progress: Progress, rules: Rulebook) -> Amendment | EntryBody:
            if badge_id not in progress.awards:
                if badge_id in progress.revoked:
                    return await self._last(user_id, progress.seq, lambda body: _revokes(body, badge_id))
                held = [each for each in progress.awards if badge_and_period(each)[0] == badge_id]
                if held:
                    raise InvalidInput(
                        "badgeId", f"Is earned once in each week or month; name which, as in {held[-1]}."
                    )
                raise UnknownBadge(
                    "This user does not hold a badge with this badgeId; the dashboard lists those that they hold."
                )
            seen = await revisions_of(self._store, user_id, progress.seq)
            seen.awards.add((seen.given[badge_id], badge_id))
            after = await refold(self._store, rules, user_id, progress.seq, revisions=seen)
            made = revoke(progress, badge_id, rules, reason=reason, caller=caller)
            after.revoked = sorted({*after.revoked, badge_id})
            return Amendment(user_id, progress.seq, settle(made, progress, after, rules), after)

        return await self._write(user_id, decide)

    def faults_of(self, values: Mapping[str, Any]) -> list[FieldFault]:
        """The faults of a request, by wire name: `userId`, `eventId`, `reason`, and for a grant also `badgeId` and
        `earnedAt`, a time with offset or in milliseconds."""
        now = self._clock()
        checks: dict[str, Callable[[Any], object]] = {
            "userId": lambda user_id: check_id(user_id, "userId", InvalidInput),
            "eventId": lambda event_id: check_id(event_id, "eventId", InvalidInput),
            "badgeId": self._check_badge,
            "reason": check_reason,
            "earnedAt": lambda at: _check_earned_at(to_ms(at) if isinstance(at, datetime) else at, now),
        }
        given = [name for name in checks if values.get(name) is not None]
        return faults_of(*(partial(checks[name], values[name]) for name in given))

    def _check_badge(self, badge_id: str) -> None:
        if badge_id not in self._rulebook.badge_points:
            near = nearest(badge_id, self._rulebook.badge_points)
            meant = "" if near is None else f" Did you mean {near}?"
            raise InvalidInput("badgeId", f"The rulebook in force has no badge with this badgeId.{meant}")

    def _check(self, values: Mapping[str, Any]) -> None:
        if faults := self.faults_of(values):
            raise InvalidInput.of(faults)

    async def _write(self, user_id: str, decide: _Decide) -> Corrected:
        for _ in range(ATTEMPTS):
            rules = self._rulebook.view()
            progress = await self._progress(user_id, rules)
            decided = await decide(progress, rules)
            if not isinstance(decided, Amendment):
                return Corrected(decided, progress, is_replay=True)
            if await self._recorder.amend(decided):
                decided.progress.stamp(decided.seq + 1, self._clock(), decided.body)
                return Corrected(decided.body, decided.progress, is_replay=False)
        raise StoreContended("Other writers kept recording for this user at the same moment; try again.")

    async def _progress(self, user_id: str, rules: Rulebook) -> Progress:
        """A separate copy of the progress: deciding a correction changes it."""
        found = await self._store.ledger.load({user_id: None}, (), rules.measures_version)
        known, later = found.snapshots.get(user_id), found.later.get(user_id, [])
        if user_id in found.deleted or (known is None and not later):
            raise UnknownUser(user_id)
        known = known or Progress(user_id=user_id, version=rules.measures_version)
        progress = await fold_later(self._store, rules, known, later)
        if progress.merged_into is not None:
            raise UserMerged(user_id, progress.merged_into)
        return progress

    async def _last(self, user_id: str, until: int, is_it: Callable[[EntryBody], Any]) -> EntryBody:
        found: EntryBody | None = None
        async for entry in ledger_of(self._store, user_id, until):
            if is_it(entry.body):
                found = entry.body
        assert found is not None  # noqa: S101  an entry took it back
        return found


def _check_earned_at(at: int, now: int) -> None:
    if not 0 <= at <= now:
        raise InvalidInput("earnedAt", "Must not lie in the future, nor before 1970.")


def _retracts(body: EntryBody, event_id: str) -> bool:
    return isinstance(body, EventRetracted) and body.event_id == event_id


def _revokes(body: EntryBody, badge_id: str) -> bool:
    return isinstance(body, BadgeRevoked) and body.award.badge_id == badge_id
