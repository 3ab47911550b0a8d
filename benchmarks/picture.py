"""Pictures of what becomes of figures as sizes grow: SVGs of lines over a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10

from benchmarks.figures import Figure, Point

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 72, 200, 28, 48
COLOURS = ("#2563eb", "#c2410c", "#15803d", "#7c3aed", "#be185d", "#0f766e")


def pictures(figures: Sequence[Figure]) -> dict[str, str]:
    """An SVG for each chart that figures belong to, by its name."""
    charts: dict[str, list[Point]] = {}
    for figure in figures:
        if figure.point is not None:
            charts.setdefault(figure.point.chart, []).append(figure.point)
    return {name: _drawn(points) for name, points in charts.items()}


def _drawn(points: Sequence[Point]) -> str:
    """One chart: a line for each series."""
    unit, sized_by = points[0].unit, points[0].sized_by
    series: dict[str, list[Point]] = {}
    for point in points:
        series.setdefault(point.series, []).append(point)
    sizes = sorted({point.size for point in points})
    most = 4 * _step(max(point.value for point in points) / 4)
    low, high = log10(sizes[0]), max(log10(sizes[-1]), log10(sizes[0]) + 1)

    def x(size: int) -> float:
        return LEFT + (log10(size) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM)

    title = f"{unit} by number of {sized_by}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img">',
        f"<title>{escape(title[0].upper() + title[1:])}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for size in sizes:
        parts.append(_line(x(size), TOP, x(size), HEIGHT - BOTTOM, "#e5e7eb"))
        parts.append(_text(x(size), HEIGHT - BOTTOM + 18, f"{size:,}", "middle"))
    for part in range(5):
        value = most * part / 4
        parts.append(_line(LEFT, y(value), WIDTH - RIGHT, y(value), "#e5e7eb"))
        parts.append(_text(LEFT - 8, y(value) + 4, f"{value:,.10g}", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, sized_by, "middle"))
    parts.append(_text(8, TOP - 12, unit, "start"))
    for number, (name, found) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x(point.size), y(point.value)) for point in sorted(found, key=lambda point: point.size)]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across, down in places]
        parts.append(_text(WIDTH - RIGHT + 12, TOP + 16 + 20 * number, name, "start", colour))
    return "\n".join([*parts, "</svg>", ""])


def _step(least: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(least)) if least > 0 else 1.0
    return next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= least)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#374151") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
