"""The streak: a flame with its number, and the last two weeks day by day.

Each state of a day has its own sign, so that no reader depends on colours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.days import WEEK, Day, by_date
from laurels.web.pictures.outlines import CHECK, FLAME, FLAME_CORE, FLAME_INNER, FLAME_SIZE, SNOWFLAKE
from laurels.web.pictures.svg import Markup, element, join, number
from laurels.web.pictures.theme import Theme, paint

StreakDay = Literal["active", "frozen", "paused", "repaired", "missed", "pending", "before"]

SHOWN = 2 * WEEK
"""Days in the row."""
_WIDTH, _HEIGHT, _MARGIN, _RADIUS = 360, 156, 18, 9


def draw_streak(
    days: Iterable[Day],
    *,
    today: date,
    current: int,
    longest: int,
    since: date | None = None,
    width: float | None = None,
    height: float | None = None,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """The streak of `current` days as of `today`, with the last fourteen days.

    `days` may hold more. Days before `since`, the learner's first day, are not shown as missed.
    """
    labels = options.labels
    canvas = Canvas(_WIDTH, _HEIGHT, options)
    row = last_days(days, today=today, since=since)
    is_open = row[-1][1] == "pending"
    hint = labels.start_again if current == 0 else labels.keep_going if is_open else ""
    words = _words(options)
    pitch = (_WIDTH - 2 * _MARGIN) / SHOWN
    return canvas.picture(
        flame(canvas.x(_MARGIN - 4, 68), 14, 68, lit=current > 0, options=options),
        canvas.text(labels.number(current), 88, 58, size=46, weight=800, width=150),
        canvas.text(labels.day_streak(current), 89, 77, size=14, weight=600, fill="flame-ink" if current else "muted"),
        canvas.text(
            labels.longest.format(days=labels.days(longest)),
            _WIDTH - _MARGIN,
            30,
            size=12,
            fill="muted",
            anchor="end",
            width=130,
        ),
        canvas.text(hint, _WIDTH - _MARGIN, 77, size=11.5, fill="muted", anchor="end", width=170) if hint else Markup(),
        *(
            _day(options, day, state, _MARGIN + (at + 0.5) * pitch, is_today=day == today)
            for at, (day, state) in enumerate(row)
        ),
        title=labels.streak.format(days=labels.days(current)),
        description=" ".join(
            [
                f"{labels.longest.format(days=labels.days(longest))}.",
                ", ".join(f"{labels.day(day)}: {words[state]}" for day, state in row if state != "before") + ".",
            ]
        ),
        width=width,
        height=height,
    )


def flame(x: float, y: float, size: float, *, lit: bool, options: PictureOptions) -> Markup:
    """A flame in a square of `size` with its upper left corner at (x, y)."""
    colours = ("flame-1", "flame-2", "flame-3") if lit else ("flame-off", "flame-off-2", "panel")
    return element(
        "g",
        *(
            element("path", d=layer, fill=options.paint(colour))
            for layer, colour in zip((FLAME, FLAME_INNER, FLAME_CORE), colours, strict=True)
        ),
        transform=f"translate({number(x)} {number(y)}) scale({number(size / FLAME_SIZE)})",
    )


def last_days(
    days: Iterable[Day], *, today: date, since: date | None = None, count: int = SHOWN
) -> list[tuple[date, StreakDay]]:
    """The state of the last `count` days, oldest first, today included."""
    first = today - timedelta(days=count - 1)
    known = by_date(days, first, today)
    return [
        (day, _state(known.get(day), day, today, since)) for day in (first + timedelta(days=at) for at in range(count))
    ]


def _state(entry: Day | None, day: date, today: date, since: date | None) -> StreakDay:
    if entry is not None and entry.is_active:
        return "active" if entry.state != "repaired" else "repaired"
    if entry is not None and entry.state is not None:
        return entry.state
    if day == today:
        return "pending"
    return "before" if since is not None and day < since else "missed"


def _words(options: PictureOptions) -> dict[StreakDay, str]:
    labels = options.labels
    return {
        "active": labels.active,
        "frozen": labels.frozen,
        "paused": labels.paused,
        "repaired": labels.repaired,
        "missed": labels.missed,
        "pending": labels.pending,
        "before": "",
    }


# The row looks alike for all who learned on the same days.
@lru_cache(maxsize=2_048)
def _day(options: PictureOptions, day: date, state: StreakDay, x: float, *, is_today: bool) -> Markup:
    canvas = Canvas(_WIDTH, _HEIGHT, options)
    word = _words(options)[state]
    letter = canvas.text(
        options.labels.weekday_initials[day.weekday()],
        x,
        107,
        size=10,
        weight=700 if is_today else None,
        fill="ink" if is_today else "muted",
        anchor="middle",
        width=22,
    )
    disc = element(
        "g",
        element("title", f"{options.labels.day(day)}: {word}") if word else Markup(),
        _disc(options.theme, state),
        _today_ring(options) if is_today else Markup(),
        transform=f"translate({number(canvas.x(x))} 126)",
    )
    return join(letter, disc)


@lru_cache(maxsize=64)
def _disc(theme: Theme, state: StreakDay) -> Markup:
    return join(*_marks(theme, state))


def _marks(theme: Theme, state: StreakDay) -> list[Markup]:
    def circle(fill: str, stroke: str | None = None, *, dashes: str | None = None) -> Markup:
        return element(
            "circle",
            r=_RADIUS if stroke is None else _RADIUS - 0.75,
            fill=paint(fill, theme) if fill != "none" else fill,
            stroke=paint(stroke, theme) if stroke else None,
            stroke_width=1.5 if stroke else None,
            stroke_dasharray=dashes,
        )

    def lines(shape: str, colour: str, thickness: float = 2) -> Markup:
        return element(
            "path",
            d=shape,
            fill="none",
            stroke=paint(colour, theme),
            stroke_width=thickness,
            stroke_linecap="round",
            stroke_linejoin="round",
        )

    match state:
        case "active":
            return [circle("flame-2"), lines(CHECK, "streak-check", 2.2)]
        case "frozen":
            return [circle("ice", "ice-ink"), lines(SNOWFLAKE, "ice-ink", 1.5)]
        case "paused":
            return [circle("sunken", "rest"), lines("M-2.2-3V3M2.2-3V3", "rest")]
        case "repaired":
            return [circle("panel", "accent", dashes="3 1.6"), lines(CHECK, "accent")]
        case "missed":
            return [circle("sunken"), lines("M-3 0H3", "muted", 1.8)]
        case "pending":
            return [circle("none", "muted", dashes="2.4 2.4")]
        case "before":
            return [element("circle", r=2, fill=paint("line", theme))]


def _today_ring(options: PictureOptions) -> Markup:
    return element("circle", r=_RADIUS + 2.6, fill="none", stroke=options.paint("flame-ink"), stroke_width=1.6)
