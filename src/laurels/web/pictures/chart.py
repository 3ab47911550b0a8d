"""Points over time, as bars or as an area: by day, week or month, in a readable number of periods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.days import WEEK, Day
from laurels.web.pictures.svg import Markup, element, escape, join, linear_gradient, number

Bucket = Literal["day", "week", "month"]

_WIDTH, _HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 22, 28
_GRID = 3
"""The maximum number of lines above the base line."""


class Period(NamedTuple):
    """The points of one bar."""

    first: date
    points: int


def draw_points(
    days: Iterable[Day],
    *,
    first: date,
    last: date,
    kind: Literal["bars", "area"] = "bars",
    bucket: Bucket | None = None,
    first_weekday: int = 0,
    width: float | None = None,
    height: float | None = None,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """The points from `first` to `last`, inclusive, summed up by `bucket`.

    Without a bucket it uses days up to two months, weeks up to two years, else months. Raises ValueError if `first` is
    after `last`.
    """
    if first > last:
        raise ValueError(f"the first day, {first}, must not be after the last, {last}")
    labels = options.labels
    bucket = bucket or bucket_for(first, last)
    periods = periods_of(days, first=first, last=last, bucket=bucket, first_weekday=first_weekday)
    step = _step(max(period.points for period in periods))
    top = step * max(-(-max(period.points for period in periods) // step), 1)
    canvas = Canvas(_WIDTH, _HEIGHT, options)
    plot = _Plot(canvas, top, len(periods))
    spoken = [
        labels.chart_point.format(period=_name(period.first, bucket, options), points=labels.points(period.points))
        for period in periods
    ]
    total = sum(period.points for period in periods)
    best = max(range(len(periods)), key=lambda at: (periods[at].points, at))
    return canvas.picture(
        _grid(options, top, step),
        _dates(options, tuple(period.first for period in periods)),
        _bars(canvas, plot, periods, spoken) if kind == "bars" else _area(canvas, plot, periods, spoken),
        title=labels.points_over_time,
        description=labels.chart_summary.format(
            first=labels.date(first), last=labels.date(last), points=labels.points(total), best=spoken[best]
        ),
        width=width,
        height=height,
    )


def bucket_for(first: date, last: date) -> Bucket:
    """The shortest period that divides a range into at most about a hundred."""
    length = (last - first).days + 1
    return "day" if length <= 62 else "week" if length <= 2 * 366 else "month"


def periods_of(days: Iterable[Day], *, first: date, last: date, bucket: Bucket, first_weekday: int = 0) -> list[Period]:
    """The points of each period that the range touches, oldest first, including empty ones; days outside are not
    counted."""
    starts = _starts(first, last, bucket, first_weekday)
    points = [0] * len(starts)
    begin, length = starts[0].toordinal(), WEEK if bucket == "week" else 1
    for day in days:
        if not first <= day.date <= last:
            continue
        if bucket == "month":
            at = 12 * (day.date.year - first.year) + day.date.month - first.month
        else:
            at = (day.date.toordinal() - begin) // length
        points[at] += day.points
    return [Period(start, sum_) for start, sum_ in zip(starts, points, strict=True)]


@lru_cache(maxsize=64)
def _starts(first: date, last: date, bucket: Bucket, first_weekday: int) -> tuple[date, ...]:
    starts: list[date] = []
    at = _start(first, bucket, first_weekday)
    while at <= last:
        starts.append(at)
        at = _start(at + timedelta(days={"day": 1, "week": WEEK, "month": 31}[bucket]), bucket, first_weekday)
    return tuple(starts)


def _start(day: date, bucket: Bucket, first_weekday: int) -> date:
    if bucket == "month":
        return day.replace(day=1)
    return day - timedelta(days=(day.weekday() - first_weekday) % WEEK) if bucket == "week" else day


@lru_cache(maxsize=4_096)
def _name(first: date, bucket: Bucket, options: PictureOptions) -> str:
    labels = options.labels
    if bucket == "month":
        return labels.month(first)
    return labels.week_of.format(date=labels.date(first)) if bucket == "week" else labels.date(first)


def _step(most: int) -> int:
    """The distance of the grid's lines: 1, 2 or 5 times a power of ten."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if size * factor * _GRID >= most:
                return size * factor
        size *= 10


