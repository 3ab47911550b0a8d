"""Draws the pictures from the results of queries, in the words of a language.

The pictures know no queries and no translations; this module joins the three. One `Pen` draws all pictures of one page.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any, Literal

from msgspec import UNSET
from msgspec.structs import replace

from laurels.application.queries.views import (
    Activity,
    BadgeDefinitionView,
    BadgeStateView,
    BadgeView,
    Dashboard,
)
from laurels.domain.rules.streak_rules import Unit
from laurels.web.locale import PageLocale, language
from laurels.web.pictures import (
    Day,
    Labels,
    LanguageCount,
    Markup,
    MedalKind,
    PictureOptions,
    draw_card,
    draw_heatmap,
    draw_languages,
    draw_level,
    draw_medal,
    draw_points,
    draw_streak,
    last_year,
    medal_sprite,
)
from laurels.web.pictures.theme import Theme

MEDAL = 72
SMALL_MEDAL = 44
LARGE_MEDAL = 160
HEATMAP = 860
WEEKS = 26
PRINT_FONT = "Noto Sans"


class Pen:
    """Draws in one language. `theme` is `page` inside a page; otherwise a picture is a document of its own, on a
    panel."""

    def __init__(self, spoken: PageLocale, theme: Theme = "page", *, is_print: bool = False) -> None:
        self.language = spoken
        self.options = PictureOptions(
            theme=theme,
            lang=spoken.code,
            labels=labels_of(spoken.code),
            panel=theme != "page" and not is_print,
            font=PRINT_FONT if is_print else None,
        )
        self._tooltips = not is_print
        # Three pictures of a page show the days of one activity.
        self._days: tuple[Activity, list[Day]] | None = None

    def _days_of(self, activity: Activity) -> list[Day]:
        if self._days is None or self._days[0] is not activity:
            self._days = activity, days_of(activity)
        return self._days[1]

    def level(self, dashboard: Dashboard, width: float | None = None) -> Markup:
        """The level as a ring, with the points missing to the next one."""
        levels = dashboard.level_progress
        return draw_level(
            level=levels.level,
            points=levels.points,
            next_level_at=levels.next_level_at,
            fraction=levels.fraction,
            width=width,
            options=self.options,
        )

    def streak(self, dashboard: Dashboard, activity: Activity, today: date, width: float | None = None) -> Markup:
        """The streak as a flame, with the latest days."""
        return draw_streak(
            self._days_of(activity),
            today=today,
            current=dashboard.daily_streak,
            longest=dashboard.longest_streak,
            since=date.fromisoformat(dashboard.user.created_at[:10]),
            width=width,
            options=self._streak_options(dashboard),
        )

    def year(self, activity: Activity, today: date, width: float | None = None) -> Markup:
        """The last 53 weeks, a square a day."""
        first, last = last_year(today)
        return draw_heatmap(
            self._days_of(activity),
            first=first,
            last=last,
            today=today,
            tooltips=self._tooltips,
            width=width,
            options=self.options,
        )

    def calendar_year(self, activity: Activity, year: int) -> Markup:
        """A calendar year, a square a day."""
        first, last = date(year, 1, 1), date(year, 12, 31)
        return draw_heatmap(
            self._days_of(activity), first=first, last=last, tooltips=self._tooltips, options=self.options
        )

    def points(self, activity: Activity, today: date) -> Markup:
        """Points of the last half year, by week."""
        return draw_points(
            self._days_of(activity),
            first=today - timedelta(weeks=WEEKS),
            last=today,
            bucket="week",
            options=self.options,
        )

    def languages(self, dashboard: Dashboard) -> Markup:
        """The top languages."""
        counts = [LanguageCount(one.language, one.count) for one in dashboard.top_languages]
        return draw_languages(counts, options=self.options)

    def card(self, dashboard: Dashboard, badges: list[BadgeStateView], name: str, width: float | None = None) -> Markup:
        """A learner in one picture, with the newest badges."""
        earned = sorted((one for one in badges if one.earned), key=last_earned, reverse=True)
        levels = dashboard.level_progress
        return draw_card(
            name=name,
            level=levels.level,
            points=levels.points,
            fraction=levels.fraction,
            streak=dashboard.daily_streak,
            medals=[kind_of(one) for one in earned[:5]],
            badge_count=len(earned),
            width=width,
            options=self._streak_options(dashboard),
        )

    def _streak_options(self, dashboard: Dashboard) -> PictureOptions:
        """With the words for weeks, if streaks are counted in weeks."""
        if unit_of(dashboard) == "day":
            return self.options
        return replace(self.options, labels=_weekly_labels(self.language.code))

    def medal(self, badge: BadgeStateView, size: int = MEDAL) -> Markup:
        """A learner's medal, drawn with the page's sprite: whole if it is earned, with its progress while it is
        open."""
        return self._of_sprite(kind_of(badge), badge.name, None if badge.earned else hundredths(badge.fraction), size)

    def catalogue_medal(self, badge: BadgeDefinitionView) -> Markup:
        """The medal of a badge, drawn with the page's sprite."""
        return self._of_sprite(kind_of(badge), badge.name, None, MEDAL)

    def _of_sprite(self, kind: MedalKind, name: str, fraction: float | None, size: float) -> Markup:
        if self.options.theme == "page":
            return medal_of_page(kind, name, fraction, size, self.language.code)
        return draw_medal(kind, name=name, fraction=fraction, size=size, sprite=True, options=self.options)

    def single_medal(self, badge: BadgeDefinitionView | BadgeView | BadgeStateView, size: float) -> Markup:
        """A medal that needs no sprite."""
        return draw_medal(kind_of(badge), name=badge.name, size=size, options=self.options)

    def sprite(self, badges: list[BadgeStateView] | list[BadgeDefinitionView]) -> Markup:
        """The shared drawings for the medals of a page; included once."""
        return _sprite(frozenset(map(kind_of, badges)), self.options.lang)


