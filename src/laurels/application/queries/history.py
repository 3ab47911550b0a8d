"""A user's ledger line by line, newest first: every line with what it added to the total, so that they add up to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from laurels.application.ports.store import Store
from laurels.application.queries.badges import badge_view
from laurels.application.queries.views import BadgeView
from laurels.domain.ledger import (
    Award,
    BadgeRevoked,
    BadgesGiven,
    Entry,
    EventRecorded,
    EventRetracted,
    UserMigrated,
)
from laurels.domain.periods import iso
from laurels.domain.rules.rulebook import Rulebook

PAGE = 500


class HistoryEvent(Struct, frozen=True, rename="camel", kw_only=True):
    """The event of a line of the ledger."""

    event_id: str
    event_type: str
    metadata: dict[str, Any]


class HistoryEntryView(Struct, frozen=True, rename="camel", kw_only=True):
    """A line of the ledger. `points` and those of `awards` are what it added to the total.

    `kind` is event, profile, migration, award, revocation or retraction; `at` is when it happened,
    `recorded_at` when it was written.
    """

    seq: int
    kind: str
    at: str
    recorded_at: str
    event: HistoryEvent | UnsetType = UNSET
    points: int
    awards: list[BadgeView]
    reason: str | UnsetType = UNSET


async def history(store: Store, rulebook: Rulebook, user_id: str, last: int) -> AsyncIterator[HistoryEntryView]:
    """A user's lines from `seq` `last` down to the first, read page by page: memory does not grow with their number."""
    while last > 0:
        page = await store.ledger.entries(user_id, after=max(0, last - PAGE), limit=min(PAGE, last))
        for entry in reversed(page):
            yield history_entry(entry, rulebook)
        last -= PAGE


def history_entry(entry: Entry, rulebook: Rulebook) -> HistoryEntryView:
    """A line of the ledger, as it is shown."""
    body = entry.body
    kind, at, points, event = "profile", entry.recorded_at, 0, UNSET
    awards: list[Award] = []
    if isinstance(body, EventRecorded):
        kind, at, points, awards = "event", body.at, body.outcome.points, body.outcome.awards
        event = HistoryEvent(event_id=entry.event_id or "", event_type=body.event_type, metadata=body.metadata)
    elif isinstance(body, UserMigrated):
        kind, at, points, awards = "migration", body.at, body.adjustment, body.awards
    elif isinstance(body, BadgesGiven):
        kind, awards = "award", body.awards
    elif isinstance(body, BadgeRevoked):
        kind, points = "revocation", -body.award.points
    elif isinstance(body, EventRetracted):
        kind, points = "retraction", -body.points - sum(award.points for award in body.revoked)
    return HistoryEntryView(
        seq=entry.seq,
        kind=kind,
        at=iso(at),
        recorded_at=iso(entry.recorded_at),
        event=event,
        points=points,
        awards=[badge_view(award, rulebook) for award in awards],
        reason=getattr(body, "reason", None) or UNSET,
    )
