"""A picture of what something costs by size: an SVG of lines over a logarithmic axis, made of figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10

from benchmarks.figures import Figure

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 200, 24, 48
COLOURS = ("#2563eb", "#c2410c", "#15803d", "#7c3aed", "#be185d")


def picture(figures: Sequence[Figure]) -> str:
    """Milliseconds by number of users, a line for each series; empty where no figure belongs to one."""
    series: dict[str, list[tuple[int, float]]] = {}
    for figure in figures:
        if figure.point is not None:
            name, size, milliseconds = figure.point
            series.setdefault(name, []).append((size, milliseconds))
    if not series:
        return ""
    sizes = sorted({size for points in series.values() for size, _ in points})
    most = 1.15 * max(milliseconds for points in series.values() for _, milliseconds in points)
    low, high = log10(sizes[0]), max(log10(sizes[-1]), log10(sizes[0]) + 1)

    def x(size: int) -> float:
        return LEFT + (log10(size) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(milliseconds: float) -> float:
        return HEIGHT - BOTTOM - milliseconds / most * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img">',
        "<title>Latency by number of users</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for size in sizes:
        parts.append(_line(x(size), TOP, x(size), HEIGHT - BOTTOM, "#e5e7eb"))
        parts.append(_text(x(size), HEIGHT - BOTTOM + 18, f"{size:,}", "middle"))
    for part in range(5):
        milliseconds = most * part / 4
        parts.append(_line(LEFT, y(milliseconds), WIDTH - RIGHT, y(milliseconds), "#e5e7eb"))
        parts.append(_text(LEFT - 8, y(milliseconds) + 4, f"{milliseconds:.2f}", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "users", "middle"))
    parts.append(_text(8, TOP - 8, "ms", "start"))
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x(size), y(milliseconds)) for size, milliseconds in sorted(points)]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across, down in places]
        parts.append(_text(WIDTH - RIGHT + 12, TOP + 16 + 20 * number, name, "start", colour))
    return "\n".join([*parts, "</svg>", ""])


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#374151") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