def kind_of(badge: BadgeDefinitionView | BadgeStateView | BadgeView) -> MedalKind:
    """The medal of a badge."""
    state: Literal["earned", "open", "hidden"] = "earned"
    if not isinstance(badge, BadgeView) and badge.hidden is True:
        state = "hidden"
    elif isinstance(badge, BadgeStateView) and not badge.earned:
        state = "open"
    rarity: Any = badge.rarity
    return _kind(badge.category, rarity, state)


@lru_cache(maxsize=256)
def _kind(category: str, rarity: Any, state: Literal["earned", "open", "hidden"]) -> MedalKind:
    return MedalKind(category=category, rarity=rarity, state=state)


def last_earned(badge: BadgeStateView) -> str:
    """When a badge was earned, or last earned if it is repeatable; empty while it is open."""
    return badge.last_earned_at or badge.earned_at or ""


def unit_of(dashboard: Dashboard) -> Unit:
    """The unit of a dashboard's streaks."""
    return "day" if dashboard.streak is UNSET else dashboard.streak.per


def length_of(streak: int, unit: Unit, language: PageLocale) -> str:
    """The length of a streak in words."""
    if unit == "week":
        return language.plural("{count} week", "{count} weeks", streak)
    return language.plural("{count} day", "{count} days", streak)


def days_of(activity: Activity) -> list[Day]:
    """The days of an activity."""
    return [Day(_day_named(day.date), day.points, day.events, day.state or None) for day in activity.days]


@lru_cache(maxsize=16_384)
def _day_named(name: str) -> date:
    return date.fromisoformat(name)


def hundredths(fraction: float) -> float:
    """`fraction` in hundredths for a picture; never 0 for more than nothing, never 1 for less than all."""
    return min(max(int(fraction * 100) / 100, 0.01), 0.99) if 0 < fraction < 1 else fraction


# A page has one for each badge of the rulebook, and most are the same for many learners.
@lru_cache(maxsize=8_192)
def medal_of_page(kind: MedalKind, name: str, fraction: float | None, size: float, code: str) -> Markup:
    """A medal by the sprite of its page."""
    options = PictureOptions(lang=code, labels=labels_of(code))
    return draw_medal(kind, name=name, fraction=fraction, size=size, sprite=True, options=options)