class _Plot:
    """The area in which values are drawn."""

    def __init__(self, canvas: Canvas, top: int, count: int) -> None:
        self.height = canvas.height - _TOP - _BOTTOM
        self.base = canvas.height - _BOTTOM
        self.pitch = (canvas.width - _LEFT - _RIGHT) / count
        self._top = top

    def x(self, at: float) -> float:
        return _LEFT + at * self.pitch

    def y(self, points: int) -> float:
        return self.base - self.height * max(points, 0) / self._top


@lru_cache(maxsize=512)
def _grid(options: PictureOptions, top: int, step: int) -> Markup:
    canvas = Canvas(_WIDTH, _HEIGHT, options)
    plot = _Plot(canvas, top, 1)
    values = range(0, top + 1, step)
    edges = sorted((canvas.x(_LEFT), canvas.x(canvas.width - _RIGHT)))
    lines = "".join(f"M{number(edges[0])} {number(plot.y(value))}H{number(edges[1])}" for value in values)
    return join(
        element("path", d=lines, stroke=canvas.options.paint("line")),
        *(
            canvas.text(
                canvas.options.labels.number(value),
                _LEFT - 8,
                plot.y(value) + 3.5,
                size=10,
                fill="muted",
                anchor="end",
                width=_LEFT - 8,
            )
            for value in values
        ),
    )


@lru_cache(maxsize=64)
def _dates(options: PictureOptions, starts: tuple[date, ...]) -> Markup:
    """Months under the plot, or years if months would not fit; days if there are only a few."""
    canvas = Canvas(_WIDTH, _HEIGHT, options)
    plot = _Plot(canvas, 1, len(starts))
    labels = options.labels
    span = (starts[-1] - starts[0]).days
    names: list[tuple[str, float, float]] = []
    free = 0.0
    seen = None
    for at, first in enumerate(starts):
        if span > 3 * 366:
            mark, name = first.year, str(first.year)
        elif span > 45:
            mark, name = (first.year, first.month), labels.months[first.month - 1]
        else:
            mark, name = first, labels.day(first)
        x = plot.x(at)
        if mark != seen and x >= free and x + 40 <= canvas.width:
            names.append((name, x, canvas.height - 10))
            free = x + 48
        seen = mark
    return canvas.texts(names, size=10, fill="muted", width=60)


def _bars(canvas: Canvas, plot: _Plot, periods: Sequence[Period], spoken: Sequence[str]) -> Markup:
    gap = min(3.0, plot.pitch * 0.25)
    width = plot.pitch - gap
    radius = min(3.0, width / 2)
    bars: list[str] = []
    n, base = number, number(plot.base)
    for at, (period, words) in enumerate(zip(periods, spoken, strict=True)):
        rise = plot.base - plot.y(period.points)
        if rise <= 0:
            continue
        x = canvas.x(plot.x(at) + gap / 2, width)
        bend = min(radius, rise)
        curve, side = n(bend), n(width - 2 * bend)
        bars.append(
            f'<path d="M{n(x)} {base}v{n(bend - rise)}q0-{curve} {curve}-{curve}h{side}q{curve} 0 {curve} {curve}'
            f'v{n(rise - bend)}z"><title>{escape(words)}</title></path>'
        )
    return element("g", Markup("".join(bars)), fill=canvas.options.paint("accent"))


def _area(canvas: Canvas, plot: _Plot, periods: Sequence[Period], spoken: Sequence[str]) -> Markup:
    options = canvas.options
    name = options.id("chart-area")
    points = [(canvas.x(plot.x(at + 0.5)), plot.y(period.points)) for at, period in enumerate(periods)]
    line = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    accent = options.paint("accent")
    targets = [
        element(
            "rect",
            element("title", words),
            x=canvas.x(plot.x(at), plot.pitch),
            y=_TOP,
            width=plot.pitch,
            height=plot.height,
        )
        for at, words in enumerate(spoken)
    ]
    x, y = points[-1]
    return join(
        linear_gradient(name, (0, accent, 0.35), (1, accent, 0.02)),
        element(
            "path",
            d=f"M{number(points[0][0])} {number(plot.base)}L{line}L{number(x)} {number(plot.base)}Z",
            fill=f"url(#{name})",
        ),
        element(
            "path",
            d=f"M{line}",
            fill="none",
            stroke=accent,
            stroke_width=2.2,
            stroke_linejoin="round",
            stroke_linecap="round",
        ),
        element("circle", cx=x, cy=y, r=4.5, fill=accent, stroke=options.paint("panel"), stroke_width=2),
        element("g", *targets, fill="none", pointer_events="all"),
    )
