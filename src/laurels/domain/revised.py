"""The changes that later entries of a user made to earlier ones: retractions, revocations and changed points.

All code that folds a ledger uses this record, and so agrees on which entries still count.
"""

from __future__ import annotations

from msgspec.structs import replace

from laurels.domain.ledger.amounts import Amounts
from laurels.domain.ledger.entries import (
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
from laurels.domain.ledger.repairs import Repair, RepairId


def is_revision(entry: Entry) -> bool:
    """Whether the entry changes earlier ones, so that the state after it must be folded from the start."""
    return isinstance(entry.body, _REVISIONS)


# Asked about every entry.
_REVISIONS = (EventRetracted, BadgeRevoked, Repointed)


class Revisions:
    """Changes of one user's earlier entries by later ones. Taken back are events by `seq`, awards by `seq` and badge,
    and repairs; others count with changed points.

    The state after such an entry is folded from the start over all entries up to it, without the entries that are taken
    back. So nothing has to be undone: they have never been folded.
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
        # The changed points of events and awards.
        self.points: dict[int, int] = {}
        self.award_points: dict[tuple[int, str], int] = {}
        # The same for their currencies.
        self.currencies: dict[int, Amounts] = {}
        self.award_currencies: dict[tuple[int, str], Amounts] = {}
        # The last entry that awarded each badge, and the awards that are held now.
        self.given: dict[str, int] = {}
        self.held: dict[str, Award] = {}
        # Revoked by hand, and not granted since.
        self.banned: set[str] = set()
        # All repairs that were made, and those that could not be paid for any more.
        self.repairs: list[Repair] = []
        self.undone: set[RepairId] = set()

    def see(self, entry: Entry) -> None:
        """Read the next entry of the user."""
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
        """The points with which the event of entry `seq` counts."""
        return self.points.get(seq, body.outcome.points)

    def currencies_of(self, seq: int, body: EventRecorded) -> Amounts:
        """The currencies that the event of entry `seq` gives."""
        return self.currencies.get(seq, body.outcome.currencies)

    def award_of(self, seq: int, award: Award) -> Award:
        """An award of entry `seq` with the points and currencies with which it counts."""
        key = (seq, award.badge_id)
        points, currencies = self.award_points.get(key), self.award_currencies.get(key)
        if points is not None:
            award = replace(award, points=points)
        return award if currencies is None else replace(award, currencies=currencies)

    def _revoke(self, badge_id: str) -> None:
        self.awards.add((self.given[badge_id], badge_id))
        del self.held[badge_id]


NO_REVISIONS = Revisions()
