"""What learners do on their own page: set goals, plan a pause, repair a missed day of the streak.

Only a learner with a token of their own has these forms; keys use the HTTP interface. A form counts where our own page
sent it: the browser names the origin of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from litestar import Request
from msgspec import UNSET

from laurels.application.queries.views import Dashboard
from laurels.application.service import Service
from laurels.domain.goals import KINDS, targets_of
from laurels.domain.ledger.pauses import as_documents
from laurels.domain.progress import Progress
from laurels.errors import InvalidInput, InvalidProfile
from laurels.web.locale import PageLocale
from laurels.web.page_access import host_of
from laurels.web.pages.goals import goal_kind


class Own(NamedTuple):
    """A page that its own learner sees: the token of its forms, and the fields of the profile that the learner cannot
    change, because of the operator or the rulebook."""

    token: str
    fixed: frozenset[str]


def own_of(request: Request[Any, Any, Any], service: Service, user_id: str) -> Own | None:
    """What the forms need if the viewer is the learner `user_id`; else None."""
    host = host_of(request)
    if host.viewer(request).user_id != user_id:
        return None
    fixed = host.fixed_fields(request)
    return Own(host.form_token(request), fixed if service.rulebook.own_pause_days else fixed | {"pauses"})


def own_forms(own: Own, progress: Progress, dashboard: Dashboard, today: date, language: PageLocale) -> dict[str, Any]:
    """What the forms show: targets of goals, pauses that are not over, and days that can be repaired."""
    targets = targets_of(progress.goals)
    repair = UNSET if dashboard.streak is UNSET else dashboard.streak.repair
    return {
        "token": own.token,
        "goals": []
        if "goals" in own.fixed
        else [{"id": each, "label": goal_kind(each, language), "target": targets.get(each, "")} for each in KINDS],
        "can_pause": "pauses" not in own.fixed,
        "pauses": [
            (language.date(date.fromordinal(first)), language.date(date.fromordinal(last)))
            for first, last in progress.pauses
            if last >= today.toordinal()
        ],
        "tomorrow": today + timedelta(days=1),
        "repairs": []
        if repair is UNSET
        else [
            {
                "day": day,
                "label": language.plural(
                    "Repair {day} for {count} point",
                    "Repair {day} for {count} points",
                    repair.price,
                    day=language.date(date.fromisoformat(day)),
                ),
            }
            for day in repair.days
        ],
    }


async def act(
    request: Request[Any, Any, Any], service: Service, user_id: str, own: Own, fields: Mapping[str, str]
) -> None:
    """Do what a form of the learner asks for. Raises LaurelsError."""
    match fields.get("action"):
        case "goals":
            changes = {"goals": _changed_goals(fields)}
        case "pause":
            held = (await service.learners.progress(user_id)).pauses
            asked = {name: fields.get(name, "") for name in ("from", "until")}
            changes = {"pauses": [*as_documents(held), asked]}
        case "repair":
            day = _day_of(fields.get("day", ""))
            await service.repairs.repair(user_id, day, caller=host_of(request).caller_name(request))
            return
        case _:
            raise InvalidInput("action", "Must be goals, pause or repair.")
    for name in changes.keys() & own.fixed:
        raise InvalidProfile(name, "Cannot be changed here; ask the operator.")
    await host_of(request).count_profile_change(request)
    await service.change_profile(user_id, changes)


def _changed_goals(fields: Mapping[str, str]) -> dict[str, Any]:
    """Goals that were edited in the form: a goal that another device has set meanwhile stays."""
    typed = {goal_id: fields.get(goal_id, "").strip() for goal_id in KINDS}
    return {
        goal_id: None if not text else int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
        for goal_id, text in typed.items()
        if text != fields.get(f"was-{goal_id}", "")
    }


def _day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("day", "Must be a calendar date such as 2026-01-31.") from None
