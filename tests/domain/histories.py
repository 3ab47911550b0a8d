"""Made-up histories of a user, for tests of what must hold for every one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Entry, EventRecorded, ProfileChanged
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.criteria import Condition, Range
from laurels.domain.rules.boosts import Boost
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import load_rulebook, parse_rulebook
from tests.examples import share_of

CRITERIA = """
kind = "count", event = "a", target = 2
kind = "count", event = ["a", "b"], target = 5
kind = "count", event = ["b", "a"], target = 6
kind = "count", where = { language = ["py", "js"] }, target = 3
kind = "count", where = { mixed = [1, "1"] }, target = 2
kind = "count", where = { mixed = true }, target = 1
kind = "count", where = { length = { min = 5, max = 10.5 } }, target = 2
kind = "count", where = { hour = { max = 3 } }, target = 2
kind = "count", where = { weekday = [6, 7], "metadata.deep.role" = "mentor" }, target = 2
kind = "count", event = "c", per = "day", target = 2
kind = "count", per = "week", target = 4
kind = "count", per = "month", where = { hour = 12 }, target = 2
kind = "distinct", field = "language", target = 2
kind = "distinct", field = "language", target = 3
kind = "distinct", field = "metadata.deep.role", target = 2
kind = "distinct", field = "mixed", target = 4
kind = "distinct", field = "mixed", per = "day", target = 3
kind = "distinct", field = "language", per = "month", target = 3
kind = "distinct", field = "hour", target = 4
kind = "distinct", field = "weekday", event = "b", target = 3
kind = "distinct", field = "day", per = "week", target = 3
kind = "distinct", field = "day", per = "month", target = 4
kind = "distinct", field = "week", where = { weekday = { min = 6 } }, target = 2
kind = "distinct", field = "month", target = 3
kind = "sum", field = "length", target = 30
kind = "sum", field = "length", per = "day", target = 15
kind = "sum", field = "length", per = "week", event = "a", target = 18
kind = "sum", field = "mixed", target = 3
kind = "sum", field = "length", per = "month", where = { language = "py" }, target = 12
kind = "points", target = 20
kind = "points", target = 70
kind = "level", target = 3
kind = "level", target = 5
kind = "streak", target = 2
kind = "streak", target = 3
kind = "streak", target = 5
kind = "span", target = 1
kind = "span", target = 400
kind = "badges", target = 3
kind = "badges", target = 12
kind = "badges", category = "social", target = 4
kind = "badges", rarity = "rare", target = 6
kind = "badges", category = "coding", rarity = "epic", target = 2
kind = "all", of = [{ kind = "streak", target = 2 }, { kind = "badges", target = 8 }, { kind = "points", target = 30 }]
kind = "any", of = [{ kind = "count", event = "b", target = 9 }, { kind = "span", target = 100 }]
kind = "any", of = [{ kind = "all", of = [{ kind = "level", target = 2 }, { kind = "streak", target = 3 }] }]
""".strip().splitlines()

CATEGORIES = ["coding", "learning", "social", "milestone", "streak"]
RARITIES = ["common", "rare", "epic", "legendary"]


# What a badge may ask for beside its criterion: days, other badges (a later one, and a chain of them), tiers.
CONDITIONS = """
from = 2026-03-28 | criterion = { kind = "count", event = ["a", "b"], target = 2 }
until = 2026-03-29 | criterion = { kind = "distinct", field = "language", target = 2 }
from = 2021-01-03, until = 2026-03-29 | criterion = { kind = "sum", field = "length", per = "day", target = 9 }
from = 2026-10-24, until = 2026-10-26 | criterion = { kind = "distinct", field = "hour", target = 3 }
from = 2026-01-01 | criterion = { kind = "count", per = "week", target = 3 }
requires = ["c10"] | criterion = { kind = "count", event = "a", target = 1 }
requires = ["c5", "c0"] | criterion = { kind = "streak", target = 2 }
requires = ["b3", "c6"] | criterion = { kind = "all", of = [{ kind = "level", target = 2 }] }
requires = ["c9_gold"] | criterion = { kind = "badges", target = 9 }
tiers = [{ id = "gold", name = "g", target = 4, points = 2 }] | criterion = { kind = "count", event = "b", target = 2 }
requires = ["b0"] | criterion = { kind = "count", target = 3 }
requires = ["c10"], until = 2026-12-31 | criterion = { kind = "count", target = 4 }
repeat = "week" | criterion = { kind = "count", event = ["a", "b"], target = 2 }
repeat = "month", until = 2026-12-31 | criterion = { kind = "sum", field = "length", target = 9 }
repeat = "month" | criterion = { kind = "distinct", field = "language", target = 2 }
repeat = "week", requires = ["b0"] | criterion = { kind = "count", event = "b", target = 1 }
repeat = "week" | criterion = { kind = "count", event = ["a", "b"], target = 3 }
""".strip().splitlines()


def conditional(number: int, line: str) -> str:
    asked, criterion = line.split(" | ")
    keys = re.sub(r", (until|requires)", r"\n\1", asked)
    return (
        f'[[badges]]\nid = "c{number}"\nname = "c"\ndescription = "c {{target}}"\nicon = "c"\npoints = {number % 4}\n'
        f'category = "{CATEGORIES[number % 5]}"\nrarity = "{RARITIES[number % 4]}"\n{keys}\n{criterion}\n'
    )


def rich_rulebook() -> Rulebook:
    """A third of the small rulebook's criteria, and badges that ask for days, for other badges, and in tiers."""
    return small_rulebook(CRITERIA[::3], "".join(conditional(*each) for each in enumerate(CONDITIONS)))


