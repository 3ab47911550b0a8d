"""Badges and points for the past: every ledger under the present rules, shown (`preview`) or awarded (`backfill`).

Both replay the same ledgers with the same function, so a backfill awards exactly the preview. Memory is bounded by one
page of a ledger and the samples.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from laurels.application.maintenance.ledger_scan import pages_of_users
from laurels.application.maintenance.replaying import Replayed, Replays
from laurels.application.ports.store import Store
from laurels.application.recording.commands import AwardMissing
from laurels.application.recording.committer import ATTEMPTS
from laurels.application.recording.recorder import Recorder
from laurels.application.recording.refolding import refold, revisions_of
from laurels.application.recording.stats import RecorderStats
from laurels.domain.ledger.amounts import NONE, Amounts, sum_of
from laurels.domain.ledger.entries import Entry, Notify, Repointed
from laurels.domain.periods import iso
from laurels.domain.revisions import repointing
from laurels.domain.revisions.amendments import Amendment, settle
from laurels.domain.rules.badges.awards import badge_and_period, badges_of
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreContended, UserDeleted, UserMerged

SAMPLES = 20
# Learners whose awards share one commit.
_AT_ONCE = 200
# The same while events are recorded: a commit with fewer awards holds them up for less time.
_FEW = 10
# Seconds of work after which others get their turn.
_SLICE = 0.002
# Seconds after an event in which more are expected.
_MOMENT = 1.0


class AwardSample(Struct, frozen=True, rename="camel"):
    """A learner who would earn a badge, and the event at which they met its criterion."""

    user_id: str
    event_id: str
    earned_at: str


class BadgePreview(Struct, rename="camel"):
    """How many learners hold a badge, and how often a backfill would award it: once per learner, unless it may be
    earned again. `months` counts these awards by the month in which they were earned."""

    badge_id: str
    holders: int = 0
    would_earn: int = 0
    samples: list[AwardSample] = field(default_factory=list[AwardSample])
    months: dict[str, int] = field(default_factory=dict[str, int])


class Preview(Struct, rename="camel"):
    """The effect that a backfill would have. `points` is its addition to all totals together, `levels_changed` the
    number of learners whose level would change, `estimated_seconds` its duration. Of these points, `repointed_points`
    come from counting the points of `repointed` learners again; both are 0 if that was not requested. `currencies` is
    the addition to all balances together, if any."""

    badges: list[BadgePreview]
    learners: int = 0
    events: int = 0
    points: int = 0
    levels_changed: int = 0
    repointed: int = 0
    repointed_points: int = 0
    currencies: dict[str, int] | UnsetType = UNSET
    estimated_seconds: float = 0.0


class Backfilled(Struct):
    """The result of a backfill: learners and events examined, learners whose points it changed, and its awards by
    badge."""

    learners: int = 0
    events: int = 0
    repointed: int = 0
    awards: Counter[str] = field(default_factory=Counter[str])


async def preview(
    store: Store,
    rulebook: Rulebook,
    *,
    repoint: bool = False,
    on_progress: Callable[[int, int], object] = lambda learners, events: None,
) -> Preview:
    """The awards that a backfill under `rulebook` would make now; with `repoint` after points are counted again. Reads
    only.

    After each learner, `on_progress` is called with the number of learners and events examined.
    """
    started = monotonic()
    badges = {badge.id: BadgePreview(badge.id) for badge in rulebook.badges}
    made = Preview(list(badges.values()))
    replays = Replays(store, rulebook, repoint=repoint)
    rested = monotonic()
    currencies: Amounts = NONE
    async for replayed in _all(store, replays):
        made.learners += 1
        made.events += replayed.events
        for badge_id in badges_of(replayed.held):
            if badge_id in badges:
                badges[badge_id].holders += 1
        gained = 0
        currencies = sum_of([currencies, *(crossing.award.currencies for crossing in replayed.missing)])
        if replayed.repointing is not None and replayed.repointing.changes_anything:
            made.repointed += 1
            made.repointed_points += replayed.repointing.difference
            gained += replayed.repointing.difference
            currencies = sum_of([currencies, replayed.repointing.currencies])
        for crossing in replayed.missing:
            award = crossing.award
            shown = badges[badge_and_period(award.badge_id)[0]]
            shown.would_earn += 1
            at = iso(award.earned_at)
            shown.months[at[:7]] = shown.months.get(at[:7], 0) + 1
            if len(shown.samples) < SAMPLES:
                shown.samples.append(AwardSample(replayed.user_id, crossing.event_id, at))
            gained += award.points
        made.points += gained
        level_at = rulebook.levels.level_at
        made.levels_changed += level_at(replayed.total_points) != level_at(replayed.total_points + gained)
        on_progress(made.learners, made.events)
        if monotonic() - rested >= _SLICE:
            await asyncio.sleep(0)
            rested = monotonic()
    for shown in made.badges:
        shown.months = dict(sorted(shown.months.items()))
    made.currencies = dict(currencies) or UNSET
    made.estimated_seconds = round(monotonic() - started, 3)
    return made


class Backfill:
    """Awards to learners the badges of `rulebook` that they have earned but do not hold, dated to the event that earned
    them; with `repoint` after their points are counted again, as `caller` requested.

    `recorder` decides by the same rulebook. May be repeated: existing awards are kept and never made twice.
    `most_repointed`: the maximum number of events whose points change in one entry.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        recorder: Recorder,
        *,
        notify: Notify = "none",
        repoint: bool = False,
        caller: str | None = None,
        most_repointed: int = repointing.MOST,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._recorder = recorder
        self._notify: Notify = notify
        self._repoints = repoint
        self._caller = caller
        self._most_repointed = most_repointed
        self._replays = Replays(store, rulebook, repoint=repoint, carries=True)
        # For learners who recorded events in the meantime: their points are counted already.
        self._again = Replays(store, rulebook, carries=True)
        self._share = _FairShare(recorder.stats)

    async def of(self, users: Sequence[str]) -> Backfilled:
        """Make the awards of some learners, who may record events at the same time. Raises StoreError."""
        done = Backfilled()
        left = list(users)
        while left:
            waiting: list[Replayed] = []
            size = _FEW if self._share.is_needed else _AT_ONCE
            some, left = left[:size], left[size:]
            async for replayed in self._replays.of(some):
                done.learners += 1
                done.events += replayed.events
                found = await self._repoint(replayed, done) if self._repoints else replayed
                if found is not None and found.missing:
                    waiting.append(found)
                await self._share.rest()
            await self._award(waiting, done)
        return done

    async def _repoint(self, replayed: Replayed, done: Backfilled) -> Replayed | None:
        """Write the points that change, and replay again; None if the user was deleted in the meantime."""
        attempts, has_written = replayed.events // self._most_repointed + 1 + ATTEMPTS, False
        while replayed.repointing is not None and (
            body := replayed.repointing.body(replayed.total_points, caller=self._caller, most=self._most_repointed)
        ):
            if await self._recorder.amend(await self._amendment(replayed, body)) and not has_written:
                has_written = True
                done.repointed += 1
            attempts -= 1
            if not attempts:
                raise StoreContended("Other writers kept recording for one user; publish again for what is left.")
            again = [each async for each in self._replays.of([replayed.user_id])]
            if not again:
                return None
            [replayed] = again
        return replayed

    async def _amendment(self, replayed: Replayed, body: Repointed) -> Amendment:
        user_id, seq = replayed.user_id, replayed.seq
        seen = await revisions_of(self._store, user_id, seq)
        # The price of streak repairs follows from the ledger as it is, not from a replay by other rules.
        before = await refold(self._store, self._rulebook, user_id, seq, revisions=seen) if seen.repairs else None
        if before is not None:
            total = before.total_points + body.difference
            body = replace(body, total_points=total, level=self._rulebook.levels.level_at(total))
        seen.see(Entry(user_id, seq + 1, None, 0, body))
        after = await refold(self._store, self._rulebook, user_id, seq, revisions=seen)
        if before is None:
            return Amendment(user_id, seq, body, after)
        return Amendment(user_id, seq, settle(body, before, after, self._rulebook), after)

    async def _award(self, waiting: list[Replayed], done: Backfilled) -> None:
        for _ in range(ATTEMPTS):
            if not waiting:
                return
            for each in waiting:
                if each.progress is not None:
                    self._recorder.cache.offer(each.progress)
            results = await self._recorder.carry_out(
                [
                    AwardMissing(each.user_id, each.seq, each.missing, self._rulebook.fingerprint, self._notify)
                    for each in waiting
                ]
            )
            again: list[str] = []
            for replayed, result in zip(waiting, results, strict=True):
                if result is True:
                    done.awards.update(badge_and_period(crossing.award.badge_id)[0] for crossing in replayed.missing)
                elif result is False:
                    # The ledger has new entries: missing awards may be held by now, or more may be missing.
                    again.append(replayed.user_id)
                elif not isinstance(result, UserDeleted | UserMerged):
                    raise result
            repeated = [each async for each in self._again.of(again)]
            waiting = [each for each in repeated if each.missing]
        if waiting:
            raise StoreContended("Other writers kept recording for one user; run the backfill again for what is left.")


class _FairShare:
    """Leaves half of the time to the events that are recorded meanwhile, and takes all of it while there are none. In
    either case others get their turn after each slice of work."""

    def __init__(self, stats: RecorderStats) -> None:
        self._stats = stats
        self._recorded = stats.recorded
        self._until = float("-inf")
        self._worked_since = monotonic()

    @property
    def is_needed(self) -> bool:
        """Whether events were recorded in the last moment."""
        if self._stats.recorded != self._recorded:
            self._recorded, self._until = self._stats.recorded, monotonic() + _MOMENT
        return monotonic() < self._until

    async def rest(self) -> None:
        """After a slice of work let others go on, for as long as was worked if there are any."""
        worked = monotonic() - self._worked_since
        if worked >= _SLICE:
            await asyncio.sleep(worked if self.is_needed else 0)
            self._worked_since = monotonic()


async def _all(store: Store, replays: Replays) -> AsyncIterator[Replayed]:
    async for users in pages_of_users(store):
        async for replayed in replays.of(users):
            yield replayed
