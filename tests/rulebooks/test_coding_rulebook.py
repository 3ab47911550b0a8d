"""The built-in rulebook says what clients were promised: these tables are the promise, spelled out a second time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from laurels.domain.rules.badges.criteria import Count, Distinct, Sum, leaves
from laurels.domain.rules.levels import level_progress
from laurels.domain.rules.rulebook_data import Badge
from laurels.rulebooks.loader import load_rulebook

CODING = load_rulebook("coding")

LONG_CODE_PAYS_MORE = [
    {"field": "codeLength", "above": 100, "points": 2},
    {"field": "codeLength", "above": 500, "points": 3},
]
EVENT_TYPES: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "code_run": (5, LONG_CODE_PAYS_MORE),
    "ai_explain": (3, []),
    "ai_debug": (4, []),
    "snippet_create": (8, []),
    "session_join": (10, []),
    "visualize": (6, []),
    "challenge_complete": (20, []),
    "tutorial_start": (1, []),
    "tutorial_step_complete": (1, []),
    "tutorial_quiz_attempt": (1, []),
    "tutorial_complete": (15, []),
    "challenge_solve": (0, []),
    "code_submit": (0, []),
    "tutorial_view": (0, []),
    "login": (0, []),
}


def count(event: str, target: int, **where: Any) -> dict[str, Any]:
    return {"kind": "count", "event": event, "target": target} | ({"where": where} if where else {})


def of(kind: str, target: int) -> dict[str, Any]:
    return {"kind": kind, "target": target}


FIVE_LANGUAGES = {"kind": "distinct", "field": "language", "target": 5}
TEN_AS_MENTOR = count("session_join", 10, **{"metadata.role": "mentor"})
FIXED_BADGES: list[tuple[str, str, str, str, int, dict[str, Any]]] = [
    ("first_run", "First Steps", "coding", "common", 10, count("code_run", 1)),
    ("code_runner_10", "Code Runner", "coding", "common", 25, count("code_run", 10)),
    ("code_runner_100", "Speed Demon", "coding", "rare", 100, count("code_run", 100)),
    ("polyglot", "Polyglot", "coding", "rare", 50, FIVE_LANGUAGES),
    ("first_ai_help", "AI Assistant", "learning", "common", 15, count("ai_explain", 1)),
    ("debug_master", "Debug Master", "learning", "rare", 75, count("ai_debug", 25)),
    ("visualizer", "Visual Learner", "learning", "common", 40, count("visualize", 10)),
    ("collaborator", "Team Player", "social", "common", 60, count("session_join", 5)),
    ("mentor", "Mentor", "social", "epic", 100, TEN_AS_MENTOR),
    ("collaborator_25", "Collaborator", "social", "rare", 120, count("session_join", 25)),
    ("points_100", "Century", "milestone", "common", 20, of("points", 100)),
    ("points_500", "High Achiever", "milestone", "rare", 50, of("points", 500)),
    ("points_1000", "Elite Coder", "milestone", "epic", 100, of("points", 1000)),
    ("streak_3", "Consistent", "streak", "common", 30, of("streak", 3)),
    ("streak_7", "Dedicated", "streak", "rare", 70, of("streak", 7)),
    ("streak_30", "Unstoppable", "streak", "legendary", 200, of("streak", 30)),
]


def criterion_of(badge: Badge) -> dict[str, Any]:
    """The criterion as data, without what stands at its default."""
    fields = msgspec.to_builtins(badge.criterion)
    return {name: value for name, value in fields.items() if value is not None and value != {}}


class TestEventTypes:
    def test_exactly_the_promised_types_pay_exactly_the_promised_points(self) -> None:
        found = {name: (rule.points, msgspec.to_builtins(rule.bonuses)) for name, rule in CODING.event_types.items()}
        assert found == EVENT_TYPES

    @pytest.mark.parametrize(
        ("metadata", "points"),
        [
            ({}, 5),
            ({"codeLength": 0}, 5),
            ({"codeLength": 100}, 5),
            ({"codeLength": 101}, 7),
            ({"codeLength": 500}, 7),
            ({"codeLength": 501}, 10),
            ({"codeLength": None}, 5),
        ],
    )
    def test_a_run_of_longer_code_pays_more_above_each_bound(self, metadata: dict[str, Any], points: int) -> None:
        assert CODING.event_types["code_run"].points_for(metadata) == points

    def test_the_length_of_code_pays_for_runs_only(self) -> None:
        for name, rule in CODING.event_types.items():
            if name != "code_run":
                assert rule.points_for({"codeLength": 501}) == EVENT_TYPES[name][0]

    def test_every_type_says_what_it_is(self) -> None:
        assert all(rule.description.endswith(".") for rule in CODING.event_types.values())


class TestLevels:
    @pytest.mark.parametrize(("level", "start"), [(1, 0), (2, 100), (3, 300), (4, 600), (5, 1000), (10, 4500)])
    def test_a_level_starts_at_its_promised_total(self, level: int, start: int) -> None:
        assert CODING.levels.start_of(level) == start
        assert CODING.levels.level_at(start) == level
        assert CODING.levels.level_at(start - 1) == max(1, level - 1)

    def test_the_way_to_the_next_level_is_a_share_of_the_present_one(self) -> None:
        assert msgspec.to_builtins(level_progress(CODING.levels, 200)) == {
            "level": 2,
            "points": 200,
            "nextLevelAt": 300,
            "fraction": 0.5,
        }

    def test_the_next_level_is_never_rounded_into(self) -> None:
        start_of_500 = CODING.levels.start_of(500)
        assert start_of_500 is not None
        assert level_progress(CODING.levels, start_of_500 - 1).fraction == 0.9999


class TestBadges:
    @pytest.mark.parametrize(("badge_id", "name", "category", "rarity", "points", "criterion"), FIXED_BADGES)
    def test_a_badge_that_clients_know_stands_as_promised(
        self, badge_id: str, name: str, category: str, rarity: str, points: int, criterion: dict[str, Any]
    ) -> None:
        badge = CODING.badge(badge_id)
        assert badge is not None
        found = (badge.name, badge.category, badge.rarity, badge.points, criterion_of(badge))
        assert found == (name, category, rarity, points, criterion)

    def test_there_are_at_least_sixty_in_every_category_and_rarity(self) -> None:
        assert len(CODING.badges) >= 60
        assert {badge.category for badge in CODING.badges} == {"coding", "learning", "social", "milestone", "streak"}
        assert {badge.rarity for badge in CODING.badges} == {"common", "rare", "epic", "legendary"}

    def test_no_two_look_alike(self) -> None:
        for name in ("id", "name", "description", "icon"):
            values = [getattr(badge, name) for badge in CODING.badges]
            assert len(set(values)) == len(values), name

    def test_all_pay_and_none_asks_for_the_same_as_another(self) -> None:
        assert all(badge.points > 0 for badge in CODING.badges)
        criteria = [msgspec.json.encode(badge.criterion) for badge in CODING.badges]
        assert len(set(criteria)) == len(criteria)

    def test_they_use_everything_that_criteria_can_say(self) -> None:
        found = [leaf for badge in CODING.badges for _key, leaf in leaves(badge.criterion)]
        kinds = {msgspec.to_builtins(leaf)["kind"] for leaf in found}
        kinds |= {msgspec.to_builtins(badge.criterion)["kind"] for badge in CODING.badges}
        assert kinds == {"count", "distinct", "sum", "points", "level", "streak", "span", "badges", "all", "any"}
        of_events = [leaf for leaf in found if isinstance(leaf, Count | Distinct | Sum)]
        assert {leaf.per for leaf in of_events} == {None, "day", "week", "month"}
        conditions = [condition for leaf in of_events for condition in leaf.where.values()]
        assert {type(condition).__name__ for condition in conditions} == {"str", "int", "list", "Range"}
        assert {"hour", "weekday"} <= {field for leaf in of_events for field in leaf.where}

    def test_a_badge_that_the_rulebook_does_not_have_is_none(self) -> None:
        assert CODING.badge("no_such_badge") is None
