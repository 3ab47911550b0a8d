"""A learner's report as PDF: the numbers of the export, with the pictures of the page.

Made by typst from `report.typ`: tagged for screen readers (PDF/UA-1) and fit for archives (PDF/A-2b).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UnsetType

from laurels.application.queries.learners.review import Review
from laurels.application.queries.translations import translated
from laurels.application.queries.views import Activity, BadgeStateView, CurrencyView, Dashboard
from laurels.application.service import Service
from laurels.domain.rules.badge_texts import language_for
from laurels.domain.rules.streak_rules import Unit
from laurels.errors import SettingsError
from laurels.web.display_names import shown_name
from laurels.web.drawing import Pen, last_earned, length_of, unit_of
from laurels.web.locale import PageLocale, negotiate
from laurels.web.pictures import Markup

logger = logging.getLogger(__name__)

REPORT = Path(__file__).with_name("report.typ")
REVIEW = Path(__file__).with_name("review.typ")
MEDAL = 40
STANDARDS: Any = ["ua-1", "a-2b"]


class Reports:
    """Makes documents, one after the other. `address` is the public address of this server; empty: no links."""

    def __init__(self, address: str = "") -> None:
        self._address = address.rstrip("/")
        self._maker = ThreadPoolExecutor(1, "laurels-documents", _give_way)

    async def report(self, service: Service, user_id: str, asked: str | None, accepted: str) -> bytes:
        """The report of a learner, in the requested or an accepted language.

        Raises UnknownUser, StoreError, or SettingsError if typst is not installed.
        """
        language = negotiate(asked, accepted)
        rules = service.rulebook
        asked_texts = language_for(rules, language.code)
        dashboard = translated(await service.learners.dashboard(user_id), rules, asked_texts)
        activity = await service.learners.activity(user_id)
        badges = [translated(each, rules, asked_texts) for each in await service.learners.badges(user_id)]
        today = await service.learners.today(user_id)
        now = service.clock()

        def report() -> bytes:
            return compiled(
                REPORT, document_of(dashboard, activity, badges, now, language, today=today, address=self._address)
            )

        return await self._made(report)

    async def review(self, service: Service, user_id: str, year: int, asked: str | None, accepted: str) -> bytes:
        """A learner's year. Raises the same, and InvalidQuery for an impossible year."""
        language = negotiate(asked, accepted)
        rules = service.rulebook
        seen = translated(await service.learners.review(user_id, year), rules, language_for(rules, language.code))
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        activity = await service.learners.activity(user_id, first=first, last=last)
        now = datetime.fromtimestamp(service.clock() / 1000, UTC)
        return await self._made(
            lambda: compiled(REVIEW, review_document(seen, activity, now, language, unit=rules.streak_unit))
        )

    async def _made(self, make: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._maker, make)


def _give_way() -> None:
    """Lower the priority: a document takes all processors for a tenth of a second, an event takes a thousandth."""
    if sys.platform == "linux":
        # On Linux this affects only this thread and the threads that it starts.
        os.nice(10)


def compiled(template: Path, data: dict[str, Any]) -> bytes:
    """The PDF of a template. A character that no font on this machine has is shown as a box, and the PDF then follows
    no standard, because these forbid it. Raises SettingsError if typst is not installed."""
    try:
        import typst  # noqa: PLC0415  an extra of its own: only documents need it
    except ModuleNotFoundError as error:
        raise SettingsError("Documents as PDF need typst: pip install 'laurels[pdf]'.") from error
    made: Any = partial(
        typst.compile,
        template,
        root=template.parent,
        format="pdf",
        sys_inputs={"data": msgspec.json.encode(data).decode()},
    )
    try:
        return made(pdf_standards=STANDARDS)
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise
        # The log does not name the character: it may be part of a name.
        logger.warning("a document holds a character that no font here has; install one, such as Noto Sans CJK")
        return made()


