"""The pictures of a page, drawn from what the queries answer. Pure: values in, SVG out.

Colours come from classes of the stylesheet, so that both themes share one picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from math import pi

from markupsafe import Markup, escape

from laurels.application.queries.views import (
    Activity,
    ActivityDay,
    BadgeDefinitionView,
    BadgeStateView,
    BadgeView,
    Dashboard,
)
from laurels.web.languages import Language

CELL = 11
STEP = 14
WEEKS = 26

_GLYPHS = {
    "coding": "M13 14 7 20l6 6M27 14l6 6-6 6M23 11l-6 18",
    "learning": "M20 13c-3-3-8-3-12-2v16c4-1 9-1 12 2 3-3 8-3 12-2V11c-4-1-9-1-12 2zM20 13v16",
    "social": "M14 18a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM26 18a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM6 29c0-5 4-8 8-8s8 3 8 8M22 22"
    "c1-.6 2.500-1 4-1 4 0 8 3 8 8",
    "milestone": "M11 32V9M11 10h17l-4 6 4 6H11",
    "streak": "M21 8c1 6 8 8 8 15a9 9 0 0 1-18 0c0-4 2-6 4-8 0 3 1 4 3 5 0-5 1-9 3-12z",
}
_RIMS = {"common": 1, "rare": 2, "epic": 3, "legendary": 4}


def medal(state: BadgeStateView, size: int, language: Language) -> Markup:
    """A learner's medal: whole when it is earned, pale while it is open."""
    title = state.name if state.earned else language.text("{name}, not yet earned", name=state.name)
    return _medal(state.category, state.rarity, size, title, is_open=not state.earned)


def held_medal(badge: BadgeView, size: int) -> Markup:
    """The medal of a badge that somebody holds."""
    return _medal(badge.category, badge.rarity, size, badge.name, is_open=False)


def definition_medal(badge: BadgeDefinitionView, size: int, language: Language) -> Markup:
    """The medal of a badge, whoever holds it."""
    del language
    return _medal(badge.category, badge.rarity, size, badge.name, is_open=False)


# The same few hundred medals stand on every page.
@lru_cache(maxsize=4_096)
def _medal(category: str, rarity: str, size: int, title: str, *, is_open: bool) -> Markup:
    # The rim says the rarity by its form as well: none, two rings, scallops, rays.
    rings = _RIMS.get(rarity, 1)
    rim = Markup('<circle class="rim" cx="20" cy="20" r="17.5"/>')
    if rings == 2:
        rim += Markup('<circle class="rim thin" cx="20" cy="20" r="14.6"/>')
    elif rings == 3:
        rim += _around(16, '<circle class="dot" cx="20" cy="2.200" r="1.500" transform="rotate({} 20 20)"/>')
    elif rings == 4:
        rim += _around(12, '<path class="dot" d="M18 3.500 20 0l2 3.500z" transform="rotate({} 20 20)"/>')
    return Markup(
        '<svg class="badge {rarity}{state}" viewBox="0 0 40 40" width="{size}" height="{size}" role="img">'
        '<title>{title}</title><circle class="disc" cx="20" cy="20" r="17.500"/>{rim}'
        '<path class="glyph" d="{glyph}" transform="translate(4.500 4.500) scale(.775)"/></svg>'
    ).format(
        rarity=rarity,
        state=" open" if is_open else "",
        size=size,
        title=title,
        rim=rim,
        glyph=_GLYPHS.get(category, _GLYPHS["milestone"]),
    )


def _around(count: int, part: str) -> Markup:
    return Markup("").join(Markup(part).format(round(360 / count * index)) for index in range(count))  # noqa: S704  ours


