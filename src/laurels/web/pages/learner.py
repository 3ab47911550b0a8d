"""A learner's page: everything in the dashboard's JSON, for people."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import date, datetime, tzinfo
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo

from litestar import Request, Response
from msgspec import UNSET, Struct

from laurels.application.queries.learners.learner_queries import Known
from laurels.application.queries.rarity import Shares
from laurels.application.queries.translations import translated
from laurels.application.queries.views import Activity, BadgeStateView, Dashboard, UserView
from laurels.application.service import Service
from laurels.domain.ledger.entries import (
    BadgeRevoked,
    BadgesGiven,
    CurrencySpent,
    Entry,
    EventRecorded,
    EventRetracted,
    MergedFrom,
    MergedInto,
    ProfileChanged,
    Repointed,
    StreakRepaired,
    awards_of,
    currencies_of,
)
from laurels.domain.periods import iso
from laurels.domain.progress import Progress
from laurels.domain.rules.badge_texts import language_for
from laurels.domain.rules.badges.awards import badge_and_period
from laurels.web.display_names import initial_of, shown_name
from laurels.web.drawing import HEATMAP, SMALL_MEDAL, Pen, last_earned
from laurels.web.locale import PageLocale
from laurels.web.page_access import drawing_of, known_to, nobody
from laurels.web.pages.badge_tiles import day_of, earned_tile, open_tile, shown_badge_name
from laurels.web.pages.goals import goal_changes, goal_lines
from laurels.web.pages.own import Own, own_forms
from laurels.web.pictures import Markup
from laurels.web.rendering import kept_of, language_of, page_of, render

Template = Literal["learner.html", "embed.html"]

RECENT = 12
NEWEST = 8
"""Medals in an embedded page."""
# Milliseconds for which a page may be reused although it says how long ago something was.
_KEPT_MS = 30_000


class Learner(Struct, frozen=True):
    """The data for one learner's page."""

    dashboard: Dashboard
    activity: Activity
    badges: list[BadgeStateView]
    recent: list[Entry]
    progress: Progress
    now: int
    today: date


def learner_of(service: Service, known: Known, shares: Shares, recent: list[Entry], language: PageLocale) -> Learner:
    """Everything for the page of a learner, in one language; `recent`: their last entries."""
    learners, progress = service.learners, known.progress
    asked = language_for(service.rulebook, language.code)
    dashboard = translated(learners.dashboard_of(known, shares), service.rulebook, asked)
    activity, today = learners.activity_of(known), learners.today_of(progress)
    badges = [translated(each, service.rulebook, asked) for each in learners.badges_of(progress, shares)]
    return Learner(dashboard, activity, badges, recent[::-1], progress, service.clock(), today)


async def _recent(service: Service, known: Known) -> list[Entry]:
    """The last entries of a learner, in order; none while the store is away. Raises StoreError."""
    if known.stale is not UNSET:
        return []
    after = max(0, known.progress.seq - RECENT)
    return await service.store.ledger.entries(known.progress.user_id, after=after, limit=RECENT)


async def learner_page(
    request: Request[Any, Any, Any],
    service: Service,
    user_id: str,
    *,
    address: str,
    live: str,
    template: Template = "learner.html",
    headers: dict[str, str] | None = None,
    shows_goals: bool = False,
    own: Own | None = None,
) -> Response[str]:
    """The page of a user, if the viewer may see it. `address` is where it can be had again, `live` its stream. Goals
    are shown to the learner and to keys that read, not to everybody who may see the page; forms to the learner, who
    sees it as their `own`. Raises StoreError."""
    shares = await service.rarity.shares()
    language = language_of(request)
    kept = kept_of(request)

    def key_of(known: Known) -> Hashable:
        return (
            template,
            user_id,
            language.code,
            address,
            service.rulebook.view(),
            known.progress.seq,
            service.clock() // _KEPT_MS,
            known.stale is UNSET,
            shows_goals,
            own,
        )

    known = await known_to(request, service, user_id)
    if known is None:
        return nobody(request)
    html = kept.get(key_of(known))
    if html is not None:
        return page_of(html, headers=headers)
    recent, seq = await _recent(service, known), known.progress.seq
    async with drawing_of(request, service, known) as known:
        if known is None:
            return nobody(request)
        # Meanwhile another request may have drawn it, and the learner may have changed.
        html = kept.get(key_of(known))
        if html is None:
            if known.progress.seq != seq:
                recent = await _recent(service, known)
            key = key_of(known)
            html = html_of(
                learner_of(service, known, shares, recent, language),
                language,
                template=template,
                path=request.scope["path"],
                address=address,
                live=live,
                shows_goals=shows_goals,
                own=own,
            )
            kept.keep(key, html)
    return page_of(html, headers=headers)