def small_rulebook(criteria: Sequence[str] = CRITERIA, more: str = "") -> Rulebook:
    """Every sort of criterion, with targets that a few events reach, and badges that bring one another."""
    head = """
        name = "small"
        levels = { kind = "quadratic", step = 5 }
        boards = { zone = "America/New_York", languages = ["py", "go"] }
        event_types.a = { points = 1, bonuses = [{ field = "length", above = 5, points = 2 }] }
        event_types.b = { points = 3 }
        event_types.c = { points = 0 }
    """
    badges = "".join(
        f'[[badges]]\nid = "b{number}"\nname = "b"\ndescription = "b"\nicon = "b"\npoints = {number % 3}\n'
        f'category = "{CATEGORIES[number % 5]}"\nrarity = "{RARITIES[number % 4]}"\ncriterion = {{ {criterion} }}\n'
        for number, criterion in enumerate(criteria)
    )
    return parse_rulebook(head + badges + more)


RULEBOOKS = {"small": small_rulebook(), "rich": rich_rulebook(), "coding": load_rulebook("coding")}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = [
    "UTC",
    "Europe/Zurich",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Honolulu",
]
# Clocks go forward, clocks go back, the year ends, a year of 53 weeks ends, a leap day; all within days' reach.
ANCHORS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 12, 31, 23, tzinfo=UTC),
    datetime(2021, 1, 3, 12, tzinfo=UTC),
    datetime(2024, 2, 29, 5, tzinfo=UTC),
]


class Happened(Struct, frozen=True):
    """One event of a history."""

    event_type: str
    metadata: dict[str, Any]
    at: int


class History(Struct, frozen=True):
    """Zones as (from, name) in order, the first from the beginning; and events in the order of arrival."""

    zones: list[tuple[int, str]]
    events: list[Happened]


def ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def instants(anchors: list[datetime]) -> st.SearchStrategy[int]:
    return st.builds(
        lambda anchor, hours, millis: ms(anchor) + hours * 3_600_000 + millis,
        st.sampled_from(anchors),
        st.integers(-90, 90),
        st.sampled_from([-1, 0, 1, 1_799_999, 1_800_000]),
    )


metadata = st.fixed_dictionaries(
    {},
    optional={
        "language": st.sampled_from(["py", "js", "c", "go", "rust"]),
        "length": st.one_of(st.integers(0, 12), st.sampled_from([0.0004, 0.1, 5.5, 10.5, 1e308, True, "7"])),
        "mixed": st.sampled_from([1, 1.0, True, "1", "int:1", "x" * 70, None, [1], 2, -1]),
        "deep": st.sampled_from([{"role": "mentor"}, {"role": "guest"}, {"role": None}, "mentor"]),
        "role": st.sampled_from(["mentor", "guest"]),
        "codeLength": st.sampled_from([30, 101, 501, 9_000]),
        "sessionDuration": st.sampled_from([0.5, 7_200]),
    },
)


