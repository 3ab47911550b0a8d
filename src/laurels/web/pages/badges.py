"""The pages of the badges: all of them, and the requirements of one."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any

import msgspec
from litestar import Request, Response
from msgspec.structs import asdict

from laurels.application.queries.badges import catalogue, definition
from laurels.application.queries.rarity import NOTHING_KNOWN, Shares
from laurels.application.queries.translations import translated
from laurels.application.queries.views import BadgeDefinitionView, Rarity
from laurels.application.service import Service
from laurels.domain.rules.badge_texts import language_for
from laurels.errors import StoreError
from laurels.web.criteria_words import words_of
from laurels.web.display_names import person
from laurels.web.drawing import LARGE_MEDAL, Pen
from laurels.web.locale import PageLocale
from laurels.web.page_access import host_of
from laurels.web.pictures import Markup
from laurels.web.rendering import kept_of, language_of, page, page_of, render


async def badges_page(request: Request[Any, Any, Any], service: Service) -> Response[str]:
    """All badges by category, in the order of the rulebook. Anybody may ask for them, and to draw them takes tens of
    milliseconds."""
    language, shares = language_of(request), await service.rarity.shares()
    kept = kept_of(request)
    key = ("badges.html", language.code, service.rulebook.view(), msgspec.json.encode(shares))
    html = kept.get(key)
    if html is None:
        async with host_of(request).drawing(request, service):
            html = kept.get(key) or _catalogue_html(service, language, shares)
            kept.keep(key, html)
    return page_of(html)


def _catalogue_html(service: Service, language: PageLocale, shares: Shares) -> str:
    badges, pen = spoken_catalogue(service, language, shares), Pen(language)
    order = list(dict.fromkeys(badge.category for badge in badges))
    grouped = groupby(sorted(badges, key=lambda badge: order.index(badge.category)), key=lambda badge: badge.category)
    groups = [
        {
            "name": category_name(category, language),
            "badges": [_shown(badge, pen.catalogue_medal(badge), language) for badge in members],
        }
        for category, members in grouped
    ]
    return render(
        "badges.html",
        language=language,
        path="/badges",
        groups=groups,
        total=len(badges),
        sprite=pen.sprite(badges),
    )


async def badge_page(request: Request[Any, Any, Any], service: Service, badge_id: str) -> Response[str] | None:
    """One badge and its requirements; None if there is none with this id."""
    language = language_of(request)
    found = spoken_badge(service, badge_id, language, await service.rarity.shares())
    if found is None:
        return None
    holders = await _holders(request, service, badge_id, language)
    async with host_of(request).drawing(request, service):
        return page(
            request,
            "badge.html",
            language=language,
            badge=_shown(found, Pen(language).single_medal(found, LARGE_MEDAL), language),
            holders=holders,
            takes=takes_of(found, service, language),
            tiers=tiers_of(found, service, language),
        )


async def _holders(
    request: Request[Any, Any, Any], service: Service, badge_id: str, language: PageLocale
) -> list[dict[str, Any]]:
    """Lists of those who hold a badge, each with its heading; none for a viewer who does not see the boards either, on
    which these people stand by name."""
    viewer = host_of(request).viewer(request)
    if not viewer.sees("boards"):
        return []
    try:
        found = await service.badge_holders.of(badge_id)
    except StoreError:
        # What the badge takes is known without the store.
        return []
    lists = ((language.text("The first to earn it"), found.first), (language.text("The latest"), found.latest))
    return [
        {
            "name": name,
            "people": [
                {
                    "person": person(holder, viewer=viewer, language=language),
                    "on": holder.earned_on.isoformat(),
                    "date": language.date(holder.earned_on),
                }
                for holder in holders
            ],
        }
        for name, holders in lists
        if holders
    ]


def spoken_catalogue(
    service: Service, language: PageLocale, shares: Shares = NOTHING_KNOWN
) -> list[BadgeDefinitionView]:
    """All badges, with their texts in this language if the rulebook has them, and how rare they are."""
    rules = service.rulebook
    asked = language_for(rules, language.code)
    return [translated(badge, rules, asked) for badge in catalogue(rules, shares)]


def spoken_badge(
    service: Service, badge_id: str, language: PageLocale, shares: Shares = NOTHING_KNOWN
) -> BadgeDefinitionView | None:
    """The badge with this id; None if there is none."""
    rules = service.rulebook
    badge = rules.badge(badge_id)
    if badge is None or badge.id != badge_id:
        return None
    return translated(definition(badge, rules, shares), rules, language_for(rules, language.code))


def held_line(held: Rarity | None, language: PageLocale) -> str:
    """How rare a badge is, in a few words; empty if unknown."""
    if held is None:
        return ""
    _ = language.text
    if held.count == 0:
        return _("nobody has it yet")
    return _("{share} have it", share=language.percent(held.share))


def takes_of(badge: BadgeDefinitionView, service: Service, language: PageLocale) -> list[str]:
    """The requirements of a badge, a sentence for each condition; empty for a hidden one."""
    if badge.criterion is None:
        return []
    _ = language.text
    lines = words_of(badge.criterion, language, service.rulebook.streak_unit)
    for required in badge.requires or []:
        held = spoken_badge(service, required, language)
        lines.append(_("the badge {name} first", name=required if held is None else held.name))
    if badge.repeat:
        lines.append({"week": _("again in each week"), "month": _("again in each month")}[badge.repeat])
    first, last = badge.from_day or None, badge.until_day or None
    if first is not None:
        lines.append(_("from {date}", date=language.date(date.fromisoformat(first))))
    if last is not None:
        lines.append(_("until {date}", date=language.date(date.fromisoformat(last))))
    return lines


def tiers_of(badge: BadgeDefinitionView, service: Service, language: PageLocale) -> list[BadgeDefinitionView]:
    """All tiers of a badge's rule, the lowest first; empty if there is only one."""
    ids = badge.tiers or []
    return [found for each in ids if (found := spoken_badge(service, each, language)) is not None]


def category_name(category: str, language: PageLocale) -> str:
    """A category's name in this language."""
    _ = language.text
    return {
        "coding": _("Coding"),
        "learning": _("Learning"),
        "social": _("Social"),
        "milestone": _("Milestones"),
        "streak": _("Streaks"),
    }.get(category, category)


def rarity_name(rarity: str, language: PageLocale) -> str:
    """A rarity's name in this language."""
    _ = language.text
    return {"common": _("common"), "rare": _("rare"), "epic": _("epic"), "legendary": _("legendary")}.get(
        rarity, rarity
    )


def _shown(badge: BadgeDefinitionView, medal: Markup, language: PageLocale) -> dict[str, Any]:
    shown = asdict(badge)
    shown["medal"] = medal
    if badge.hidden is True:
        shown["name"] = language.text("Hidden badge")
        shown["description"] = language.text("It shows itself to those who earn it.")
    shown["category_name"] = category_name(badge.category, language)
    shown["rarity_name"] = rarity_name(badge.rarity, language)
    shown["held_line"] = held_line(badge.held, language)
    return shown
