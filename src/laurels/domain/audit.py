"""Rules that find activity that is hardly human, and report the numbers.

Nothing is decided here and nobody is accused: a finding is a reason to look. `UserAudit` reads the events of one user
in order; `PopulationAudit` knows the normal values of all users, and adds each user whose events were read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import heappush, heappushpop
from itertools import pairwise
from statistics import median
from typing import Any, Literal

import msgspec
from msgspec import Struct

from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.periods import MS_PER_DAY, day_name, day_of, hour_of
from laurels.plurals import counted

Rule = Literal["pace", "round-the-clock", "repetition", "points", "backdating", "same-timing"]
RULES: tuple[Rule, ...] = ("pace", "round-the-clock", "repetition", "points", "backdating", "same-timing")

MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000

# A person hardly makes more events than this in a minute, or in an hour.
PER_MINUTE = 30
PER_HOUR = 400
# Active in more than this many hours of a local day, on at least this many days.
HOURS = 20
LONG_DAYS = 3
# The same type and numbers at least this often, and in at least this share of the user's events that carry numbers.
SAME = 100
SAME_SHARE = 0.8
# A day's points this many robust deviations above the normal. Users with fewer days than OWN_DAYS have no normal yet.
DEVIATIONS = 8.0
OWN_DAYS = 5
# With fewer users than this, or fewer days of all of them together, there is no normal value.
POPULATION_USERS = 10
POPULATION_DAYS = 20
# Events sent more than a day late, except for imports by the operator: this many in one minute, spread over this many
# days.
LATE_MS = MS_PER_DAY
LATE_EVENTS = 20
LATE_DAYS = 3
# Users whose first events are the same seconds apart: this many gaps, not all alike, of this many users.
GAPS = 12
DIFFERENT_GAPS = 6
TWINS = 3

# Bounds of memory: for one user, and for all.
_KEPT = 20_000
_CANDIDATES = 1_000
_TIMINGS = 100_000
_NAMED = 10
# Standard deviations of a normal distribution in one median absolute deviation.
_MAD = 1.4826

_encode = msgspec.json.Encoder(order="deterministic").encode


class Finding(Struct, frozen=True, rename="camel"):
    """A striking fact about a user. `score` ranges from 1 (just beyond the rule's bound) to 100; `evidence` has the
    numbers, and `days` the local days on which to look (the first ten)."""

    user_id: str
    rule: Rule
    score: int
    says: str
    evidence: dict[str, Any]
    days: list[str] = []


class UserAudit:
    """Reads the events of one user in the order of recording. Its memory is bounded except for the active days."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.points: dict[int, int] = {}
        self._hours: dict[int, int] = {}
        self._minutes: Counter[int] = Counter()
        self._per_hour: Counter[int] = Counter()
        self._same: Counter[bytes] = Counter()
        self._numbered = 0
        self._late: dict[int, list[int]] = {}
        self._late_days: dict[int, set[int]] = {}
        self._first: list[int] = []

    def see(self, body: EventRecorded, recorded_at: int) -> None:
        """Read an event that was recorded at the instant `recorded_at`."""
        day = body.day
        self.points[day] = self.points.get(day, 0) + _earned(body)
        self._hours[day] = self._hours.get(day, 0) | 1 << hour_of(body.at, body.outcome.offset)
        _count(self._minutes, body.at // MS_PER_MINUTE)
        _count(self._per_hour, body.at // MS_PER_HOUR)
        if any(type(value) in (int, float) for value in body.metadata.values()):
            self._numbered += 1
            _count(self._same, _encode([body.event_type, body.metadata])[:200])
        if recorded_at - body.at > LATE_MS and not body.is_imported:
            minute = recorded_at // MS_PER_MINUTE
            if minute in self._late or len(self._late) < _KEPT:
                late = self._late.setdefault(minute, [0, 0])
                late[0] += 1
                late[1] = max(late[1], recorded_at - body.at)
                self._late_days.setdefault(minute, set()).add(day)
        if len(self._first) <= GAPS:
            self._first.append(body.at)

    @property
    def timing(self) -> int | None:
        """A fingerprint of the seconds between the user's first events, if these are irregular enough to distinguish
        users."""
        if len(self._first) <= GAPS:
            return None
        gaps = tuple((later - earlier) // 1_000 for earlier, later in pairwise(self._first))
        return hash(gaps) if len(set(gaps)) >= DIFFERENT_GAPS else None

    def findings(self) -> Iterable[Finding]:
        """The findings about this user alone."""
        yield from self._pace()
        yield from self._round_the_clock()
        yield from self._repetition()
        yield from self._backdating()

    def _pace(self) -> Iterable[Finding]:
        minutes = {minute: count for minute, count in self._minutes.items() if count > PER_MINUTE}
        hours = {hour: count for hour, count in self._per_hour.items() if count > PER_HOUR}
        if not minutes and not hours:
            return
        in_minute, in_hour = max(self._minutes.values()), max(self._per_hour.values())
        days = [day_of(minute * MS_PER_MINUTE) for minute in minutes] + [day_of(hour * MS_PER_HOUR) for hour in hours]
        yield Finding(
            self.user_id,
            "pace",
            score_of(max(in_minute / PER_MINUTE, in_hour / PER_HOUR)),
            f"{counted(in_minute, 'event')} in one minute, {in_hour} in one hour",
            {"mostInAMinute": in_minute, "mostInAnHour": in_hour, "minutes": len(minutes), "hours": len(hours)},
            _names(days),
        )

    def _round_the_clock(self) -> Iterable[Finding]:
        long = {day: hours.bit_count() for day, hours in self._hours.items() if hours.bit_count() > HOURS}
        if len(long) >= LONG_DAYS:
            yield Finding(
                self.user_id,
                "round-the-clock",
                score_of(len(long) / LONG_DAYS),
                f"active in more than {HOURS} hours of a day, on {counted(len(long), 'day')}",
                {"days": len(long), "mostHours": max(long.values())},
                _names(long),
            )

    def _repetition(self) -> Iterable[Finding]:
        if self._numbered < SAME:
            return
        [(what, count)] = self._same.most_common(1)
        if count >= SAME and count >= SAME_SHARE * self._numbered:
            yield Finding(
                self.user_id,
                "repetition",
                score_of(count / SAME),
                f"{count} of {self._numbered} events with numbers are the same",
                {"same": count, "of": self._numbered, "what": what.decode(errors="replace")},
            )

    def _backdating(self) -> Iterable[Finding]:
        bursts = {
            minute: count
            for minute, (count, _latest) in self._late.items()
            if count >= LATE_EVENTS and len(self._late_days[minute]) >= LATE_DAYS
        }
        if not bursts:
            return
        minute = max(bursts, key=lambda each: (bursts[each], -each))
        days = self._late_days[minute]
        back = self._late[minute][1] // MS_PER_DAY
        yield Finding(
            self.user_id,
            "backdating",
            score_of(max(bursts[minute] / LATE_EVENTS, len(days) / LATE_DAYS)),
            f"{bursts[minute]} events of {len(days)} past days told within one minute, up to {back} days late",
            {"events": bursts[minute], "pastDays": len(days), "mostDaysLate": back, "bursts": len(bursts)},
            _names(day_of(each * MS_PER_MINUTE) for each in bursts),
        )


class _Candidate(Struct, frozen=True, order=True):
    """A user's best day, with their normal value."""

    points: int
    user_id: str
    day: int
    days: int
    middle: float
    spread: float


class PopulationAudit:
    """The normal values of all users, collected one user at a time. Memory does not grow with their number."""

    def __init__(self) -> None:
        self.users = 0
        self._active = 0
        self._days: Counter[int] = Counter()
        self._candidates: list[_Candidate] = []
        # Users by timing: the number, and the first few of them.
        self._alike: Counter[int] = Counter()
        self._named: dict[int, tuple[str, ...]] = {}

    def take(self, user: UserAudit) -> None:
        """Add a user whose events were all read."""
        self.users += 1
        if user.points:
            self._take_points(user)
        timing = user.timing
        if timing is not None and (timing in self._alike or len(self._alike) < _TIMINGS):
            self._alike[timing] += 1
            if self._alike[timing] <= _NAMED:
                self._named[timing] = (*self._named.get(timing, ()), user.user_id)

    def _take_points(self, user: UserAudit) -> None:
        self._active += 1
        for points in user.points.values():
            self._days[_rounded(points)] += 1
        day = max(user.points, key=lambda each: (user.points[each], -each))
        middle, spread = normal_of(Counter(user.points.values()))
        best = _Candidate(user.points[day], user.user_id, day, len(user.points), middle, spread)
        if len(self._candidates) < _CANDIDATES:
            heappush(self._candidates, best)
        else:
            heappushpop(self._candidates, best)

    def findings(self) -> Iterable[Finding]:
        """The findings from the comparison with all other users."""
        yield from self._points()
        for timing, count in self._alike.items():
            if count >= TWINS:
                named = self._named[timing]
                yield Finding(
                    named[0],
                    "same-timing",
                    score_of(count / TWINS),
                    f"{count} users whose first {GAPS + 1} events lie apart by the same seconds",
                    {"users": count, "named": named},
                )

    def _points(self) -> Iterable[Finding]:
        if self._active < POPULATION_USERS or self._days.total() < POPULATION_DAYS:
            return
        middle, spread = normal_of(self._days)
        for best in self._candidates:
            above = (best.points - middle) / spread
            own = (best.points - best.middle) / best.spread
            # Users with only a few days have no normal of their own to be measured by.
            least = above if best.days < OWN_DAYS else min(above, own)
            if least > DEVIATIONS:
                yield Finding(
                    best.user_id,
                    "points",
                    score_of(least / DEVIATIONS),
                    f"{counted(best.points, 'point')} in one day; "
                    f"{best.middle:g} are normal for them, {middle:g} for all",
                    {
                        "points": best.points,
                        "median": middle,
                        "deviations": round(above, 1),
                        "ownMedian": best.middle,
                        "ownDeviations": round(own, 1),
                        "activeDays": best.days,
                    },
                    _names([best.day]),
                )


def normal_of(counts: Mapping[int, int]) -> tuple[float, float]:
    """The median of values with their counts, and the normal distance of values from it (in standard deviations).

    A spread is never less than a tenth of the median, nor than 1: otherwise, if all values were equal, the first
    different one would be infinitely far away.
    """
    middle = _median(counts)
    apart: Counter[float] = Counter()
    for value, count in counts.items():
        apart[abs(value - middle)] += count
    return middle, max(_MAD * _median(apart), middle / 10, 1.0)


def score_of(times: float) -> int:
    """The score of a value that is `times` its bound: 1 at the bound, 50 at twice as much, approaching 100."""
    return max(1, min(100, round(100 * (1 - 1 / max(times, 1.0)))))


def _median(counts: Mapping[Any, int]) -> float:
    total = sum(counts.values())
    seen = 0
    lower: float | None = None
    for value in sorted(counts):
        seen += counts[value]
        if lower is None and seen >= (total + 1) // 2:
            lower = value
        if lower is not None and seen >= total // 2 + 1:
            return float(median((lower, value)))
    raise ValueError("There is no median of nothing.")


def _rounded(points: int) -> int:
    """Points to three digits, so that the number of different values is bounded."""
    size = 10 ** max(0, len(str(points)) - 3)
    return points // size * size


def _earned(body: EventRecorded) -> int:
    """An event's points without those that a boost added: during a boost everyone has more."""
    boost = body.outcome.boost
    return body.outcome.points - (0 if boost is None else boost.points)


def _count(counter: Counter[Any], key: Any) -> None:
    if key in counter or len(counter) < _KEPT:
        counter[key] += 1


def _names(days: Iterable[int]) -> list[str]:
    return [day_name(day) for day in sorted(set(days))[:_NAMED]]