def html_of(
    learner: Learner,
    language: PageLocale,
    *,
    template: Template,
    path: str,
    address: str,
    live: str,
    shows_goals: bool = False,
    own: Own | None = None,
) -> str:
    """The page as text."""
    pen, user = Pen(language), learner.dashboard.user
    earned = sorted((badge for badge in learner.badges if badge.earned), key=last_earned, reverse=True)
    shown: dict[str, Any] = {
        "user": user,
        "name": shown_name(user, language),
        "address": address,
        "live": live,
        "sprite": pen.sprite(learner.badges),
        "ring": pen.level(learner.dashboard),
        "flame": pen.streak(learner.dashboard, learner.activity, learner.today),
    }
    if template == "embed.html":
        shown["newest"] = [(badge.badge_id, pen.medal(badge)) for badge in earned[:NEWEST]]
    else:
        shown |= _whole(learner, earned, pen, shows_goals=shows_goals)
        forms = None if own is None else own_forms(own, learner.progress, learner.dashboard, learner.today, language)
        shown["own"] = forms
    return render(template, path=path, language=language, **shown)


def _whole(learner: Learner, earned: list[BadgeStateView], pen: Pen, *, shows_goals: bool) -> dict[str, Any]:
    """What a page shows that is not embedded elsewhere."""
    language, dashboard, user = pen.language, learner.dashboard, learner.dashboard.user
    zone = ZoneInfo(user.time_zone)
    opened = sorted((badge for badge in learner.badges if not badge.earned), key=lambda badge: -badge.fraction)
    states = {state.badge_id: state for state in learner.badges}
    names = {state.badge_id: shown_badge_name(state, language) for state in learner.badges}
    currencies = dashboard.currencies or {}
    currency_names = {each: view.name for each, view in currencies.items()}
    return {
        "initial": initial_of(user, language),
        "since": language.date(_learning_since(learner, zone)),
        "last_active": _ago(user, learner.now, language),
        "dashboard": dashboard,
        "currencies": list(currencies.values()),
        "goals": goal_lines(dashboard.goals or (), language) if shows_goals else [],
        "earned_count": len(earned),
        "badge_count": len(learner.badges),
        "earned": Markup("".join([earned_tile(badge, zone, language) for badge in earned])),
        "opened": Markup("".join([open_tile(badge, language) for badge in opened])),
        "nearest": [
            (near, pen.medal(states[near.badge_id], SMALL_MEDAL))
            for near in dashboard.next_badges
            if near.badge_id in states
        ],
        "recent": [
            ledger_line(
                entry,
                names=names,
                language=language,
                zone=zone,
                currencies=currency_names,
                shows_private=shows_goals,
            )
            for entry in learner.recent
        ],
        "heatmap": pen.year(learner.activity, learner.today, HEATMAP),
        "chart": pen.points(learner.activity, learner.today),
        "languages_picture": pen.languages(dashboard),
    }


def _learning_since(learner: Learner, zone: ZoneInfo) -> date:
    """The first day with an event, which may lie before the day that the user was first recorded."""
    known_since = day_of(learner.dashboard.user.created_at, zone)
    if not learner.progress.days:
        return known_since
    return min(known_since, date.fromordinal(learner.progress.first_day))


