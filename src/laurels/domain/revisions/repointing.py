"""Points of the past under the present rules: the pay of each event, in points and currencies, if these rules had been
in force from the start.

Events are priced in the order in which they were recorded, since daily limits and cooldowns depend on it. Events and
badges that the rules no longer have keep their points, and so do badges taken over from another system.
"""

from __future__ import annotations

from laurels.domain.engine import pay_on
from laurels.domain.ledger.amounts import NONE, Amounts, difference
from laurels.domain.ledger.entries import Entry, EventRecorded, MergedInto, Repointed, UserMigrated
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.rules.earning_limits import remember_payment
from laurels.domain.rules.rulebook import Rulebook

MOST = 20_000
"""The maximum number of events in one entry. Longer histories need several entries."""


class Repointing:
    """The changed points in one user's ledger. `seen` has read the whole ledger before."""

    def __init__(self, user_id: str, rulebook: Rulebook, seen: Revisions) -> None:
        # Holds only the data that limits need.
        self._progress = Progress(user_id=user_id, version=rulebook.measures_version)
        self._rulebook = rulebook
        self._seen = seen
        self.events: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self.badges: dict[str, int] = {}
        self.difference = 0
        # Changes of currencies: the amounts that events and badges give now, and gave before.
        self.event_currencies: dict[int, Amounts] = {}
        self.badge_currencies: dict[str, Amounts] = {}
        self._given_before: dict[int | str, Amounts] = {}

    @property
    def changes_anything(self) -> bool:
        """Whether an event or a badge counts with other points or currencies."""
        return bool(self.events or self.badges or self.event_currencies or self.badge_currencies)

    @property
    def currencies(self) -> Amounts:
        """The total change to each currency."""
        gives = [*self.event_currencies.values(), *self.badge_currencies.values()]
        return difference(gives, self._given_before.values())

    def take(self, entry: Entry) -> None:
        """Read the next entry."""
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
            self.event_currencies, self.badge_currencies, self._given_before = {}, {}, {}
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
            given = self._rulebook.badge_pay.currencies.get(badge.id, NONE)
            if held.currencies != given:
                self.badge_currencies[award.badge_id] = given
                self._given_before[award.badge_id] = held.currencies

    def _price(self, seq: int, body: EventRecorded) -> None:
        before = points = self._seen.points_of(seq, body)
        gave = gives = self._seen.currencies_of(seq, body)
        rule = self._rulebook.event_types.get(body.event_type)
        if rule is not None:
            points, gives = rule.points_for(body.metadata), self._rulebook.event_currencies.get(body.event_type, NONE)
            if body.once_key is not None or body.event_type in self._rulebook.paid_by_day:
                points, _, _, gives = pay_on(
                    self._progress,
                    body.event_type,
                    body.metadata,
                    self._rulebook,
                    points,
                    gives,
                    at=body.at,
                    day=body.day,
                    once_key=body.once_key,
                )
        if (points or gives) and (body.once_key is not None or (rule is not None and rule.is_limited)):
            limits = rule if rule is not None and rule.is_limited else None
            remember_payment(
                self._progress, body.event_type, limits, points, at=body.at, day=body.day, once_key=body.once_key
            )
        if points != before:
            self.events[seq] = points
            self._before[seq] = before
            self.difference += points - before
        if gives != gave:
            self.event_currencies[seq] = gives
            self._given_before[seq] = gave

    def body(self, total_points: int, *, caller: str | None = None, most: int | None = None) -> Repointed | None:
        """The next entry body, for a total of `total_points`; None if nothing changes."""
        if not self.changes_anything:
            return None
        all_changed = sorted({*self.events, *self.event_currencies})
        changed = all_changed[: most or MOST]
        is_whole = len(changed) == len(all_changed)
        events = [(seq, self.events[seq]) for seq in changed if seq in self.events]
        given = [(seq, self.event_currencies[seq]) for seq in changed if seq in self.event_currencies]
        badges, badge_currencies = (self.badges, self.badge_currencies) if is_whole else ({}, {})
        adds, currencies = self.difference, self.currencies
        if not is_whole:
            adds = sum(points - self._before[seq] for seq, points in events)
            currencies = difference((each for _, each in given), (self._given_before[seq] for seq, _ in given))
        total, rules = total_points + adds, self._rulebook
        return Repointed(
            events,
            badges,
            adds,
            total,
            rules.levels.level_at(total),
            rules.fingerprint,
            caller,
            event_currencies=given,
            badge_currencies=badge_currencies,
            currencies=currencies,
        )