def document_of(
    dashboard: Dashboard,
    activity: Activity,
    badges: list[BadgeStateView],
    now: int,
    language: PageLocale,
    *,
    today: date,
    address: str,
) -> dict[str, Any]:
    """The values for the template, with every text translated and every picture drawn."""
    _, user = language.text, dashboard.user
    zone = ZoneInfo(user.time_zone)
    made = datetime.fromtimestamp(now / 1000, zone)
    name = shown_name(user, language)
    pen = Pen(language, "light", is_print=True)
    earned = sorted((one for one in badges if one.earned), key=last_earned)
    streak = length_of(dashboard.daily_streak, unit_of(dashboard), language)
    return {
        "language": language.code,
        "rtl": language.direction == "rtl",
        "title": _("Report of {name}", name=name),
        "name": name,
        "subtitle": _("Learning progress up to {date}", date=language.date(made.date())),
        "footer": _("Made by Laurels from the ledger of this service"),
        "made": {"year": made.year, "month": made.month, "day": made.day},
        "words": {
            "summary": _("Summary"),
            "activity": _("Activity"),
            "languages": _("Languages"),
            "badges": _("Badges"),
            "badge": _("Badge"),
            "medal": _("Medal"),
            "earned": _("Earned"),
            "balances": _("Balances"),
            "verify": _("Is this true?"),
            "verify_text": _("The page of this learner is made from the same ledger. Compare it here:"),
        },
        "summary": [
            [_("Points"), language.number(user.total_points)],
            [_("Level"), language.number(user.level)],
            [_("Events"), language.number(dashboard.total_events)],
            [_("Badges"), language.number(len(earned))],
            [_("Streak"), streak],
            [_("Longest streak"), length_of(dashboard.longest_streak, unit_of(dashboard), language)],
        ],
        "languages": [[one.language, language.number(one.count)] for one in dashboard.top_languages],
        "balances": [_balance(each, language) for each in (dashboard.currencies or {}).values()],
        "ring": _picture(pen.level(dashboard), _("Level {level}", level=user.level)),
        "flame": _picture(
            pen.streak(dashboard, activity, today),
            f"{_('Streak')}: {streak}",
        ),
        "heatmap": _picture(pen.year(activity, today), _heatmap_text(activity, language)),
        "badges": [
            {
                "name": one.name,
                "times": _times(one.count, language),
                "description": one.description,
                "date": language.date(datetime.fromisoformat(last_earned(one)).astimezone(zone).date()),
                "medal": _picture(pen.single_medal(one, MEDAL), one.name),
            }
            for one in earned
        ],
        "verify": f"{address}/u/{quote(user.user_id, safe='')}" if address else None,
    }


def review_document(
    seen: Review, activity: Activity, now: datetime, language: PageLocale, *, unit: Unit
) -> dict[str, Any]:
    """The values for the template of a year. `unit` is the unit of streaks."""
    _ = language.text
    name = shown_name(seen, language)
    months = [
        [language.month(date(seen.year, one.month, 1)), language.number(one.points), one.points] for one in seen.months
    ]
    lines = [
        [_("Events"), language.number(seen.events)],
        [_("Points"), language.number(seen.points + seen.badge_points)],
        [_("Active days"), language.number(seen.active_days)],
        [_("Longest streak"), length_of(seen.longest_streak, unit, language)],
        [_("Badges"), language.number(len(seen.badges))],
    ]
    if seen.best_day is not None:
        lines.append([_("Best day"), language.date(date.fromisoformat(seen.best_day.date))])
    pen = Pen(language, "light", is_print=True)
    return {
        "language": language.code,
        "rtl": language.direction == "rtl",
        "title": _("{year} of {name}", year=seen.year, name=name),
        "made": {"year": now.year, "month": now.month, "day": now.day},
        "year": str(seen.year),
        "name": name,
        "footer": _("Made by Laurels from the ledger of this service"),
        "words": {"months": _("Points by month"), "badges": _("Badges"), "activity": _("Activity")},
        "lines": lines,
        "months": months,
        "heatmap": _picture(pen.calendar_year(activity, seen.year), _heatmap_text(activity, language)),
        "badges": [
            {
                "name": one.name,
                "times": _times(one.count, language),
                "date": language.date(datetime.fromisoformat(one.last_earned_at or one.earned_at).date(), short=True),
                "medal": _picture(pen.single_medal(one, MEDAL), one.name),
            }
            for one in seen.badges
        ],
    }


def _balance(currency: CurrencyView, language: PageLocale) -> list[str]:
    """A currency's name, where its balance comes from, and the balance."""
    _, number = language.text, language.number
    told = [_("{earned} earned, {spent} spent", earned=number(currency.earned), spent=number(currency.spent))]
    if currency.level:
        told.insert(0, _("level {level}", level=number(currency.level)))
    return [currency.name, " · ".join(told), number(currency.balance)]


def _heatmap_text(activity: Activity, language: PageLocale) -> str:
    return language.plural(
        "{count} active day in the last year", "{count} active days in the last year", activity.active_days
    )


def _times(count: int | UnsetType, language: PageLocale) -> str:
    return f"× {language.number(count)}" if count and count > 1 else ""


def _picture(picture: Markup, alt: str) -> dict[str, str]:
    return {"svg": str(picture), "alt": alt}
