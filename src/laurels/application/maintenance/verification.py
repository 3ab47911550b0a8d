"""Proof: `verify` replays every event through the engine, and compares the records and projections with the result.

`rebuild.py` repairs the differences.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from msgspec import Struct, field

from laurels.application.maintenance.ledger_scan import first_entries, ledger_pages, pages_of_users
from laurels.application.maintenance.merging import left_of_merge
from laurels.application.ports.snapshots import Projected
from laurels.application.ports.store import Store
from laurels.application.recording.projecting.standings import card_of, standings_of
from laurels.application.recording.refolding import refold
from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import (
    Award,
    BadgesGiven,
    CurrencySpent,
    Entry,
    EntryBody,
    EventRecorded,
    MergedFrom,
    MergedInto,
    StreakRepaired,
    UserMigrated,
    awards_of,
)
from laurels.domain.progress import Progress
from laurels.domain.revised import is_revision
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook

# Seconds after which a running deletion or merge is checked again.
_UNDER_WAY = 1.0
MEND = "`laurels rebuild` makes them again"
_FIELDS = sorted((each.name, each.encode_name) for each in msgspec.structs.fields(Progress))


class Mismatch(Struct, frozen=True):
    """A record that does not follow from the ledger. `seq` is the entry concerned, 0 for a projection.

    If no single user is concerned, `counted` names the board or the badge, and `user_id` is empty.
    """

    user_id: str
    seq: int
    what: str
    counted: str | None = None


class Verification(Struct):
    """The result of `verify`. `behind` counts users whose projection was still pending; that is no difference."""

    users: int = 0
    entries: int = 0
    events: int = 0
    awards: int = 0
    points: int = 0
    behind: int = 0
    differences: list[Mismatch] = field(default_factory=list[Mismatch])

    @property
    def is_clean(self) -> bool:
        """Whether everything follows from the ledger."""
        return not self.differences

    def add(self, part: Verification) -> None:
        """Add the results of other users."""
        self.users += part.users
        self.entries += part.entries
        self.events += part.events
        self.awards += part.awards
        self.points += part.points
        self.behind += part.behind
        self.differences += part.differences


async def verify(store: Store, rulebook: Rulebook) -> Verification:
    """Recompute every user from the ledger and compare with the records and projections. Changes nothing."""
    found = Verification()
    async for users in pages_of_users(store):
        found.add(await verify_users(store, rulebook, users))
    found.differences += await verify_boards(store)
    found.differences += await verify_deletions(store)
    return found


async def verify_boards(store: Store) -> list[Mismatch]:
    """The part of `verify` that concerns no single user."""
    what = f"its counts do not agree with its lines; {MEND}"
    wrong = await store.boards.miscounted()
    # A board that is being dropped is incomplete by now, and nobody sees it.
    horizon = await store.boards.horizon()
    found = [Mismatch("", 0, what, f"board {board!r}") for board in wrong if horizon.keeps_board(board)]
    holders = f"its holders do not agree with the cards; {MEND}"
    return found + [
        Mismatch("", 0, holders, f"badge {badge!r}" if badge else "the learners as a whole")
        for badge in await store.boards.miscounted_badges()
    ]


async def verify_deletions(store: Store) -> list[Mismatch]:
    """The part of `verify` for deleted users: no data of them is left anywhere.

    A deletion in progress is no difference.
    """
    found = await store.tombstones.leftovers()
    if found:
        await asyncio.sleep(_UNDER_WAY)
        still = await store.tombstones.leftovers()
        found = {user_id: still[user_id] for user_id in found if user_id in still}
    return [
        Mismatch(user_id, 0, f"was deleted, but something is left in {', '.join(places)}; delete them again")
        for user_id, places in sorted(found.items())
    ]


async def verify_users(store: Store, rulebook: Rulebook, users: Sequence[str]) -> Verification:
    """The part of `verify` for some users."""
    found = Verification(users=len(users))
    projections = await store.snapshots.projected(users)
    # Read after the lines: boards that were dropped until then are then outside the horizon.
    horizon = await store.boards.horizon()
    closed: dict[str, str] = {}
    async for user_id, first in first_entries(store, users):
        ledger = ledger_pages(store, user_id, first)
        progress = await _verify_user(store, ledger, rulebook, user_id, projections.get(user_id), horizon, found)
        if progress.merged_into is not None:
            closed[user_id] = progress.merged_into
    found.differences += await _unfinished_merges(store, closed)
    if found.differences:
        # A user who is being deleted has already lost a part; `verify_deletions` checks whether anything stays.
        deleted = await store.tombstones.find([difference.user_id for difference in found.differences])
        found.differences = [each for each in found.differences if each.user_id not in deleted]
    return found


async def _verify_user(
    store: Store,
    ledger: AsyncIterator[list[Entry]],
    rulebook: Rulebook,
    user_id: str,
    projected: Projected | None,
    horizon: RetentionCutoff,
    found: Verification,
) -> Progress:
    """Verify one user. Returns their progress at the end of the ledger."""

    def differs(seq: int, what: str) -> None:
        found.differences.append(Mismatch(user_id, seq, what))

    progress = Progress(user_id=user_id, version=rulebook.measures_version)
    snapshot = projected.progress if projected else None
    snapshot_seq = snapshot.seq if snapshot else 0
    event_ids: set[str] = set()
    async for page in ledger:
        found.entries += len(page)
        for entry in page:
            problems = _misplaced(entry, progress.seq, event_ids)
            if is_revision(entry):
                progress = await refold(store, rulebook, user_id, entry.seq)
                problems += _sum_differs(progress, entry.body)
            else:
                problems += _replay(progress, entry, rulebook)
            for what in problems:
                differs(entry.seq, what)
            if isinstance(entry.body, EventRecorded):
                found.events += 1
            found.awards += len(awards_of(entry.body))
            if projected and snapshot and entry.seq == snapshot_seq:
                for what in _projection_differences(progress, snapshot, projected, horizon, rulebook):
                    differs(0, what)
    found.points += progress.total_points
    if projected and not snapshot:
        # A user's projection is written whole: data without a snapshot got there in some other way.
        differs(0, f"there is no snapshot, but the boards {', '.join(sorted(projected.standings))} have a line")
    elif progress.seq > snapshot_seq:
        found.behind += 1
    elif progress.seq < snapshot_seq:
        differs(0, f"the snapshot stands at entry {snapshot_seq}, the ledger ends at {progress.seq}")
    return progress


def _misplaced(entry: Entry, seq: int, event_ids: set[str]) -> list[str]:
    """Whether an entry does not follow the one at `seq`, or repeats one of the user's `event_ids` so far; adds its
    own."""
    problems: list[str] = []
    if entry.seq != seq + 1:
        problems.append(f"the entry before it should be {entry.seq - 1} but is {seq}")
    if entry.event_id in event_ids:
        problems.append(f"event {entry.event_id!r} is recorded twice")
    elif entry.event_id is not None:
        event_ids.add(entry.event_id)
    return problems


async def _unfinished_merges(store: Store, closed: Mapping[str, str]) -> list[Mismatch]:
    """Users whose ledger is closed although its events are not all in the target ledger. A merge in progress is no
    difference."""
    left = {user_id: into for user_id, into in closed.items() if await left_of_merge(store, user_id, into)}
    if not left:
        return []
    await asyncio.sleep(_UNDER_WAY)
    still = [(user_id, await left_of_merge(store, user_id, into)) for user_id, into in left.items()]
    return [Mismatch(user_id, 0, what) for user_id, what in still if what is not None]


def _replay(progress: Progress, entry: Entry, rulebook: Rulebook) -> list[str]:
    """Fold the entry, and return how its recorded outcome differs from the outcome of its event."""
    body = entry.body
    if not isinstance(body, EventRecorded):
        return _refold_other(progress, entry, rulebook)
    recorded = body.outcome
    problems: list[str] = []
    problems += _awarded_again(progress, recorded.awards)
    if recorded.rules == rulebook.fingerprint:
        # The same rules as now: the engine must reach the same outcome.
        event = LearningEvent(
            user_id=entry.user_id, event_type=body.event_type, metadata=body.metadata, once_key=body.once_key
        )
        outcome = advance(progress, event, body.at, rulebook, offset=recorded.offset)
        progress.stamp(entry.seq, entry.recorded_at, body)
        if outcome != recorded:
            problems.append(f"recorded outcome {_short(recorded)}, recomputed {_short(outcome)}")
    else:
        # Other rules decided then; their decisions are kept, and must add up.
        fold(progress, entry, rulebook)
        if progress.total_points != recorded.total_points:
            problems.append(f"recorded total {recorded.total_points}, sum of the ledger {progress.total_points}")
    return problems


def _refold_other(progress: Progress, entry: Entry, rulebook: Rulebook) -> list[str]:
    """The same for an entry that is no event."""
    body = entry.body
    if isinstance(body, MergedInto):
        before, left = progress.total_points, progress.left
        fold(progress, entry, rulebook)
        problems = [] if before == body.points else [f"recorded total {body.points}, sum of the ledger {before}"]
        return problems + ([] if left == body.currencies else [f"recorded {body.currencies}, the ledger gives {left}"])
    if isinstance(body, CurrencySpent):
        fold(progress, entry, rulebook)
        purse = progress.purses[body.currency]
        left = purse.earned - purse.spent
        return [] if left == body.balance else [f"recorded balance {body.balance}, sum of the ledger {left}"]
    if isinstance(body, UserMigrated | BadgesGiven | MergedFrom | StreakRepaired):
        # Decisions of another system, a person or a change of the rules are not ours to repeat.
        problems = _awarded_again(progress, body.awards)
        fold(progress, entry, rulebook)
        return problems + _sum_differs(progress, body)
    fold(progress, entry, rulebook)
    return []


def _sum_differs(progress: Progress, body: EntryBody) -> list[str]:
    """Whether the total that an entry states differs from the sum of the ledger."""
    stated = getattr(body, "total_points", progress.total_points)
    if progress.total_points != stated:
        return [f"recorded total {stated}, sum of the ledger {progress.total_points}"]
    return []


def _awarded_again(progress: Progress, awards: list[Award]) -> list[str]:
    held = {award.badge_id for award in awards if award.badge_id in progress.awards}
    return [f"badge {badge_id!r} is awarded again" for badge_id in sorted(held)]


def _projection_differences(
    progress: Progress, snapshot: Progress, projected: Projected, horizon: RetentionCutoff, rulebook: Rulebook
) -> list[str]:
    problems: list[str] = []
    # Each comparison is one of whole values first: nearly always nothing differs.
    if snapshot.version == rulebook.measures_version and snapshot != progress:
        for name, wire_name in _FIELDS:
            ours, theirs = getattr(progress, name), getattr(snapshot, name)
            if ours != theirs:
                problems.append(f"snapshot: {wire_name} is {_short(theirs)}, the ledger gives {_short(ours)}")
    card = card_of(progress, rulebook)
    if card != projected.card:
        problems.append(f"card: {_short(projected.card)}, the ledger gives {_short(card)}")
    expected = standings_of(progress, rulebook, horizon=horizon)
    if expected == projected.standings:
        return problems
    # Boards outside the horizon may not have been dropped yet.
    for board in sorted(expected.keys() | set(filter(horizon.keeps_board, projected.standings))):
        ours, theirs = expected.get(board), projected.standings.get(board)
        if ours != theirs:
            problems.append(f"board {board}: {_short(theirs)}, the ledger gives {_short(ours)}")
    return problems


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, Struct) else msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else text[:197] + "..."
