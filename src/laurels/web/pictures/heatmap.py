"""The heatmap: a column for each week, a square for each day, darker with more points.

A page must stay small with 371 squares that each have a tooltip. So squares are references to five drawings, in units
of one square, grouped by weekday: a day costs about sixty bytes. A range of more than a year is drawn as one strip per
calendar year.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.days import LEVELS, WEEK, Day, DayState, by_date, heat_levels, summary_of
from laurels.web.pictures.svg import Markup, element, escape, join, number

_PITCH = 13
"""The distance from one square to the next, in units of the picture."""
_SIDE = 0.79
"""The size of a square, as a fraction of the pitch."""
_LEFT, _TOP, _MARGIN, _LEGEND = 32, 20, 10, 26
_STRIP = _TOP + WEEK * _PITCH
_LONGEST_STRIP = 53 * WEEK
_STATES: tuple[DayState, ...] = ("frozen", "paused", "repaired")


def draw_heatmap(
    days: Iterable[Day],
    *,
    first: date,
    last: date,
    today: date | None = None,
    first_weekday: int = 0,
    legend: bool = True,
    tooltips: bool = True,
    width: float | None = None,
    height: float | None = None,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """The days from `first` to `last`, inclusive; days outside are left out.

    `first_weekday` is the row at the top, 0 for Monday. `today` gets a ring. Print has no use for `tooltips`.
    `last_year` returns the usual range, `activity_by_month` the accompanying table. Raises ValueError if `first` is
    after `last`.
    """
    if first > last:
        raise ValueError(f"the first day, {first}, must not be after the last, {last}")
    shown = by_date(days, first, last)
    levels = heat_levels(shown)
    strips = _strips(first, last)
    columns = max(_column(end, start, first_weekday) + 1 for start, end in strips)
    margin = _MARGIN if options.panel else 1
    canvas = Canvas(
        _LEFT + max(columns * _PITCH, 230 if legend else 0) + 2 * margin,
        len(strips) * (_STRIP + 8) + (_LEGEND if legend else 0) + 2 * margin - 8,
        options,
    )
    content = [_drawings(options)]
    for at, (start, end) in enumerate(strips):
        y = margin + at * (_STRIP + 8)
        content.append(_labels(options, canvas.width, start, end, first_weekday, margin, y, with_year=len(strips) > 1))
        content.append(_squares(canvas, shown, levels, start, end, first_weekday, margin, y, tooltips=tooltips))
        if today is not None and start <= today <= end:
            content.append(_ring(options, canvas.width, today, start, first_weekday, margin, y))
    if legend:
        found = {day.state for day in shown.values()}
        states = tuple(state for state in _STATES if state in found)
        content.append(_legend(options, canvas.width, canvas.height, states, len(levels), margin))
    return canvas.picture(
        *content,
        title=options.labels.activity,
        description=summary_of(shown.values(), first=first, last=last, labels=options.labels),
        width=width,
        height=height,
    )


def _strips(first: date, last: date) -> list[tuple[date, date]]:
    if (last - first).days < _LONGEST_STRIP:
        return [(first, last)]
    return [(max(first, date(year, 1, 1)), min(last, date(year, 12, 31))) for year in range(first.year, last.year + 1)]


def _column(day: date, start: date, first_weekday: int) -> int:
    """The column of a day in the strip that begins with `start`."""
    return ((start.weekday() - first_weekday) % WEEK + (day - start).days) // WEEK


@lru_cache(maxsize=64)
def _drawings(options: PictureOptions) -> Markup:
    """The squares to which all days refer: `h0` to `h4`, and `hf`, `hp`, `hr` for the states."""
    side = _SIDE

    def square(name: str, fill: str, *marks: Markup, stroke: str | None = None) -> Markup:
        inset = 0.05 if stroke else 0
        box = element(
            "rect",
            id=None if marks else options.id(name),
            x=inset or None,
            y=inset or None,
            width=side - 2 * inset,
            height=side - 2 * inset,
            rx=0.2,
            fill=options.paint(fill),
            stroke=options.paint(stroke) if stroke else None,
            stroke_width=0.1 if stroke else None,
        )
        return element("g", box, *marks, id=options.id(name)) if marks else box

    def lines(path: str, paint: str) -> Markup:
        return element("path", d=path, stroke=options.paint(paint), stroke_width=0.1, stroke_linecap="round")

    return element(
        "defs",
        *(square(f"h{level}", f"heat-{level}") for level in range(LEVELS)),
        square("hf", "ice", lines("M.14.4.4.14M.14.66.66.14M.4.66.66.4", "ice-ink"), stroke="ice-ink"),
        square("hp", "heat-0", lines("M.29.24V.55M.5.24V.55", "rest")),
        square(
            "hr", "heat-0", element("circle", cx=0.395, cy=0.395, r=0.15, fill=options.paint("accent")), stroke="accent"
        ),
    )


def _squares(
    canvas: Canvas,
    shown: Mapping[date, Day],
    levels: Mapping[date, int],
    start: date,
    end: date,
    first_weekday: int,
    margin: float,
    y: float,
    *,
    tooltips: bool,
) -> Markup:
    labels, mirrored = canvas.options.labels, canvas.options.rtl
    head = f'<use href="#{canvas.options.id("h")}'
    words = {"frozen": labels.frozen, "paused": labels.paused, "repaired": labels.repaired}
    spoken: dict[tuple[int, str | None], str] = {}
    nothing = f": {escape(labels.points(0))}</title></use>" if tooltips else "/>"
    places = _places(labels.day, start, end, first_weekday, head, nothing, mirrored=mirrored, tooltips=tooltips)
    squares = places.empty.copy()
    first = start.toordinal()
    for day, entry in shown.items():
        at = day.toordinal() - first
        if not 0 <= at < len(places.of_days):
            continue
        index, place = places.of_days[at]
        level, state = levels.get(day, 0), entry.state
        kind = state[0] if state is not None and level == 0 else str(level)
        if not tooltips:
            squares[index] = f"{head}{kind}{place}/>"
            continue
        said = spoken.get((entry.points, state))
        if said is None:
            said = f": {labels.points(entry.points)}{f', {words[state]}' if state is not None else ''}"
            said = spoken[entry.points, state] = f"{escape(said)}</title></use>"
        squares[index] = f"{head}{kind}{place}{said}"
    left = number(canvas.x(margin + _LEFT, places.columns * _PITCH) + (_PITCH * (1 - _SIDE) if mirrored else 0))
    return element("g", Markup("".join(squares)), transform=f"translate({left} {number(y + _TOP)}) scale({_PITCH})")


class _Places(NamedTuple):
    """The rows of a strip. `empty`: all of it with empty squares, row by row. `of_days`: where in it each day has its
    square, and what that has of its own: its place, and its name as a tooltip begins."""

    empty: list[str]
    of_days: list[tuple[int, str]]
    columns: int


# Ranges of years end on the same days for all learners with the same language.
@lru_cache(maxsize=64)
def _places(
    name_of: Callable[[date], str],
    start: date,
    end: date,
    first_weekday: int,
    head: str,
    nothing: str,
    *,
    mirrored: bool,
    tooltips: bool,
) -> _Places:
    offset = (start.weekday() - first_weekday) % WEEK
    length = (end - start).days + 1
    columns = (offset + length - 1) // WEEK + 1
    rows: list[list[int]] = [[] for _ in range(WEEK)]
    own: list[str] = []
    for at in range(length):
        column, row = divmod(offset + at, WEEK)
        place = columns - 1 - column if mirrored else column
        x = f' x="{place}"' if place else ""
        title = f"><title>{escape(name_of(start + timedelta(days=at)))}" if tooltips else ""
        own.append(f'"{x}{title}')
        rows[row].append(at)
    empty: list[str] = []
    indexes = dict[int, int]()
    for row, days in enumerate(rows):
        if not days:
            continue
        empty.append(f'<g transform="translate(0 {row})">' if row else "<g>")
        for at in days:
            indexes[at] = len(empty)
            empty.append(f"{head}0{own[at]}{nothing}")
        empty.append("</g>")
    return _Places(empty, [(indexes[at], own[at]) for at in range(length)], columns)


@lru_cache(maxsize=64)
def _labels(
    options: PictureOptions,
    across: float,
    start: date,
    end: date,
    first_weekday: int,
    margin: float,
    y: float,
    *,
    with_year: bool,
) -> Markup:
    """Months over the columns, every second weekday beside the rows, of a canvas `across` units wide."""
    canvas, labels = Canvas(across, _STRIP, options), options.labels
    rows = (0, 2, 4) if first_weekday == 0 else (1, 3, 5)
    weekdays = [(labels.weekdays[(first_weekday + row) % WEEK], margin, y + _TOP + row * _PITCH + 8.8) for row in rows]
    months: list[tuple[str, float, float]] = []
    month, free = start, 0
    while month <= end:
        column = _column(month, start, first_weekday)
        following = (month.replace(day=1) + timedelta(days=31)).replace(day=1)
        # A month with only one column left has no room for its name, nor has a month directly after a name.
        is_cut = month.day > 1 and _column(following, start, first_weekday) - column < 2
        if column >= free and not is_cut and (column < _column(end, start, first_weekday) or month == start):
            months.append((labels.months[month.month - 1], margin + _LEFT + column * _PITCH, y + 12))
            free = column + 2
        month = following
    return join(
        canvas.text(str(start.year), margin, y + 12, size=11, weight=700) if with_year else Markup(),
        canvas.texts(weekdays, size=9.5, fill="muted", width=_LEFT - 2),
        canvas.texts(months, size=9.5, fill="muted", width=3.4 * _PITCH),
    )


@lru_cache(maxsize=64)
def _ring(
    options: PictureOptions, across: float, today: date, start: date, first_weekday: int, margin: float, y: float
) -> Markup:
    canvas = Canvas(across, _STRIP, options)
    column = _column(today, start, first_weekday)
    side = _PITCH * _SIDE + 2
    return element(
        "rect",
        x=canvas.x(margin + _LEFT + column * _PITCH - 1, side),
        y=y + _TOP + ((today.weekday() - first_weekday) % WEEK) * _PITCH - 1,
        width=side,
        height=side,
        rx=3.4,
        fill="none",
        stroke=canvas.options.paint("ink"),
        stroke_width=1.3,
    )


@lru_cache(maxsize=1_024)
def _legend(
    options: PictureOptions, across: float, height: float, states: tuple[DayState, ...], active: int, margin: float
) -> Markup:
    """What the squares mean, and how many days were active, at the foot of a canvas."""
    canvas, labels = Canvas(across, height, options), options.labels
    y = canvas.height - margin - 6
    words = {"frozen": labels.frozen, "paused": labels.paused, "repaired": labels.repaired}
    parts = [canvas.text(labels.active_days(active), margin + _LEFT, y, size=10, fill="muted", width=110)]
    x = canvas.width - margin - 2
    parts.append(canvas.text(labels.more, x, y, size=9.5, fill="muted", anchor="end", width=40))
    x -= 30 + LEVELS * _PITCH
    parts.extend(_example(canvas, str(level), x + level * _PITCH, y) for level in range(LEVELS))
    parts.append(canvas.text(labels.less, x - 5, y, size=9.5, fill="muted", anchor="end", width=40))
    x -= 38
    for state in states if canvas.width > 500 else ():
        x -= 92
        parts.append(_example(canvas, state[0], x, y))
        parts.append(canvas.text(words[state], x + 15, y, size=9.5, fill="muted", width=74))
    return join(*parts)


def _example(canvas: Canvas, kind: str, x: float, y: float) -> Markup:
    left = number(canvas.x(x, _PITCH * _SIDE))
    return element(
        "use", href=f"#{canvas.options.id('h')}{kind}", transform=f"translate({left} {number(y - 8.6)}) scale({_PITCH})"
    )
