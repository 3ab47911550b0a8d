"""One user's state: a fold of their ledger entries, and nothing else.

`Progress` changes in place, since it is folded thousands of times a second; who needs to keep one copies it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from laurels.domain.criteria import Moment
from laurels.domain.ledger import Award, Entry, EventRecorded, ProfileChanged
from laurels.domain.periods import day_in_zone, day_of, utc_offset
from laurels.domain.rulebook import Rulebook
from laurels.domain.streaks import current_streak, run_through


class DayTotals(Struct, array_like=True, gc=False):
    """A day's number of events and their points (badges not included)."""

    events: int = 0
    points: int = 0


class BoardDay(Struct, array_like=True, gc=False):
    """What one day of the boards' calendar holds: all points earned in it, its events, and when its total
    was reached (the latest instant that brought points; 0 if none did)."""

    points: int = 0
    events: int = 0
    reached_at: int = 0


class TypeTotals(Struct, array_like=True, gc=False):
    """Number and points of the events of one type."""

    count: int = 0
    points: int = 0


class Progress(Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Where a user stands after `seq` entries. Days are ordinals, instants milliseconds since the epoch.

    `zones` is the history of time zones: (from, name), the first from the beginning of time. `gauges` and
    `parts` belong to the measures of the rulebook whose `measures_version` is `version`.
    """

    user_id: str
    version: str
    seq: int = 0
    created_at: int = 0
    last_active_at: int | None = None
    events: int = 0
    total_points: int = 0
    longest_streak: int = 0
    first_day: int = 0
    last_day: int = 0
    types: dict[str, TypeTotals] = field(default_factory=dict[str, TypeTotals])
    languages: dict[str, int] = field(default_factory=dict[str, int])
    days: dict[int, DayTotals] = field(default_factory=dict[int, DayTotals])
    board_days: dict[int, BoardDay] = field(default_factory=dict[int, BoardDay])
    awards: dict[str, Award] = field(default_factory=dict[str, Award])
    display_name: str | None = None
    photo_url: str | None = field(default=None, name="photoURL")
    preferences: dict[str, Any] = field(default_factory=dict[str, Any])
    zones: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    gauges: dict[int, int] = field(default_factory=dict[int, int])
    parts: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])

    @property
    def time_zone(self) -> str:
        """The zone that holds now."""
        return self.zones[-1][1] if self.zones else "UTC"

    def offset_at(self, at: int) -> int:
        """Seconds ahead of UTC at the instant `at`, in the zone that the user had then."""
        zones = self.zones
        if not zones:
            return 0
        for since, zone in reversed(zones):
            if at >= since:
                return utc_offset(at, zone)
        return utc_offset(at, zones[0][1])

    def today(self, now: int) -> int:
        """The user's calendar day at the instant `now`."""
        return day_of(now, self.offset_at(now))

    def daily_streak(self, now: int) -> int:
        """Length of the run of active days that ends today or yesterday, else 0."""
        return current_streak(self.days, self.today(now))

    def observe_event(
        self, *, event_type: str, metadata: dict[str, Any], at: int, offset: int, points: int, rulebook: Rulebook
    ) -> list[int]:
        """Count one event in, without its awards. Returns the rulebook positions of the badges that it may bring:
        those one of whose measures passed a target."""
        self.events += 1
        if self.last_active_at is None or at > self.last_active_at:
            self.last_active_at = at
        totals = self.types.get(event_type)
        if totals is None:
            totals = self.types[event_type] = TypeTotals()
        totals.count += 1
        totals.points += points
        language = metadata.get("language")
        if language is not None:
            self.languages[language] = self.languages.get(language, 0) + 1

        day = day_of(at, offset)
        candidates: list[int] = []
        active = self.days.get(day)
        if active is None:
            candidates += self._open_day(day, rulebook)
            active = self.days[day] = DayTotals()
        active.events += 1
        active.points += points
        board_day = self._board_day(at, rulebook)
        board_day.events += 1
        candidates += self._earn(points, at, board_day, rulebook)

        moment = Moment(at, offset, day)
        for measure in rulebook.measures_by_type.get(event_type, ()):
            candidates += measure.observe(self, metadata, moment)
        return candidates

    def hold(self, award: Award, rulebook: Rulebook) -> list[int]:
        """Take an award and its points in. Returns the badges that these may bring in turn."""
        self.awards[award.badge_id] = award
        candidates = self._earn(award.points, award.earned_at, self._board_day(award.earned_at, rulebook), rulebook)
        badge = rulebook.badge(award.badge_id)
        if badge is not None:
            for measure in rulebook.badge_measures_for(badge):
                before = self.gauges.get(measure.index, 0)
                self.gauges[measure.index] = before + 1
                candidates += measure.crossed(before, before + 1)
        return candidates

    def fold(self, entry: Entry, rulebook: Rulebook) -> None:
        """Take in one entry of the ledger: what it says happened, whatever the present rules would make of it.

        The entry must be the next one of this user (`seq` + 1).
        """
        fact = entry.fact
        self.stamp(entry.seq, entry.recorded_at, fact)
        if isinstance(fact, EventRecorded):
            outcome = fact.outcome
            self.observe_event(
                event_type=fact.event_type,
                metadata=fact.metadata,
                at=fact.at,
                offset=outcome.offset,
                points=outcome.points,
                rulebook=rulebook,
            )
            for award in outcome.awards:
                self.hold(award, rulebook)
        else:
            self.set_profile(fact)

    def stamp(self, seq: int, recorded_at: int, fact: EventRecorded | ProfileChanged) -> None:
        """Advance to entry `seq`. A user exists since the first thing known of them, imported history included."""
        self.seq = seq
        known_at = min(recorded_at, fact.at) if isinstance(fact, EventRecorded) else recorded_at
        if not self.created_at or known_at < self.created_at:
            self.created_at = known_at

    def set_profile(self, fact: ProfileChanged) -> None:
        """Take in the fields that a profile change sets."""
        changes = fact.changes
        if "displayName" in changes:
            self.display_name = changes["displayName"]
        if "photoURL" in changes:
            self.photo_url = changes["photoURL"]
        if "preferences" in changes:
            self.preferences = changes["preferences"]
        if "timeZone" in changes:
            if fact.zone_from is None:
                self.zones = [(0, changes["timeZone"])]
            else:
                self.zones = [*(self.zones or [(0, "UTC")]), (fact.zone_from, changes["timeZone"])]

    def _open_day(self, day: int, rulebook: Rulebook) -> list[int]:
        candidates: list[int] = []
        run = run_through(self.days, day)
        if run > self.longest_streak:
            for measure in rulebook.streak_measures:
                candidates += measure.crossed(self.longest_streak, run)
            self.longest_streak = run
        before = self.last_day - self.first_day
        if not self.days:
            self.first_day = self.last_day = day
        else:
            self.first_day = min(self.first_day, day)
            self.last_day = max(self.last_day, day)
        after = self.last_day - self.first_day
        if after > before:
            for measure in rulebook.span_measures:
                candidates += measure.crossed(before, after)
        return candidates

    def _board_day(self, at: int, rulebook: Rulebook) -> BoardDay:
        day = day_in_zone(at, rulebook.board_zone)
        found = self.board_days.get(day)
        if found is None:
            found = self.board_days[day] = BoardDay()
        return found

    def _earn(self, points: int, at: int, board_day: BoardDay, rulebook: Rulebook) -> list[int]:
        if not points:
            return []
        board_day.points += points
        board_day.reached_at = max(board_day.reached_at, at)
        before = self.total_points
        self.total_points = before + points
        candidates: list[int] = []
        for measure in rulebook.points_measures:
            candidates += measure.crossed(before, self.total_points)
        return candidates
