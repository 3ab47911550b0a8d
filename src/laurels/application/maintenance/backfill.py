"""Badges for the past: every ledger under the present rules, shown (`preview`) or awarded (`backfill`).

Both replay the same ledgers by the same function, so what is shown is what is then awarded. Memory is bounded by one
page of a ledger and the samples.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from time import monotonic

from msgspec import Struct, field

from laurels.application.maintenance.rebuild import pages_of_users
from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.store import Store
from laurels.application.recording.committer import ATTEMPTS
from laurels.application.recording.recorder import Recorder
from laurels.application.recording.refolding import ledger_of, refold, revisions_of
from laurels.domain.amendments import Crossing, Replay, backfill
from laurels.domain.folding import Revisions
from laurels.domain.ledger import Entry, EventRecorded, Notify
from laurels.domain.periods import iso
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreContended

SAMPLES = 20
# Users whose ledgers are read together: at worst `LATER_LIMIT` entries of each.
_TOGETHER = 20


class Sample(Struct, frozen=True, rename="camel"):
    """A learner who would earn a badge, and the event at which they met its criterion."""

    user_id: str
    event_id: str
    earned_at: str


class BadgePreview(Struct, rename="camel"):
    """How many learners hold a badge, and how many would earn it; `months` counts these by the month of earning."""

    badge_id: str
    holders: int = 0
    would_earn: int = 0
    samples: list[Sample] = field(default_factory=list[Sample])
    months: dict[str, int] = field(default_factory=dict[str, int])


class Preview(Struct, rename="camel"):
    """What a backfill would award. `points` is what it would add to all totals together, `levels_changed` the number of
    learners whose level would change; `estimated_seconds` is how long it would take."""

    badges: list[BadgePreview]
    learners: int = 0
    events: int = 0
    points: int = 0
    levels_changed: int = 0
    estimated_seconds: float = 0.0


class Backfilled(Struct):
    """What a backfill did: learners and events looked at, and the awards that it made by badge."""

    learners: int = 0
    events: int = 0
    awards: Counter[str] = field(default_factory=Counter[str])


class _Replayed(Struct):
    """A user's replay: what is missing, what is held, and the entries that it rests on."""

    user_id: str
    seq: int
    events: int
    missing: list[Crossing]
    seen: Revisions
    # The total as it is recorded: the replay's without what is missing.
    total_points: int


async def preview(store: Store, rulebook: Rulebook) -> Preview:
    """What a backfill under `rulebook` would award now. Writes nothing."""
    started = monotonic()
    badges = {badge.id: BadgePreview(badge.id) for badge in rulebook.badges}
    made = Preview(list(badges.values()))
    async for replayed in _replays(store, rulebook):
        made.learners += 1
        made.events += replayed.events
        for badge_id in replayed.seen.held:
            if badge_id in badges:
                badges[badge_id].holders += 1
        gained = 0
        for crossing in replayed.missing:
            award = crossing.award
            shown = badges[award.badge_id]
            shown.would_earn += 1
            at = iso(award.earned_at)
            shown.months[at[:7]] = shown.months.get(at[:7], 0) + 1
            if len(shown.samples) < SAMPLES:
                shown.samples.append(Sample(replayed.user_id, crossing.event_id, at))
            gained += award.points
        made.points += gained
        level_at = rulebook.levels.level_at
        made.levels_changed += level_at(replayed.total_points) != level_at(replayed.total_points + gained)
        await asyncio.sleep(0)
    made.estimated_seconds = round(monotonic() - started, 3)
    return made


async def backfill_users(
    store: Store, rulebook: Rulebook, recorder: Recorder, users: Sequence[str], *, notify: Notify = "none"
) -> Backfilled:
    """Award to learners the badges that they meet and do not hold, as of the true crossings.

    May be repeated: what was awarded stands and is not awarded again. Learners may record meanwhile. `recorder` decides
    by the same rulebook. Raises StoreError.
    """
    done = Backfilled()
    async for replayed in _replays_of(store, rulebook, users):
        done.learners += 1
        done.events += replayed.events
        if replayed.missing:
            done.awards.update(await _award(store, rulebook, recorder, replayed, notify))
        # One long ledger after the other: events that come meanwhile are not to wait for all of them.
        await asyncio.sleep(0)
    return done


async def _award(
    store: Store, rulebook: Rulebook, recorder: Recorder, replayed: _Replayed, notify: Notify
) -> list[str]:
    for _ in range(ATTEMPTS):
        progress = await refold(store, rulebook, replayed.user_id, replayed.seq)
        made = backfill(progress, replayed.missing, rulebook, notify)
        if await recorder.amend(made):
            return [crossing.award.badge_id for crossing in replayed.missing]
        # The ledger has gone on: what is missing may be held by now, or more may be.
        found = await store.ledger.read({replayed.user_id: 0}, rulebook.measures_version)
        if replayed.user_id in found.deleted:
            return []
        replayed = await _replay(store, rulebook, replayed.user_id, found.later.get(replayed.user_id, []))
        if not replayed.missing:
            return []
    raise StoreContended("Other writers kept recording for one user; run the backfill again for what is left.")


async def _replays(store: Store, rulebook: Rulebook) -> AsyncIterator[_Replayed]:
    async for users in pages_of_users(store):
        async for replayed in _replays_of(store, rulebook, users):
            yield replayed


async def _replays_of(store: Store, rulebook: Rulebook, users: Sequence[str]) -> AsyncIterator[_Replayed]:
    for start in range(0, len(users), _TOGETHER):
        some = users[start : start + _TOGETHER]
        found = await store.ledger.read(dict.fromkeys(some, 0), rulebook.measures_version)
        for user_id in some:
            entries = found.later.pop(user_id, [])
            if entries:
                yield await _replay(store, rulebook, user_id, entries)


async def _replay(store: Store, rulebook: Rulebook, user_id: str, first: list[Entry]) -> _Replayed:
    """Replay a ledger of which the `first` entries up to `LATER_LIMIT` have been read; a longer one is read twice."""
    is_whole = len(first) < LATER_LIMIT
    if is_whole:
        seen = Revisions()
        for entry in first:
            seen.see(entry)
        last = first[-1].seq
    else:
        found = await store.ledger.entries(user_id, after=first[-1].seq, limit=LATER_LIMIT)
        last = first[-1].seq
        while found:
            last = found[-1].seq
            found = await store.ledger.entries(user_id, after=last, limit=LATER_LIMIT)
        seen = await revisions_of(store, user_id, last)
    replay = Replay(user_id, rulebook, seen)
    events = 0
    if is_whole:
        for entry in first:
            replay.take(entry)
            events += isinstance(entry.body, EventRecorded)
    else:
        async for entry in ledger_of(store, user_id, last):
            replay.take(entry)
            events += isinstance(entry.body, EventRecorded)
    missing = replay.missing
    total = replay.progress.total_points - sum(crossing.award.points for crossing in missing)
    return _Replayed(user_id, last, events, missing, seen, total)
