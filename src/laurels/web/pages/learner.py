"""A learner's page: everything that the dashboard's JSON holds, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from litestar import Request, Response
from msgspec import UNSET, Struct
from msgspec.structs import asdict

from laurels.application.queries.learners.learners import Known
from laurels.application.queries.translations import translated
from laurels.application.queries.views import Activity, BadgeStateView, Dashboard, UserView
from laurels.application.service import Service
from laurels.domain.ledger import (
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
from laurels.domain.rules.badges.awards import badge_and_period
from laurels.domain.rules.languages import language_for
from laurels.web.drawing import HEATMAP, SMALL_MEDAL, Pen, hundredths, last_earned
from laurels.web.languages import Language
from laurels.web.names import initial_of, shown_name
from laurels.web.pages.badges import held_line
from laurels.web.pages.goals import goal_changes, goal_lines
from laurels.web.pages.own import Own, own_forms
from laurels.web.pictures import Markup
from laurels.web.rendering import kept_of, language_of, macros_of, page_of, render

RECENT = 12
# A page says how long ago something was: for so many milliseconds it may say the same.
_KEPT_MS = 30_000


class Learner(Struct, frozen=True):
    """What is read for one learner's page."""

    dashboard: Dashboard
    activity: Activity
    badges: list[BadgeStateView]
    recent: list[Entry]
    progress: Progress
    now: int
    today: date


async def read_learner(service: Service, user_id: str, language: Language) -> Learner:
    """Everything for the page of `user_id`, in one language. Raises UnknownUser or StoreError."""
    learners = service.learners
    shares = await service.rarity.shares()
    asked = language_for(service.rulebook, language.code)
    dashboard = translated(await learners.dashboard(user_id), service.rulebook, asked)
    # Read once, and used before anything else is awaited.
    known = await learners.known(user_id)
    activity, today = learners.activity_of(known), learners.today_of(known.progress)
    states = learners.badges_of(known.progress, shares)
    badges = [translated(each, service.rulebook, asked) for each in states]
    after = max(0, known.progress.seq - RECENT)
    recent = [] if known.stale is not UNSET else await service.store.ledger.entries(user_id, after=after, limit=RECENT)
    return Learner(dashboard, activity, badges, recent[::-1], known.progress, service.clock(), today)


async def learner_page(
    request: Request[Any, Any, Any],
    service: Service,
    user_id: str,
    known: Known,
    *,
    address: str,
    live: str,
    template: str = "learner.html",
    headers: dict[str, str] | None = None,
    shows_goals: bool = False,
    own: Own | None = None,
) -> Response[str]:
    """The page of a user of whom so much is `known`. `address` is where it can be had again, `live` its stream; goals
    are shown to the learner and to keys that read, not to everybody who may see the page; forms to the learner, who
    sees it as their `own`. Raises UnknownUser or StoreError."""
    language = language_of(request)
    now = service.clock()
    rules = service.rulebook
    kept = kept_of(request)
    key = (
        template,
        user_id,
        language.code,
        address,
        id(rules),
        known.progress.seq,
        now // _KEPT_MS,
        known.stale is UNSET,
        shows_goals,
        own,
    )
    html = kept.get(key)
    if html is None:
        shown = await read_learner(service, user_id, language)
        html = _html(
            shown,
            language,
            template=template,
            path=request.url.path,
            address=address,
            live=live,
            shows_goals=shows_goals,
            own=own,
        )
        kept.keep(key, html)
    return page_of(html, headers=headers)


