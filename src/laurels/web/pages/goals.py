"""A learner's own goals in words, and how far each has come today or this week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laurels.application.queries.goal_views import Goal
from laurels.web.locale import PageLocale


def goal_lines(goals: Sequence[Goal], language: PageLocale) -> list[dict[str, Any]]:
    """The goals that hold now, as the page lists them."""
    return [
        {
            "name": _name(goal.goal_id, goal.target, language),
            "current": goal.current,
            "target": goal.target,
            "fraction": goal.fraction,
            "is_met": goal.is_met,
        }
        for goal in goals
    ]


def goal_changes(targets: Mapping[str, int | None], language: PageLocale) -> list[str]:
    """What a change of goals set, and what it ended."""
    _ = language.text
    return [
        _("goal ended: {goal}", goal=goal_kind(goal_id, language))
        if target is None
        else _("goal: {goal}", goal=_name(goal_id, target, language))
        for goal_id, target in targets.items()
    ]


def _name(goal_id: str, target: int, language: PageLocale) -> str:
    match goal_id:
        case "eventsPerDay":
            return language.plural("{count} event a day", "{count} events a day", target)
        case "pointsPerDay":
            return language.plural("{count} point a day", "{count} points a day", target)
        case "eventsPerWeek":
            return language.plural("{count} event a week", "{count} events a week", target)
        case _:
            return language.plural("{count} point a week", "{count} points a week", target)


def goal_kind(goal_id: str, language: PageLocale) -> str:
    """What a goal counts, and in what."""
    _ = language.text
    kinds = {
        "eventsPerDay": _("events a day"),
        "pointsPerDay": _("points a day"),
        "eventsPerWeek": _("events a week"),
    }
    return kinds.get(goal_id, _("points a week"))
