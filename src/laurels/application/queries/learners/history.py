"""A user's ledger line by line, newest first: each line has its change to the total, so that the lines add up to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from laurels.application.ports.store import Store
from laurels.application.queries.badges import badge_view
from laurels.application.queries.cursors import Cursors
from laurels.application.queries.views import BadgeView
from laurels.application.recording.spendings import spending_id_of
from laurels.domain.ledger.entries import (
    Award,
    BadgeRevoked,
    BadgesGiven,
    Boosted,
    Cause,
    CurrencySpent,
    Entry,
    EventRecorded,
    EventRetracted,
    MergedFrom,
    MergedInto,
    ProfileChanged,
    Repointed,
    StreakRepaired,
    Unpaid,
    UserMigrated,
    currencies_of,
)
from laurels.domain.periods import day_name, iso
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook

PAGE = 500
# Bytes after which a page ends: an entry has up to 16 KiB of metadata, and each slow client keeps a page in memory.
PAGE_BYTES = 256 * 1024
_READ = 50
_encode = msgspec.json.Encoder().encode


class HistoryEvent(Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The event of a line of the ledger. `unpaid` says why it brought fewer points, `boost` which boost added points.
    `returned` are points paid back for a repair of its day, which now counts by itself."""

    event_id: str
    event_type: str
    metadata: dict[str, Any]
    unpaid: Unpaid | None = None
    boost: Boosted | None = None
    returned: int = 0


class HistoryEntryView(Struct, frozen=True, rename="camel", kw_only=True):
    """A line of the ledger. `points` and those of `awards` are its change to the total. `currencies` is its change to
    each currency, including that of its awards, if there is one.

    `kind` is event, profile, migration, award, repair (of a streak, for `day` or the week of which that is the first),
    revocation, retraction, spending, repoint, merged-into or merged-from (another user, `other_user_id`); `at` is when
    it happened, `recorded_at` when it was written. `cause` says why an award came without an event: a backfill under
    changed rules, or a grant by hand. `event_id` is the event that a retraction took back, and `revoked` are the badges
    that it or a revocation took away; `points` has their points already. `goals` are the targets of goals that the
    learner set, null where they ended one.
    """

    seq: int
    kind: str
    at: str
    recorded_at: str
    event: HistoryEvent | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    points: int
    cause: Cause | UnsetType = UNSET
    awards: list[BadgeView]
    revoked: list[BadgeView] | UnsetType = UNSET
    currencies: dict[str, int] | UnsetType = UNSET
    spending_id: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    other_user_id: str | UnsetType = UNSET
    day: str | UnsetType = UNSET
    goals: dict[str, int | None] | UnsetType = UNSET


class HistoryPage(Struct, frozen=True):
    """Lines of a ledger, newest first. `next` is the cursor of older ones, None at the end."""

    entries: list[HistoryEntryView]
    next: str | None


async def history_page(
    store: Store, rulebook: Rulebook, cursors: Cursors, progress: Progress, *, cursor: str | None, limit: int
) -> HistoryPage:
    """The lines before the one that `cursor` names, or the last ones: `limit` of them, or as many as fit PAGE_BYTES.
    Raises InvalidQuery or StoreError."""
    last, purpose = progress.seq, f"history {progress.user_id}"
    if cursor is not None:
        last = min(last, int.from_bytes(await cursors.open(purpose, cursor)) - 1)
    found: list[Entry] = []
    size, first = 0, max(0, last - limit)
    while last > first and size < PAGE_BYTES:
        after = max(first, last - _READ)
        read = await store.ledger.entries(progress.user_id, after=after, limit=last - after)
        for entry in reversed(read):
            if size >= PAGE_BYTES:
                break
            found.append(entry)
            size += len(_encode(entry.body))
            last = entry.seq - 1
        last = last if read else first
    lines = [history_entry(entry, rulebook) for entry in found]
    return HistoryPage(lines, await cursors.seal(purpose, (last + 1).to_bytes(8)) if last > 0 else None)


async def history(store: Store, rulebook: Rulebook, user_id: str, last: int) -> AsyncIterator[HistoryEntryView]:
    """A user's lines from `seq` `last` down to the first, read page by page: memory does not grow with their number."""
    while last > 0:
        page = await store.ledger.entries(user_id, after=max(0, last - PAGE), limit=min(PAGE, last))
        for entry in reversed(page):
            yield history_entry(entry, rulebook)
        last -= PAGE


def history_entry(entry: Entry, rulebook: Rulebook) -> HistoryEntryView:
    """The view of a line of the ledger."""
    body = entry.body
    kind, at, points, event, other = "profile", entry.recorded_at, 0, UNSET, UNSET
    day, reason = UNSET, getattr(body, "reason", None)
    awards: list[Award] = []
    revoked: list[Award] = []
    if isinstance(body, EventRecorded):
        kind, at, awards = "event", body.at, body.outcome.awards
        points = body.outcome.points + body.outcome.returned
        event = HistoryEvent(
            event_id=entry.event_id or "",
            event_type=body.event_type,
            metadata=body.metadata,
            unpaid=body.outcome.unpaid,
            boost=body.outcome.boost,
            returned=body.outcome.returned,
        )
    elif isinstance(body, UserMigrated):
        kind, at, points, awards = "migration", body.at, body.adjustment, body.awards
    elif isinstance(body, BadgesGiven):
        kind, awards = "award", body.awards
    elif isinstance(body, BadgeRevoked):
        kind, points, revoked = "revocation", body.settled - body.award.points, [body.award]
    elif isinstance(body, StreakRepaired):
        kind, points, awards, day = "repair", -body.repair.price, body.awards, day_name(body.repair.first)
        reason = reason or f"Repaired the streak for {day}."
    elif isinstance(body, EventRetracted):
        kind, revoked = "retraction", body.revoked
        points = body.settled - body.points - sum(award.points for award in revoked)
    elif isinstance(body, CurrencySpent):
        kind = "spending"
    elif isinstance(body, Repointed):
        kind, points = "repoint", body.difference + body.settled
    elif isinstance(body, MergedInto):
        kind, points, other = "merged-into", -body.points, body.into
    elif isinstance(body, MergedFrom):
        kind, points, awards, other = "merged-from", -body.paid, body.awards, body.source
    return HistoryEntryView(
        seq=entry.seq,
        kind=kind,
        at=iso(at),
        recorded_at=iso(entry.recorded_at),
        event=event,
        points=points,
        event_id=body.event_id if isinstance(body, EventRetracted) else UNSET,
        cause=body.cause if isinstance(body, BadgesGiven) else UNSET,
        awards=[badge_view(award, rulebook) for award in awards],
        revoked=[badge_view(award, rulebook) for award in revoked] or UNSET,
        currencies=dict(currencies_of(body)) or UNSET,
        spending_id=spending_id_of(entry) if isinstance(body, CurrencySpent) else UNSET,
        reason=reason or UNSET,
        other_user_id=other,
        day=day,
        goals=body.changes.get("goals", UNSET) if isinstance(body, ProfileChanged) else UNSET,
    )