def _html(
    learner: Learner,
    language: Language,
    *,
    template: str,
    path: str,
    address: str,
    live: str,
    shows_goals: bool,
    own: Own | None,
) -> str:
    user = learner.dashboard.user
    zone = ZoneInfo(user.time_zone)
    today = learner.today
    pen = Pen(language)
    badges = [_badge(state, pen, zone) for state in learner.badges]
    earned = sorted(
        (badge for badge in badges if badge["earned"]), key=lambda badge: badge["last_earned"], reverse=True
    )
    opened = sorted((badge for badge in badges if not badge["earned"]), key=lambda badge: -badge["fraction"])
    by_id = {badge["badge_id"]: badge for badge in badges}
    states = {state.badge_id: state for state in learner.badges}
    currencies = learner.dashboard.currencies or {}
    return render(
        template,
        path=path,
        language=language,
        user=user,
        name=shown_name(user, language),
        initial=initial_of(user, language),
        since=language.date(_day(user.created_at, zone)),
        last_active=_ago(user, learner.now, language),
        time_zone=user.time_zone,
        dashboard=learner.dashboard,
        currencies=list(currencies.values()),
        goals=goal_lines(learner.dashboard.goals or (), language) if shows_goals else [],
        own=None if own is None else own_forms(own, learner.progress, learner.dashboard, today, language),
        earned=earned,
        opened=opened,
        nearest=[
            {**asdict(near), "medal": pen.medal(states[near.badge_id], SMALL_MEDAL)}
            for near in learner.dashboard.next_badges
            if near.badge_id in states
        ],
        recent=[
            ledger_line(
                entry,
                names=by_id,
                language=language,
                zone=zone,
                currencies={each: view.name for each, view in currencies.items()},
                shows_goals=shows_goals,
            )
            for entry in learner.recent
        ],
        sprite=pen.sprite(learner.badges),
        ring=pen.level(learner.dashboard),
        flame=pen.streak(learner.dashboard, learner.activity, today),
        heatmap=pen.year(learner.activity, today, HEATMAP),
        chart=pen.points(learner.activity, today),
        languages_picture=pen.languages(learner.dashboard),
        address=address,
        live=live,
    )


def _badge(state: BadgeStateView, pen: Pen, zone: ZoneInfo) -> dict[str, Any]:
    shown = asdict(state)
    if state.hidden is True:
        shown["name"] = pen.language.text("Hidden badge")
    shown["medal"] = pen.medal(state)
    shown["held_line"] = held_line(state.held, pen.language)
    last = shown["last_earned"] = last_earned(state)
    shown["date"] = pen.language.date(_day(last, zone)) if last else ""
    item = _Item(
        badge_id=state.badge_id,
        name=shown["name"],
        description=state.description,
        rarity=state.rarity,
        medal=shown["medal"],
        hidden=state.hidden is True,
        fraction=0 if state.earned else hundredths(state.fraction),
        times=0 if state.count is UNSET else state.count,
        last_earned=last,
        date=shown["date"],
        held_line=shown["held_line"],
    )
    shown["item"] = _item(item, pen.language.code, is_earned=state.earned)
    return shown


class _Item(NamedTuple):
    """All that the line of a badge shows."""

    badge_id: str
    name: str
    description: str
    rarity: str
    medal: Markup
    hidden: bool
    fraction: float
    times: int
    last_earned: str
    date: str
    held_line: str


# A page has one for each badge of the rulebook, and most are the same for many learners.
@lru_cache(maxsize=8_192)
def _item(item: _Item, code: str, *, is_earned: bool) -> Markup:
    macros = macros_of("badge_items.html", code)
    return Markup((macros.earned if is_earned else macros.opened)(item._asdict()))


def _day(instant: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(instant).astimezone(zone).date()


def _ago(user: UserView, now: int, language: Language) -> str:
    if user.last_active_at is None:
        return ""
    return language.ago(now / 1000 - datetime.fromisoformat(user.last_active_at).timestamp())


def ledger_line(
    entry: Entry,
    *,
    names: dict[str, dict[str, Any]],
    language: Language,
    zone: tzinfo,
    currencies: Mapping[str, str] = MappingProxyType({}),
    shows_goals: bool = True,
) -> dict[str, Any]:
    """An entry of the ledger in words: what happened, what it brought, and why. `currencies` are their names by id."""
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
        if shows_goals:
            line["why"] = goal_changes(body.changes.get("goals", {}), language)
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
        line["why"].append(body.reason)
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
        name = names.get(badge_and_period(award.badge_id)[0], {}).get("name", award.badge_id)
        line["why"].append(_("badge {name}: {points}", name=name, points=_points(award.points, language)))
    return line


def _event_reasons(body: EventRecorded, language: Language) -> list[str]:
    """What tells an event from others of its type, and what moved its points."""
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


def _points(points: int, language: Language) -> str:
    return ("+" if points > 0 else "") + language.number(points)


def _unpaid(reason: str, language: Language) -> str:
    _ = language.text
    return {
        "once": _("paid once before"),
        "cooldown": _("too soon after the one before"),
        "daily-cap": _("the day had brought its most"),
    }.get(reason, reason)
