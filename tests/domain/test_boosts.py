"""Boosts: what events bring on days that pay more, against plain arithmetic with fractions and calendars."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Boosted, Entry, EventRecorded, Outcome, ProfileChanged
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.repointing import Repointing
from laurels.domain.rules.badges.criteria import Condition, Range, Within
from laurels.domain.rules.boosts import ActiveBoost, Boost
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from tests.domain.histories import EPOCH, Happened, History, boosts, histories, ms, record, small_rulebook
from tests.examples import share_of

BOOK = """
name = "boosted"
levels = { kind = "quadratic", step = 5 }
[event_types]
read = { points = 10, bonuses = [{ field = "pages", above = 30, points = 5 }] }
ask = { points = 1 }
look = { points = 0 }
counted = { points = 10, max_per_day = 2 }
metered = { points = 10, max_points_per_day = 25 }
slow = { points = 10, cooldown = 3600 }
[[badges]]
id = "reader"
name = "Reader"
description = "Read."
icon = "R"
category = "learning"
rarity = "common"
points = 7
criterion = { kind = "count", event = "read", target = 1 }
"""
SUMMER = "\n[boosts.summer]\nfactor = 2\nfrom = 2026-07-01\nuntil = 2026-07-31\n"
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)
SMALL = small_rulebook(["kind = 'points', target = 20"])
SETTINGS: dict[str, Any] = {"deadline": None, "phases": set(Phase) - {Phase.explain}, "max_examples": share_of(50)}


def outcomes(text: str, *events: tuple[str, datetime], zone: str = "UTC", **fields: Any) -> list[Outcome]:
    """What events bring one after the other, by the book with these boosts."""
    rules = parse_rulebook(BOOK + text)
    progress = Progress(user_id="ada", version=rules.measures_version)
    progress.set_profile(ProfileChanged({"timeZone": zone}))
    return [
        advance(progress, LearningEvent(user_id="ada", event_type=kind, **fields), ms(at), rules) for kind, at in events
    ]


def pays(text: str, *events: tuple[str, datetime], **more: Any) -> list[int]:
    return [each.points for each in outcomes(text, *events, **more)]


class TestWhatItMultiplies:
    @pytest.mark.parametrize(
        ("points", "thousandths", "expected"),
        [
            (10, 2_000, 20),
            (1, 1_250, 1),
            (2, 1_250, 3),
            (1, 1_500, 2),
            (3, 1_500, 5),
            # 100.5, which as a float is a little less.
            (100, 1_005, 101),
            (1, 1_499, 1),
            (1_000_000, 100_000, 100_000_000),
            (0, 100_000, 0),
        ],
    )
    def test_a_half_is_rounded_up_and_nothing_stays_nothing(self, points: int, thousandths: int, expected: int) -> None:
        assert ActiveBoost("x", thousandths, Within(0, 1), {}, None).multiplied(points) == expected

    def test_the_bonuses_of_an_event_and_no_badge(self) -> None:
        [brought] = outcomes(SUMMER, ("read", NOON), metadata={"pages": 31})
        assert (brought.points, brought.total_points) == (30, 30 + 7)
        assert brought.boost is not None
        assert (brought.boost.boost_id, brought.boost.points) == ("summer", 15)
        assert outcomes(SUMMER, ("look", NOON))[0].boost is None
        assert pays(SUMMER, ("look", NOON)) == [0]

    def test_one_type_several_or_all(self) -> None:
        events = [(kind, NOON) for kind in ("read", "ask", "counted")]
        assert pays(SUMMER, *events) == [20, 2, 20]
        assert pays(SUMMER + 'event = "ask"', *events) == [10, 2, 10]
        assert pays(SUMMER + 'event = ["ask", "counted", "ask"]', *events) == [10, 2, 20]

    def test_of_several_at_once_the_largest_counts_and_that_one_alone(self) -> None:
        week = '\n[boosts.a_week]\nfactor = 3\nfrom = 2026-07-13\nuntil = 2026-07-19\nevent = "read"\n'
        small = "\n[boosts.small]\nfactor = 1.5\nfrom = 2026-07-10\nuntil = 2026-08-02\n"
        days = [datetime(2026, 7, day, tzinfo=UTC) for day in (9, 12, 13, 20)]
        events = [*(("read", day) for day in days), ("ask", days[2]), ("read", datetime(2026, 8, 2, tzinfo=UTC))]
        assert pays(week + SUMMER + small, *events) == [20, 20, 30, 20, 2, 15]
        # Of equal ones the first by name.
        equal = SUMMER + SUMMER.replace("summer", "a_summer")
        [brought] = outcomes(equal, ("read", NOON))
        assert brought.boost is not None
        assert (brought.points, brought.boost.boost_id) == (20, "a_summer")


class TestItsDays:
    @pytest.mark.parametrize(
        ("zone", "at", "points"),
        [
            ("UTC", "2026-06-30T23:59:59.999Z", 10),
            ("UTC", "2026-07-01T00:00:00Z", 20),
            ("UTC", "2026-07-31T23:59:59.999Z", 20),
            ("UTC", "2026-08-01T00:00:00Z", 10),
            ("Pacific/Kiritimati", "2026-06-30T10:00:00Z", 20),
            ("Pacific/Kiritimati", "2026-07-31T10:00:00Z", 10),
            ("Pacific/Honolulu", "2026-07-01T09:59:59Z", 10),
            ("Pacific/Honolulu", "2026-08-01T09:59:59Z", 20),
        ],
    )
    def test_they_are_the_learners_own_and_both_count(self, zone: str, at: str, points: int) -> None:
        assert pays(SUMMER, ("read", datetime.fromisoformat(at)), zone=zone) == [points]

    def test_hours_of_grace_belong_to_the_day_before(self) -> None:
        early = datetime(2026, 8, 1, 2, 59, tzinfo=UTC)
        assert pays(SUMMER + "[streak]\ngrace = 3", ("read", early)) == [20]
        assert pays(SUMMER + "[streak]\ngrace = 2", ("read", early)) == [10]

    def test_a_late_event_goes_by_its_own_time(self) -> None:
        after = NOON + timedelta(days=30)
        assert pays(SUMMER, ("read", after), ("read", NOON), ("read", after)) == [10, 20, 10]


class TestLimits:
    def test_they_hold_for_what_the_boost_makes_of_points(self) -> None:
        events = [("metered", NOON)] * 3
        brought = outcomes(SUMMER, *events)
        assert [(each.points, each.unpaid) for each in brought] == [(20, None), (5, "daily-cap"), (0, "daily-cap")]
        # Of the rest of the day none is due to the boost: the event alone would have brought as much.
        assert [each.boost and each.boost.points for each in brought] == [10, None, None]
        assert pays(SUMMER, *[("counted", NOON)] * 3) == [20, 20, 0]
        assert pays(SUMMER, *[("slow", NOON)] * 2) == [20, 0]
        assert pays(SUMMER, *[("read", NOON)] * 2, once_key="task") == [20, 0]

    def test_a_rest_that_is_more_than_the_event_would_bring_is_partly_due_to_it(self) -> None:
        brought = outcomes(SUMMER.replace("2\n", "1.3\n", 1), *[("metered", NOON)] * 2)
        assert [each.points for each in brought] == [13, 12]
        assert [each.boost and each.boost.points for each in brought] == [3, 2]


class TestWhatItChanges:
    def test_decisions_but_no_snapshots(self) -> None:
        plain, boosted = parse_rulebook(BOOK), parse_rulebook(BOOK + SUMMER)
        assert plain.fingerprint != boosted.fingerprint
        assert plain.measures_version == boosted.measures_version
        for other in (SUMMER.replace("2\n", "2.5\n", 1), SUMMER.replace("31", "30"), SUMMER + 'event = "ask"'):
            assert parse_rulebook(BOOK + other).fingerprint != boosted.fingerprint
        described = parse_rulebook(BOOK + SUMMER + 'description = "All pays double."')
        assert described.fingerprint == boosted.fingerprint

    def test_nothing_where_there_are_none(self) -> None:
        plain = parse_rulebook(BOOK)
        assert plain.boosts == {}
        assert plain.paid_by_day == {"counted", "metered", "slow"}
        asked = parse_rulebook(BOOK + SUMMER + 'event = "ask"')
        assert asked.paid_by_day == {"counted", "metered", "slow", "ask"}


class TestACohort:
    """Boosts for the events that say of themselves that they belong to it."""

    PILOT = (
        SUMMER.replace("summer", "pilot").replace("factor = 2", "factor = 3") + 'where = { course = ["bio", "chem"] }\n'
    )

    def test_it_is_what_the_event_says(self) -> None:
        assert pays(self.PILOT, ("read", NOON), metadata={"course": "bio"}) == [30]
        assert pays(self.PILOT, ("read", NOON), metadata={"course": "history"}) == [10]
        assert pays(self.PILOT, ("read", NOON), metadata={}) == [10]
        [told] = outcomes(self.PILOT, ("read", NOON), metadata={"course": "chem"})
        assert told.boost == Boosted("pilot", 20)

    def test_of_those_that_count_for_an_event_the_largest_does(self) -> None:
        both = SUMMER + self.PILOT
        assert pays(both, ("read", NOON), metadata={"course": "bio"}) == [30]
        assert pays(both, ("read", NOON), metadata={"course": "history"}) == [20]

    def test_limits_hold_for_it_too(self) -> None:
        assert pays(self.PILOT, ("metered", NOON), metadata={"course": "bio"}) == [25]

    def test_it_is_decided_anew_by_what_stands_in_the_entry(self) -> None:
        rules, plain = parse_rulebook(BOOK + self.PILOT), parse_rulebook(BOOK)
        assert rules.fingerprint != parse_rulebook(BOOK + self.PILOT.replace("chem", "art")).fingerprint
        assert rules.measures_version == plain.measures_version

    def test_a_field_may_have_the_name_of_a_time(self) -> None:
        asked = self.PILOT.replace('course = ["bio", "chem"]', '"metadata.day" = "open"')
        assert pays(asked, ("read", NOON), metadata={"day": "open"}) == [30]


def by_hand(history: History, rules: Rulebook) -> list[int]:
    """What each event pays, computed from the words of the documentation."""
    found: list[int] = []
    for one in history.events:
        kind = rules.event_types[one.event_type]
        points = Fraction(kind.points_for(one.metadata))
        zone = [name for number, (since, name) in enumerate(history.zones) if number == 0 or since <= one.at][-1]
        local = (EPOCH + timedelta(milliseconds=one.at)).astimezone(ZoneInfo(zone)).date()
        factors = [Fraction(str(each.factor)) for each in rules.data.boosts.values() if _counts(each, one, local)]
        found.append(int(points * max(factors, default=Fraction(1)) + Fraction(1, 2)))
    return found


def _counts(boost: Boost, one: Happened, local: date) -> bool:
    named = [boost.event] if isinstance(boost.event, str) else boost.event
    if not boost.from_day <= local <= boost.until_day or not (named is None or one.event_type in named):
        return False
    return all(_is_met(field, condition, one.metadata) for field, condition in boost.where.items())


def _is_met(field: str, condition: Condition, metadata: dict[str, Any]) -> bool:
    value: Any = metadata
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(condition, Range):
        assert (condition.min, condition.max) == (1, 6)
        return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 6
    return isinstance(value, str) and value in (condition if isinstance(condition, list) else [condition])


@given(
    history=histories(SMALL),
    found=boosts(list(SMALL.event_types)),
    forgotten=st.sets(st.integers(0, 60), max_size=6),
)
@settings(**SETTINGS)
def test_a_boost_that_is_told_afterwards_pays_what_it_had_paid_from_the_start(
    history: History, found: dict[str, Boost], forgotten: set[int]
) -> None:
    """Also of a ledger of which some events were taken back, and there and back again."""
    rules = Rulebook(replace(SMALL.data, boosts=found))
    for before, after in ((SMALL, rules), (rules, SMALL)):
        lived, entries = record(history, after)
        _, others = record(history, before)
        seen = Revisions()
        for entry in others:
            seen.see(entry)
        gone = {entry.seq for entry in others if isinstance(entry.body, EventRecorded)} & forgotten
        seen.events |= gone
        repointing = Repointing("ada", after, seen)
        for entry in others:
            repointing.take(entry)
        if body := repointing.body(0):
            seen.see(Entry("ada", len(others) + 1, None, 0, body))
        points = {
            entry.seq: seen.points_of(entry.seq, entry.body)
            for entry in others
            if isinstance(entry.body, EventRecorded) and entry.seq not in gone
        }
        expected = {
            entry.seq: entry.body.outcome.points
            for entry in entries
            if isinstance(entry.body, EventRecorded) and entry.seq not in gone
        }
        assert points == expected
        assert lived.seq == len(entries)


@given(history=histories(SMALL), found=boosts(list(SMALL.event_types)), order=st.randoms(use_true_random=False))
@settings(**SETTINGS)
def test_points_are_those_of_plain_arithmetic_in_any_order_of_arrival(
    history: History, found: dict[str, Boost], order: Any
) -> None:
    rules = Rulebook(replace(SMALL.data, boosts=found))
    expected = by_hand(history, rules)
    progress, entries = record(history, rules)
    events = [entry.body for entry in entries if isinstance(entry.body, EventRecorded)]
    assert [body.outcome.points for body in events] == expected
    for body, points in zip(events, expected, strict=True):
        plain = rules.event_types[body.event_type].points_for(body.metadata)
        assert (0 if body.outcome.boost is None else body.outcome.boost.points) == points - plain
    shuffled = history.events[:]
    order.shuffle(shuffled)
    other, _ = record(History(history.zones, shuffled), rules)
    assert (other.types, other.days, other.total_points) == (progress.types, progress.days, progress.total_points)