@st.composite
def histories(draw: st.DrawFn, rulebook: Rulebook, bursts: bool = False) -> History:
    # Few places in time, and as many short histories as long ones: else hardly anything is ever earned.
    times = instants(draw(st.lists(st.sampled_from(ANCHORS), min_size=1, max_size=3)))
    size = draw(st.integers(0, 15 if bursts else 60))
    changes = sorted(draw(st.lists(times, max_size=3)))
    names = draw(st.lists(st.sampled_from(ZONES), min_size=len(changes) + 1, max_size=len(changes) + 1))
    happened = st.builds(Happened, st.sampled_from(list(rulebook.event_types)), metadata, times)
    events = draw(st.lists(happened, min_size=size, max_size=size))
    if bursts:
        # Targets of a real rulebook are far away: each event happens many times over, a day apart or not.
        events = [
            Happened(one.event_type, one.metadata, one.at + number * apart)
            for one in events
            for apart in [draw(st.sampled_from([0, 1, 86_400_000]))]
            for number in range(draw(st.integers(1, 30)))
        ]
    return History(list(zip([0, *changes], names, strict=True)), events)


# Whom a boost is for, by what events say.
COHORTS: list[dict[str, Condition]] = [
    {},
    {},
    {"language": ["py", "js"]},
    {"deep.role": "mentor"},
    {"length": Range(min=1, max=6), "language": "py"},
]


@st.composite
def boosts(draw: st.DrawFn, event_types: list[str]) -> dict[str, Boost]:
    """A few boosts of days around the anchors, many of them at the same time."""
    made: dict[str, Boost] = {}
    for number in range(draw(st.integers(0, 4))):
        first = draw(st.sampled_from(ANCHORS)).date() + timedelta(days=draw(st.integers(-3, 3)))
        made[f"boost{number}"] = Boost(
            factor=draw(st.sampled_from([1.001, 1.25, 1.5, 1.667, 2, 2.5, 10])),
            from_day=first,
            until_day=first + timedelta(days=draw(st.sampled_from([0, 1, 3, 300]))),
            event=draw(
                st.one_of(st.none(), st.sampled_from(event_types), st.lists(st.sampled_from(event_types), min_size=1))
            ),
            where=draw(st.sampled_from(COHORTS)),
        )
    return made


def zone_entries(history: History) -> list[ProfileChanged]:
    return [
        ProfileChanged({"timeZone": name}, None if number == 0 else since)
        for number, (since, name) in enumerate(history.zones)
    ]


def record(history: History, rulebook: Rulebook) -> tuple[Progress, list[Entry]]:
    """A history as it is lived: every body is decided, counted and entered, one after the other."""
    progress = Progress(user_id="ada", version=rulebook.measures_version)
    entries: list[Entry] = []
    for change in zone_entries(history):
        progress.set_profile(change)
        entries.append(Entry("ada", progress.seq + 1, None, 1_000, change))
        progress.stamp(progress.seq + 1, 1_000, change)
    for number, one in enumerate(history.events):
        event = LearningEvent(user_id="ada", event_type=one.event_type, metadata=one.metadata)
        outcome = advance(progress, event, one.at, rulebook)
        body = EventRecorded(event_type=one.event_type, at=one.at, outcome=outcome, metadata=one.metadata)
        entries.append(Entry("ada", progress.seq + 1, f"e{number}", 2_000 + number, body))
        progress.stamp(progress.seq + 1, 2_000 + number, body)
    return progress, entries


def for_each_rulebook(examples: int) -> Callable[[Callable[[Any, Any, Rulebook], None]], Any]:
    """Run a test with histories made for each of the rulebooks."""

    def decorate(test: Callable[[Any, Any, Rulebook], None]) -> Any:
        def run(self: Any, name: str) -> None:
            rulebook = RULEBOOKS[name]

            # Explaining a failure takes minutes, and the shortest history explains itself.
            @settings(max_examples=share_of(examples), deadline=None, phases=set(Phase) - {Phase.explain})
            @given(history=histories(rulebook, bursts=name == "coding"))
            def hold(history: History) -> None:
                test(self, history, rulebook)

            hold()

        run.__name__ = test.__name__
        return pytest.mark.parametrize("name", list(RULEBOOKS))(run)

    return decorate
