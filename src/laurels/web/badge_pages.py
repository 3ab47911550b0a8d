"""The pages of the badges: all of them, and what one takes."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from litestar import Request, Response
from msgspec.structs import asdict

from laurels.application.queries.badges import catalogue
from laurels.application.queries.views import BadgeDefinitionView
from laurels.application.service import Service
from laurels.web.criteria_words import words_of
from laurels.web.drawing import LARGE_MEDAL, Pen
from laurels.web.languages import Language
from laurels.web.pictures import Markup
from laurels.web.rendering import language_of, page


def badges_page(request: Request[Any, Any, Any], service: Service) -> Response[str]:
    """All badges by category, in the order of the rulebook."""
    language = language_of(request)
    badges, pen = catalogue(service.rulebook), Pen(language)
    order = list(dict.fromkeys(badge.category for badge in badges))
    grouped = groupby(sorted(badges, key=lambda badge: order.index(badge.category)), key=lambda badge: badge.category)
    groups = [
        {
            "name": category_name(category, language),
            "badges": [_shown(badge, pen.catalogue_medal(badge), language) for badge in members],
        }
        for category, members in grouped
    ]
    return page(request, "badges.html", language=language, groups=groups, total=len(badges), sprite=pen.sprite(badges))


def badge_page(request: Request[Any, Any, Any], service: Service, badge_id: str) -> Response[str] | None:
    """One badge and what it takes; None where there is none with this id."""
    language = language_of(request)
    found = next((badge for badge in catalogue(service.rulebook) if badge.badge_id == badge_id), None)
    if found is None:
        return None
    badge = _shown(found, Pen(language).single_medal(found, LARGE_MEDAL), language)
    return page(
        request, "badge.html", language=language, badge=badge, takes=words_of(found.criterion, language), held=""
    )


def category_name(category: str, language: Language) -> str:
    """A category's name in this language."""
    _ = language.text
    return {
        "coding": _("Coding"),
        "learning": _("Learning"),
        "social": _("Social"),
        "milestone": _("Milestones"),
        "streak": _("Streaks"),
    }.get(category, category)


def rarity_name(rarity: str, language: Language) -> str:
    """A rarity's name in this language."""
    _ = language.text
    return {"common": _("common"), "rare": _("rare"), "epic": _("epic"), "legendary": _("legendary")}.get(
        rarity, rarity
    )


def _shown(badge: BadgeDefinitionView, medal: Markup, language: Language) -> dict[str, Any]:
    shown = asdict(badge)
    shown["medal"] = medal
    shown["category_name"] = category_name(badge.category, language)
    shown["rarity_name"] = rarity_name(badge.rarity, language)
    return shown
