"""The page of the leaderboard: periods, languages, currencies, a learner's surroundings, what moved."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response
from markupsafe import Markup
from msgspec import UNSET

from laurels.application.access.viewer import Viewer
from laurels.application.queries.board_views import Leaderboard, LeaderboardRow
from laurels.application.service import Service
from laurels.domain.periods import Timeframe
from laurels.domain.rules.badge_texts import language_for
from laurels.errors import InvalidQuery, UnknownUser
from laurels.web.display_names import person
from laurels.web.locale import PageLocale, available
from laurels.web.page_access import host_of
from laurels.web.rendering import language_of, page

ROWS = 50
_FOLLOWED = 10


async def board_page(request: Request[Any, Any, Any], service: Service, viewer: Viewer) -> Response[str]:
    """The page for a query. If a board cannot be shown, the page itself explains why."""
    language = language_of(request)
    _ = language.text
    query = {name: value for name, value in request.query_params.items() if value}
    timeframe = timeframe_of(query.get("timeframe"))
    period, board, around = query.get("period"), query.get("language"), query.get("around")
    currency = query.get("currency")
    if around and not (viewer.is_reader or viewer.user_id == around):
        around = None
    cursor = None if around else query.get("cursor")
    shown: Leaderboard | None = None
    notice = ""
    try:
        shown = await service.leaderboards.page(
            None if period else timeframe,
            period=period,
            limit=ROWS,
            cursor=cursor,
            around=around,
            language=board,
            currency=currency,
        )
    except UnknownUser:
        notice = _("This learner does not stand on this board.")
    except InvalidQuery as error:
        notice = str(error)
        # Links repeat what names a board, and nothing that does not: that may be as long as an address.
        period = board = currency = cursor = around = None
    given = {
        "timeframe": None if period else timeframe.value,
        "period": period,
        "language": board,
        "currency": currency,
        "lang": query.get("lang") if query.get("lang") in available() else None,
    }
    keep = {name: value for name, value in given.items() if value}
    is_top = shown is not None and not cursor and not around
    place = {name: value for name, value in (("cursor", cursor), ("around", around)) if value}
    live = {name: value for name, value in keep.items() if name in ("timeframe", "period")}
    async with host_of(request).drawing(request, service):
        return page(
            request,
            "leaderboard.html",
            language=language,
            status=404 if shown is None else 200,
            page=shown,
            notice=notice,
            tabs=_tabs(timeframe, period, keep, language),
            board_languages=_languages(service, board, keep, language),
            board_currencies=_currencies(service, currency, keep, language),
            unit=_unit(service, currency, language),
            level=_level,
            can_search=viewer.is_reader or viewer.user_id is not None,
            around=around,
            keep=list(keep.items()),
            podium=[] if shown is None or not is_top else shown.leaderboard[:3],
            person=partial(person, viewer=viewer, language=language),
            moved=partial(_moved, language=language),
            following=None if shown is None or shown.next is None else _address({**keep, "cursor": shown.next}),
            address=_address(keep | place),
            live=f"/stream/leaderboard?{urlencode(live)}" if is_top and board is None and currency is None else "",
        )


def timeframe_of(name: str | None) -> Timeframe:
    """The timeframe of this name; all-time for any other."""
    try:
        return Timeframe(name or Timeframe.ALL_TIME)
    except ValueError:
        return Timeframe.ALL_TIME


def _address(query: dict[str, str]) -> str:
    return f"/leaderboard?{urlencode(query)}" if query else "/leaderboard"


def _tabs(timeframe: Timeframe, period: str | None, keep: dict[str, str], language: PageLocale) -> list[dict[str, Any]]:
    _ = language.text
    names = {
        Timeframe.DAILY: _("Today"),
        Timeframe.WEEKLY: _("This week"),
        Timeframe.MONTHLY: _("This month"),
        Timeframe.ALL_TIME: _("All time"),
    }
    rest = {name: value for name, value in keep.items() if name in ("language", "currency", "lang")}
    tabs = [
        {
            "name": name,
            "address": _address({"timeframe": each.value, **rest}),
            "current": not period and each is timeframe,
        }
        for each, name in names.items()
    ]
    if period:
        tabs.append({"name": period, "address": _address(keep), "current": True})
    return tabs


def _languages(service: Service, board: str | None, keep: dict[str, str], language: PageLocale) -> list[dict[str, Any]]:
    kept = sorted(service.rulebook.board_languages or ())
    if not kept and board is None:
        return []
    rest = {name: value for name, value in keep.items() if name not in ("language", "currency")}
    chips = [{"name": language.text("All languages"), "address": _address(rest), "current": board is None}]
    chips.extend(
        {"name": name, "address": _address({**rest, "language": name}), "current": name == board}
        for name in kept or [board or ""]
    )
    return chips


def _currencies(
    service: Service, currency: str | None, keep: dict[str, str], language: PageLocale
) -> list[dict[str, Any]]:
    kept = [name for name in service.rulebook.currencies if name in service.rulebook.board_currencies]
    if not kept:
        return []
    rest = {name: value for name, value in keep.items() if name not in ("language", "currency")}
    chips = [{"name": _unit(service, None, language), "address": _address(rest), "current": currency is None}]
    chips.extend(
        {
            "name": _unit(service, name, language),
            "address": _address({**rest, "currency": name}),
            "current": name == currency,
        }
        for name in kept
    )
    return chips


def _unit(service: Service, currency: str | None, language: PageLocale) -> str:
    """What a board's numbers are of."""
    found = None if currency is None else service.rulebook.currencies.get(currency)
    return language.text("Points") if found is None else found.name_in(language_for(service.rulebook, language.code))


def _level(row: LeaderboardRow) -> int:
    """The level that goes with the points of a row: on the board of a currency that has levels, the one in it."""
    return row.level if row.currency_level is UNSET else row.currency_level


def _moved(row: LeaderboardRow, *, language: PageLocale) -> Markup:
    _ = language.text
    if row.previous_rank is None:
        return Markup("")
    steps = row.previous_rank - row.rank
    if steps > 0:
        return Markup('<span class="up" title="{}">▲ {}</span>').format(_("up"), language.number(steps))
    if steps < 0:
        return Markup('<span class="down" title="{}">▼ {}</span>').format(_("down"), language.number(-steps))
    return Markup("")
