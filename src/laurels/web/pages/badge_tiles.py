"""The lines of a learner's badges, most of which are the same for many learners: each is made once for all of them.

What is kept is found by everything that it shows, so no rulebook, share or language that came since can be missed.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from markupsafe import escape
from msgspec import UNSET

from laurels.application.queries.views import BadgeStateView
from laurels.web.drawing import MEDAL, hundredths, kind_of, last_earned, medal_of_page
from laurels.web.locale import PageLocale, language
from laurels.web.pages.badges import held_line
from laurels.web.pictures import Markup
from laurels.web.pictures.medal_parts import MedalKind
from laurels.web.rendering import macros_of

_INSTANT, _DAY = "\1", "\2"
"""Stand in a kept line where each learner has an instant and a day of their own."""


def earned_tile(badge: BadgeStateView, zone: ZoneInfo, spoken: PageLocale) -> Markup:
    """The line of a badge that is held, with its last day in `zone`."""
    last = last_earned(badge)
    line = _earned(
        badge.badge_id,
        badge.name,
        badge.description,
        kind_of(badge),
        0 if badge.count is UNSET else badge.count,
        held_line(badge.held, spoken),
        spoken.code,
    )
    day = escape(spoken.date(day_of(last, zone)))
    return Markup(line.replace(_INSTANT, last).replace(_DAY, day))


def open_tile(badge: BadgeStateView, spoken: PageLocale) -> Markup:
    """The line of a badge that is not held, with how far it is."""
    return _opened(badge.name, badge.description, kind_of(badge), hundredths(badge.fraction), spoken.code)


def shown_badge_name(badge: BadgeStateView, spoken: PageLocale) -> str:
    """What a badge is called, hidden ones in the words of the language."""
    return spoken.text("Hidden badge") if badge.hidden is True else badge.name


def day_of(instant: str, zone: ZoneInfo) -> date:
    """The day of an instant, as it is written on the wire, in `zone`."""
    if zone.key == "UTC":
        return _day_named(instant[:10])
    return datetime.fromisoformat(instant).astimezone(zone).date()


@lru_cache(maxsize=4_096)
def _day_named(name: str) -> date:
    return date.fromisoformat(name)


@lru_cache(maxsize=4_096)
def _earned(badge_id: str, name: str, description: str, kind: MedalKind, times: int, held: str, code: str) -> str:
    shown = {
        "badge_id": badge_id,
        "name": name,
        "description": description,
        "rarity": kind.rarity,
        "medal": medal_of_page(kind, name, None, MEDAL, code),
        "times": times,
        "last_earned": _INSTANT,
        "date": _DAY,
        "held_line": held,
    }
    return str(macros_of("badge_items.html", code).earned(shown))


@lru_cache(maxsize=8_192)
def _opened(name: str, description: str, kind: MedalKind, fraction: float, code: str) -> Markup:
    is_hidden = kind.state == "hidden"
    shown = {
        "name": language(code).text("Hidden badge") if is_hidden else name,
        "description": description,
        "rarity": kind.rarity,
        "medal": medal_of_page(kind, name, fraction, MEDAL, code),
        "hidden": is_hidden,
        "fraction": fraction,
    }
    return Markup(macros_of("badge_items.html", code).opened(shown))