def _ago(user: UserView, now: int, language: PageLocale) -> str:
    if user.last_active_at is None:
        return ""
    return language.ago(now / 1000 - datetime.fromisoformat(user.last_active_at).timestamp())


def ledger_line(
    entry: Entry,
    *,
    names: Mapping[str, str],
    language: PageLocale,
    zone: tzinfo,
    currencies: Mapping[str, str] = MappingProxyType({}),
    shows_private: bool = True,
) -> dict[str, Any]:
    """An entry of the ledger in words: what happened, what it brought, and why. `names` are those of badges by id,
    `currencies` those of currencies. `shows_private`: also goals, and reasons in the platform's own words."""
    _ = language.text
    body = entry.body
    at = body.at if isinstance(body, EventRecorded) else entry.recorded_at
    line: dict[str, Any] = {
        "at": iso(at),
        "when": language.instant(at, zone),
        "points": "",
        "why": [],
    }
    if isinstance(body, EventRecorded):
        line["what"] = body.event_type.replace("_", " ")
        line["points"] = _points(body.outcome.points + body.outcome.returned, language)
        line["why"] = _event_reasons(body, language)
    elif isinstance(body, ProfileChanged):
        line["what"] = _("Profile changed")
        line["why"] = goal_changes(body.changes.get("goals", {}), language) if shows_private else []
    elif isinstance(body, BadgesGiven):
        line["what"] = _("Badges awarded later")
    elif isinstance(body, StreakRepaired):
        line["what"] = _("Streak repaired")
        line["points"] = _points(-body.repair.price, language)
        line["why"].append(language.date(date.fromordinal(body.repair.first)))
    elif isinstance(body, BadgeRevoked):
        line["what"] = _("Badge taken back")
        line["points"] = _points(body.settled - body.award.points, language)
    elif isinstance(body, EventRetracted):
        line["what"] = _("Event taken back")
        taken = body.points + sum(award.points for award in body.revoked)
        line["points"] = _points(body.settled - taken, language)
    elif isinstance(body, CurrencySpent):
        line["what"] = _("Spent")
        line["why"] = [body.reason] if shows_private else []
    elif isinstance(body, Repointed):
        line["what"] = _("Points counted anew under other rules")
        line["points"] = _points(body.difference + body.settled, language)
    elif isinstance(body, MergedInto):
        line["what"] = _("Merged into another account")
        line["points"] = _points(-body.points, language)
    elif isinstance(body, MergedFrom):
        line["what"] = _("Another account merged into this one")
        line["points"] = _points(-body.paid, language) if body.paid else ""
    else:
        line["what"] = _("Brought along from another system")
    for currency, amount in currencies_of(body):
        line["why"].append(f"{currencies.get(currency, currency)}: {_points(amount, language)}")
    for award in awards_of(body):
        name = names.get(badge_and_period(award.badge_id)[0], award.badge_id)
        line["why"].append(_("badge {name}: {points}", name=name, points=_points(award.points, language)))
    return line


def _event_reasons(body: EventRecorded, language: PageLocale) -> list[str]:
    """The details that distinguish an event from others of its type, and the reasons that changed its points."""
    _ = language.text
    outcome = body.outcome
    reasons: list[str] = []
    if body.metadata.get("language"):
        reasons.append(str(body.metadata["language"])[:40])
    if outcome.returned:
        reasons.append(_("price of a repair back: {points}", points=_points(outcome.returned, language)))
    if outcome.unpaid is not None:
        reasons.append(_unpaid(outcome.unpaid, language))
    if (boost := outcome.boost) is not None:
        name = boost.boost_id.replace("_", " ")
        reasons.append(_("boost {name}: {points}", name=name, points=_points(boost.points, language)))
    return reasons


def _points(points: int, language: PageLocale) -> str:
    return ("+" if points > 0 else "") + language.number(points)


def _unpaid(reason: str, language: PageLocale) -> str:
    _ = language.text
    return {
        "once": _("paid once before"),
        "cooldown": _("too soon after the one before"),
        "daily-cap": _("the day had brought its most"),
    }.get(reason, reason)