def ring(dashboard: Dashboard, language: Language) -> Markup:
    """The level as a ring, with the points that are missing to the next one."""
    levels = dashboard.level_progress
    around = 2 * pi * 52
    if levels.next_level_at is None:
        missing = language.text("The highest level is reached.")
    else:
        missing = language.plural(
            "{count} point to level {level}",
            "{count} points to level {level}",
            levels.next_level_at - levels.points,
            level=language.number(levels.level + 1),
        )
    return Markup(
        '<svg class="ring" viewBox="0 0 300 132" width="300" height="132" role="img"><title>{title}</title>'
        '<circle class="track" cx="66" cy="66" r="52"/><circle class="bar" cx="66" cy="66" r="52" '
        'stroke-dasharray="{done:.1f} {around:.1f}" transform="rotate(-90 66 66)"/>'
        '<text class="big" x="66" y="70" text-anchor="middle">{level}</text>'
        '<text class="small" x="66" y="90" text-anchor="middle">{word}</text>'
        '<text class="side" x="140" y="62">{points}</text><text class="small" x="140" y="84">{missing}</text></svg>'
    ).format(
        title=f"{language.text('Level')} {language.number(levels.level)}: {missing}",
        done=around * levels.fraction,
        around=around,
        level=language.number(levels.level),
        word=language.text("Level"),
        points=language.plural("{count} point", "{count} points", levels.points),
        missing=missing,
    )


def flame(dashboard: Dashboard, activity: Activity, today: date, language: Language) -> Markup:
    """The streak as a flame, with the last fourteen days."""
    active = {day.date for day in activity.days}
    dots = Markup("")
    for back in range(13, -1, -1):
        day = today - timedelta(days=back)
        kind = "on" if day.isoformat() in active else ("wait" if back == 0 else "off")
        dots += Markup('<circle class="day {}" cx="{}" cy="106" r="6.500"><title>{}</title></circle>').format(
            kind, 20 + (13 - back) * 20, language.date(day, short=True)
        )
    days = language.plural("{count} day in a row", "{count} days in a row", dashboard.daily_streak)
    longest = language.plural("longest: {count} day", "longest: {count} days", dashboard.longest_streak)
    return Markup(
        '<svg class="flame{cold}" viewBox="0 0 300 132" width="300" height="132" role="img"><title>{days}, {longest}'
        '</title><path class="fire" d="M48 8c4 20 30 28 30 54a30 30 0 0 1-60 0c0-14 7-21 14-28 0 10 3 15 9 18 '
        '0-18 2-32 7-44z"/><text class="big on-fire" x="48" y="72" text-anchor="middle">{count}</text>'
        '<text class="side" x="96" y="46">{days}</text><text class="small" x="96" y="70">{longest}</text>{dots}</svg>'
    ).format(
        cold="" if dashboard.daily_streak else " cold",
        days=days,
        longest=longest,
        count=language.number(dashboard.daily_streak),
        dots=dots,
    )


def year(activity: Activity, today: date, language: Language) -> Markup:
    """The last 53 weeks, a square a day: how many events it had, in five steps."""
    first = today - timedelta(days=today.weekday() + 52 * 7)
    by_day = {day.date: day for day in activity.days}
    steps = _steps(day.events for day in activity.days)
    cells: list[str] = []
    months: list[str] = []
    for number in range((today - first).days + 1):
        day = first + timedelta(days=number)
        week, weekday = divmod(number, 7)
        found = by_day.get(day.isoformat())
        cells.append(
            f'<rect class="h{_step(found, steps)}" x="{30 + week * STEP}" y="{18 + weekday * STEP}" '
            f'width="{CELL}" height="{CELL}" rx="2.5">'
            f"<title>{escape(_day_text(day, found, language))}</title></rect>"
        )
        if day.day == 1 and week < 52:
            months.append(f'<text x="{30 + week * STEP}" y="11">{escape(language.month(day))}</text>')
    weekdays = "".join(
        f'<text x="0" y="{28 + number * STEP}">{escape(language.weekday(first + timedelta(days=number)))}</text>'
        for number in (0, 2, 4)
    )
    width = 30 + 53 * STEP
    events = sum(day.events for day in activity.days)
    title = language.plural("{count} event in the last year", "{count} events in the last year", events)
    # Thousands of elements: joined as text, each of them escaped above.
    return Markup(  # noqa: S704
        f'<svg class="year" viewBox="0 0 {width} 120" width="{width}" height="120" role="img"><title>{escape(title)}'
        f"</title>{''.join(months)}{weekdays}{''.join(cells)}</svg>"
    )


def _day_text(day: date, found: ActivityDay | None, language: Language) -> str:
    if found is None:
        return f"{language.date(day)}: –"
    events = language.plural("{count} event", "{count} events", found.events)
    return f"{language.date(day)}: {events}, {language.plural('{count} point', '{count} points', found.points)}"


