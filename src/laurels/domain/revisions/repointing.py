"""Points of the past under the present rules: what each event would have been paid, had these held from the start.

Events are priced in the order in which they were recorded, since limits of a day and seconds between two go by it.
Events of types that the rules no longer have keep their points, and so do badges that the rules no longer have or that
were brought along from another system.
"""

from __future__ import annotations

from itertools import islice

from laurels.domain.engine import pay_on
from laurels.domain.folding import Revisions
from laurels.domain.ledger import Entry, EventRecorded, MergedInto, Repointed, UserMigrated
from laurels.domain.progress import Progress
from laurels.domain.rules.caps import remember_payment
from laurels.domain.rules.rulebook import Rulebook

MOST = 20_000
"""Events in one entry. Those of a longer history are written in several."""


class Repointing:
    """The points that change in one user's ledger. `seen` has taken in the whole ledger before."""

    def __init__(self, user_id: str, rulebook: Rulebook, seen: Revisions) -> None:
        # Holds nothing but what limits ask for.
        self._progress = Progress(user_id=user_id, version=rulebook.measures_version)
        self._rulebook = rulebook
        self._seen = seen
        self.events: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self.badges: dict[str, int] = {}
        self.difference = 0

    @property
    def changes_anything(self) -> bool:
        """Whether an event or a badge counts with other points."""
        return bool(self.events or self.badges)

    def take(self, entry: Entry) -> None:
        """Take in the next entry."""
        body = entry.body
        if isinstance(body, EventRecorded):
            if entry.seq not in self._seen.events:
                self._price(entry.seq, body)
            awards = body.outcome.awards
        elif isinstance(body, UserMigrated):
            return
        elif isinstance(body, MergedInto):
            # Nothing counts here any more.
            self.events, self.badges, self.difference = {}, {}, 0
            return
        else:
            awards = getattr(body, "awards", [])
        for award in awards:
            held = self._seen.held.get(award.badge_id)
            badge = self._rulebook.badge(award.badge_id)
            if held is None or badge is None or self._seen.given[award.badge_id] != entry.seq:
                continue
            if held.points != badge.points:
                self.badges[award.badge_id] = badge.points
                self.difference += badge.points - held.points

    def _price(self, seq: int, body: EventRecorded) -> None:
        before = points = self._seen.points_of(seq, body)
        rule = self._rulebook.event_types.get(body.event_type)
        if rule is not None:
            points = rule.points_for(body.metadata)
            if body.once_key is not None or body.event_type in self._rulebook.paid_by_day:
                points, _, _ = pay_on(
                    self._progress,
                    body.event_type,
                    self._rulebook,
                    points,
                    at=body.at,
                    day=body.day,
                    once_key=body.once_key,
                )
        if points and (body.once_key is not None or (rule is not None and rule.is_limited)):
            limits = rule if rule is not None and rule.is_limited else None
            remember_payment(
                self._progress, body.event_type, limits, points, at=body.at, day=body.day, once_key=body.once_key
            )
        if points != before:
            self.events[seq] = points
            self._before[seq] = before
            self.difference += points - before

    def body(self, total_points: int, *, caller: str | None = None, most: int | None = None) -> Repointed | None:
        """What is to be written of it next, where the total is `total_points`; None where nothing changes."""
        if not self.changes_anything:
            return None
        events = list(islice(self.events.items(), most or MOST))
        is_whole = len(events) == len(self.events)
        badges = self.badges if is_whole else {}
        difference = self.difference
        if not is_whole:
            difference = sum(points - self._before[seq] for seq, points in events)
        total = total_points + difference
        rules = self._rulebook
        return Repointed(events, badges, difference, total, rules.levels.level_at(total), rules.fingerprint, caller)