@lru_cache(maxsize=64)
def _sprite(kinds: frozenset[MedalKind], code: str) -> Markup:
    return medal_sprite(kinds, options=PictureOptions(lang=code, labels=labels_of(code)))


@lru_cache(maxsize=16)
def labels_of(code: str) -> Labels:
    """The words of the pictures in a language."""
    spoken = language(code)
    _, plural = spoken.text, spoken.plural
    monday = date(2024, 1, 1)

    # Called for every day of every heatmap.
    @lru_cache(maxsize=4_096)
    def points(count: int) -> str:
        return plural("{count} point", "{count} points", count)

    weekdays = tuple(spoken.weekday(monday + timedelta(days=number)) for number in range(7))
    return Labels(
        number=spoken.number,
        percent=spoken.percent,
        day=lambda day: spoken.date(day, short=True),
        date=spoken.date,
        month=spoken.month_and_year,
        months=tuple(spoken.month(date(2024, number, 1)) for number in range(1, 13)),
        weekdays=weekdays,
        weekday_initials=tuple(name[:1] for name in weekdays),
        points=points,
        days=lambda count: plural("{count} day", "{count} days", count),
        active_days=lambda count: plural("{count} active day", "{count} active days", count),
        badges=lambda count: plural("{count} badge", "{count} badges", count),
        day_streak=lambda count: plural("day in a row", "days in a row", count),
        activity=_("Activity"),
        activity_summary=_("{days} from {first} to {last}, {points}.", **_kept("days", "first", "last", "points")),
        best_day=_("Best day: {date} with {points}.", **_kept("date", "points")),
        less=_("Less"),
        more=_("More"),
        frozen=_("streak freeze"),
        paused=_("paused"),
        repaired=_("repaired"),
        active=_("active"),
        missed=_("missed"),
        pending=_("still open"),
        today=_("Today"),
        streak=_("Streak: {days}", **_kept("days")),
        longest=_("Longest: {days}", **_kept("days")),
        keep_going=_("Learn today to keep it going"),
        start_again=_("Learn today to start one"),
        level=_("Level"),
        level_reached=_("Level {level}, {points}", **_kept("level", "points")),
        to_next=_("{points} to level {level}", **_kept("points", "level")),
        top_level=_("Highest level reached"),
        progress_of=_("{name}: progress", **_kept("name")),
        unnamed=_("Learner"),
        categories={
            "coding": _("Coding"),
            "learning": _("Learning"),
            "social": _("Social"),
            "milestone": _("Milestones"),
            "streak": _("Streaks"),
        },
        rarities={name: _(name) for name in ("common", "rare", "epic", "legendary")},
        medal=_("{category} badge, {rarity}", **_kept("category", "rarity")),
        not_earned=_("{name}, not yet earned", **_kept("name")),
        medal_progress=_("{name}, {share} done", **_kept("name", "share")),
        hidden=_("Hidden badge"),
        points_over_time=_("Points over time"),
        week_of=_("Week of {date}", **_kept("date")),
        chart_point=_("{period}: {points}", **_kept("period", "points")),
        chart_summary=_("From {first} to {last}: {points}. Most: {best}.", **_kept("first", "last", "points", "best")),
        languages=_("Languages"),
        language_share=_("{language}: {count} ({share})", **_kept("language", "count", "share")),
        other=_("Other"),
        nothing=_("Nothing here yet"),
    )


@lru_cache(maxsize=16)
def _weekly_labels(code: str) -> Labels:
    spoken = language(code)

    def in_a_row(count: int) -> str:
        return spoken.plural("week in a row", "weeks in a row", count)

    return replace(
        labels_of(code),
        days=partial(length_of, unit="week", language=spoken),
        day_streak=in_a_row,
        # A week that has enough days needs no other one.
        keep_going="",
    )


def _kept(*names: str) -> dict[str, str]:
    """Placeholders for values that the pictures fill in: each stays unchanged."""
    return {name: f"{{{name}}}" for name in names}