def _steps(events: Iterable[int]) -> tuple[int, int, int]:
    """The bounds between the four steps: quarters of the active days, so that one busy day does not pale the rest."""
    ordered = sorted(events)
    if not ordered:
        return (1, 2, 3)
    return (
        ordered[len(ordered) // 4],
        ordered[len(ordered) // 2],
        ordered[len(ordered) * 3 // 4],
    )


def _step(day: ActivityDay | None, steps: tuple[int, int, int]) -> int:
    return 0 if day is None else 1 + sum(day.events > bound for bound in steps)


def weeks(activity: Activity, today: date, language: Language) -> Markup:
    """Points of the last 26 weeks as bars."""
    monday = today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))
    sums = [0] * WEEKS
    for day in activity.days:
        week = (date.fromisoformat(day.date) - monday).days // 7
        if 0 <= week < WEEKS:
            sums[week] += day.points
    most = max(*sums, 1)
    bars = Markup("")
    for week, points in enumerate(sums):
        height = 96 * points / most
        start = monday + timedelta(days=7 * week)
        bars += Markup('<rect x="{}" y="{:.1f}" width="12" height="{:.1f}" rx="2"><title>{}</title></rect>').format(
            4 + week * 16,
            104 - max(height, 1.5),
            max(height, 1.5),
            f"{language.date(start)}: {language.plural('{count} point', '{count} points', points)}",
        )
    return Markup(
        '<svg class="weeks" viewBox="0 0 424 126" width="424" height="126" role="img"><title>{title}</title>{bars}'
        '<text x="4" y="122">{first}</text><text x="420" y="122" text-anchor="end">{last}</text></svg>'
    ).format(
        title=language.text(
            "Points of the last {weeks} weeks; the best one had {most}", weeks=WEEKS, most=language.number(most)
        ),
        bars=bars,
        first=language.date(monday, short=True),
        last=language.date(today, short=True),
    )


def language_bars(dashboard: Dashboard, language: Language) -> Markup:
    """The top languages, the most used one as the whole width."""
    if not dashboard.top_languages:
        return Markup('<p class="quiet">{}</p>').format(language.text("No language was named yet."))
    most = dashboard.top_languages[0].count
    rows = Markup("")
    for number, one in enumerate(dashboard.top_languages):
        y = number * 26
        rows += Markup(
            '<text x="0" y="{y}">{name}</text><rect class="track" x="110" y="{top}" width="250" height="10" rx="5"/>'
            '<rect x="110" y="{top}" width="{width:.1f}" height="10" rx="5"/><text x="372" y="{y}">{count}</text>'
        ).format(
            y=y + 15,
            top=y + 6,
            name=one.language[:14],
            width=max(4, 250 * one.count / most),
            count=language.number(one.count),
        )
    height = 26 * len(dashboard.top_languages)
    return Markup(
        '<svg class="bars" viewBox="0 0 424 {height}" width="424" height="{height}" role="img"><title>{title}</title>'
        "{rows}</svg>"
    ).format(
        height=height,
        title=", ".join(f"{one.language}: {language.number(one.count)}" for one in dashboard.top_languages),
        rows=rows,
    )


def card(dashboard: Dashboard, medals: list[Markup], name: str, initial: str, language: Language) -> Markup:
    """A learner in one picture: name, level, points, streak, the newest badges."""
    shown = Markup("").join(
        Markup('<g transform="translate({} 92)">{}</g>').format(20 + number * 48, one)
        for number, one in enumerate(medals)
    )
    levels = dashboard.level_progress
    facts = " · ".join(
        (
            f"{language.text('Level')} {language.number(levels.level)}",
            language.plural("{count} point", "{count} points", levels.points),
            language.plural("{count} day in a row", "{count} days in a row", dashboard.daily_streak),
        )
    )
    return Markup(
        '<svg class="card-picture" viewBox="0 0 420 150" width="420" height="150" role="img"><title>{name}: {facts}'
        '</title><rect class="sheet" x=".5" y=".5" width="419" height="149" rx="14"/><circle class="face" cx="44" '
        'cy="46" r="26"/><text class="initial" x="44" y="55" text-anchor="middle">{initial}</text>'
        '<text class="side" x="84" y="42">{short}</text><text class="small" x="84" y="64">{facts}</text>{shown}</svg>'
    ).format(name=name, facts=facts, initial=initial, short=name[:28], shown=shown)
