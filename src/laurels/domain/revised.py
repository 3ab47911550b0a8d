"""What later entries of a user took back of earlier ones, or counted anew."""

from __future__ import annotations

from msgspec.structs import replace

from laurels.domain.amounts import Amounts
from laurels.domain.ledger import (
    Award,
    BadgeRevoked,
    Entry,
    EventRecorded,
    EventRetracted,
    MergedFrom,
    MergedInto,
    Repointed,
    awards_of,
    repairs_of,
)
from laurels.domain.repairs import Repair, RepairId


def is_revision(entry: Entry) -> bool:
    """Whether the entry changes something of earlier ones, so that the state after it is folded from the start."""
    return isinstance(entry.body, EventRetracted | BadgeRevoked | Repointed)


class Revisions:
    """What later entries of one user changed of earlier ones: taken back are events by `seq` and awards by `seq` and
    badge, and repairs; others count with other points.

    A state after such an entry is that of all entries up to it, folded from the start without what is in here. So
    nothing has to be undone: what was taken back has never been folded in.
    """

    __slots__ = (
        "award_currencies",
        "award_points",
        "awards",
        "banned",
        "currencies",
        "events",
        "given",
        "held",
        "points",
        "repairs",
        "undone",
    )

    def __init__(self) -> None:
        self.events: set[int] = set()
        self.awards: set[tuple[int, str]] = set()
        # Of events and awards that count with other points than they were recorded with, these points.
        self.points: dict[int, int] = {}
        self.award_points: dict[tuple[int, str], int] = {}
        # The same of what they give of currencies.
        self.currencies: dict[int, Amounts] = {}
        self.award_currencies: dict[tuple[int, str], Amounts] = {}
        # Of each badge the entry that awarded it last, and of those that are held now the award.
        self.given: dict[str, int] = {}
        self.held: dict[str, Award] = {}
        # Taken back by hand, and not granted since.
        self.banned: set[str] = set()
        # All repairs that were made, and those that could not be paid for any more.
        self.repairs: list[Repair] = []
        self.undone: set[RepairId] = set()

    def see(self, entry: Entry) -> None:
        """Take in the next entry of the user."""
        body = entry.body
        for award in awards_of(body):
            self.given[award.badge_id] = entry.seq
            self.held[award.badge_id] = award
            self.banned.discard(award.badge_id)
        self.repairs += repairs_of(entry)
        if isinstance(body, EventRetracted | BadgeRevoked | Repointed):
            self.undone.update(body.undone)
        if isinstance(body, EventRetracted):
            self.events.add(body.event_seq)
            for award in body.revoked:
                self._revoke(award.badge_id)
        elif isinstance(body, BadgeRevoked):
            self._revoke(body.award.badge_id)
            self.banned.add(body.award.badge_id)
        elif isinstance(body, Repointed):
            self.points.update(body.events)
            for badge_id, points in body.badges.items():
                self.award_points[self.given[badge_id], badge_id] = points
                self.held[badge_id] = replace(self.held[badge_id], points=points)
            self.currencies.update(body.event_currencies)
            for badge_id, currencies in body.badge_currencies.items():
                self.award_currencies[self.given[badge_id], badge_id] = currencies
                self.held[badge_id] = replace(self.held[badge_id], currencies=currencies)
        elif isinstance(body, MergedFrom):
            self.banned.update(body.revoked)
        elif isinstance(body, MergedInto):
            self.held.clear()
            self.banned.clear()
            self.repairs.clear()

    def points_of(self, seq: int, body: EventRecorded) -> int:
        """What the event of entry `seq` counts with."""
        return self.points.get(seq, body.outcome.points)

    def currencies_of(self, seq: int, body: EventRecorded) -> Amounts:
        """What the event of entry `seq` gives of currencies."""
        return self.currencies.get(seq, body.outcome.currencies)

    def award_of(self, seq: int, award: Award) -> Award:
        """An award of entry `seq` with the points that it counts with, and what it gives of currencies."""
        key = (seq, award.badge_id)
        points, currencies = self.award_points.get(key), self.award_currencies.get(key)
        if points is not None:
            award = replace(award, points=points)
        return award if currencies is None else replace(award, currencies=currencies)

    def _revoke(self, badge_id: str) -> None:
        self.awards.add((self.given[badge_id], badge_id))
        del self.held[badge_id]


NO_REVISIONS = Revisions()
