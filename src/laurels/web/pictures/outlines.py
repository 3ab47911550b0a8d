"""Outlines and signs as path data: the forms of medals, the flame, the laurel, the signs of the categories.

An outline is a list of Bezier curves around the origin, so that it can be drawn at any size and measured: a progress
line or beads on a rim need its length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

from laurels.web.pictures.svg import number

Category = Literal["coding", "learning", "social", "milestone", "streak"]
Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]
"""A cubic Bezier curve."""

FLAME = (
    "M12.4 1.2C13 5.6 19.3 8.2 19.3 14.7 19.3 19.2 16.2 22.6 12 22.6S4.7 19.2 4.7 15C4.7 12 6.3 9.8 7.7 7.6"
    "C8.1 9.6 8.9 10.8 10.2 11.3 9.6 7.6 10.2 3.8 12.4 1.2Z"
)
FLAME_INNER = (
    "M12.6 8.4C13 11.2 16.5 12.7 16.5 16.4 16.5 19.2 14.6 21.2 12.1 21.2S7.7 19.4 7.7 16.8C7.7 15.3 8.5 14.1 9.3 13"
    "C9.7 14 10.2 14.6 11 14.9 10.8 12.5 11.3 10.1 12.6 8.4Z"
)
FLAME_CORE = (
    "M12.3 14.4C12.5 15.9 14.2 16.6 14.2 18.4 14.2 19.8 13.3 20.7 12.1 20.7S9.9 19.8 9.9 18.5"
    "C9.9 16.8 11.8 16.1 12.3 14.4Z"
)
FLAME_SIZE = 24
"""A flame in a square of 24 units, in three layers."""

SNOWFLAKE = "M0-5V5M-4.3-2.5 4.3 2.5M-4.3 2.5 4.3-2.5"
CHECK = "M-3.6 .2-1 2.9 3.8-2.6"
"""Lines around the origin, for a disc of radius 9."""

SIGNS: dict[Category, str] = {
    "coding": "M-5.8-5.5-11 0-5.8 5.5M5.8-5.5 11 0 5.8 5.5M2.3-8-2.3 8",
    "learning": (
        "M-.9-5.6C-3.7-7.6-7.2-8.2-11.2-7.6V6.2C-7.2 5.6-3.7 6.2-.9 8.2Z"
        "M.9-5.6C3.7-7.6 7.2-8.2 11.2-7.6V6.2C7.2 5.6 3.7 6.2 .9 8.2Z"
    ),
    "social": (
        "M-3.6-8.6A3.9 3.9 0 1 1-3.6-.8 3.9 3.9 0 1 1-3.6-8.6ZM-11 8.4C-11 3.8-7.6 1.2-3.6 1.2S3.8 3.8 3.8 8.4Z"
        "M3.4-8A3.5 3.5 0 1 1 3.4-1.4 6.2 6.2 0 0 0 3.4-8Z"
        "M5.2 1.1C8.9 1.2 11.4 3.9 11.4 8.4H6.1C6.1 5.4 5.7 3 3.6 1.4 4.1 1.2 4.6 1.1 5.2 1.1Z"
    ),
    "milestone": "M-12.4 7.6-3.4-5.2V-12.4L4-9.8-1.6-7.7V-5L2.5 1.2 4.9-1.6 12.4 7.6Z",
    "streak": FLAME + FLAME_INNER,
}
"""The signs, around the origin; the flame has its own square."""

_QUARTER = 0.5523
"""The length of the handles of a curve that draws a quarter of a circle."""


@cache
def outline(category: Category | None) -> tuple[Curve, ...]:
    """The form of a category's medal, about as large as a circle of radius 1, from the top clockwise.

    Without a category it is the circle.
    """
    if category == "coding":
        return _rounded(_polygon(6, 1.13), 0.22)
    if category == "social":
        # The corner in the middle of the upper side does not bend; the outline starts there.
        return _rounded([(0, -0.93), (0.93, -0.93), (0.93, 0.93), (-0.93, 0.93), (-0.93, -0.93)], 0.5)
    if category == "streak":
        return _rounded(_polygon(4, 1.3), 0.42)
    if category == "milestone":
        half: list[Curve] = [
            ((0, -1.08), (0.28, -0.9), (0.6, -0.84), (0.9, -0.84)),
            ((0.9, -0.84), (0.97, -0.84), (1, -0.8), (1, -0.72)),
            ((1, -0.72), (1, -0.4), (1, -0.3), (1, -0.05)),
            ((1, -0.05), (1, 0.6), (0.5, 0.95), (0, 1.18)),
        ]
        mirrored: list[Curve] = [
            ((-d[0], d[1]), (-c[0], c[1]), (-b[0], b[1]), (-a[0], a[1])) for a, b, c, d in reversed(half)
        ]
        return (*half, *mirrored)
    q = _QUARTER
    return (
        ((0, -1), (q, -1), (1, -q), (1, 0)),
        ((1, 0), (1, q), (q, 1), (0, 1)),
        ((0, 1), (-q, 1), (-1, q), (-1, 0)),
        ((-1, 0), (-1, -q), (-q, -1), (0, -1)),
    )


@cache
def path(category: Category | None, radius: float, x: float, y: float) -> str:
    """The outline as path data, around (x, y)."""
    if category in (None, "learning"):
        round_, across = number(radius), number(2 * radius)
        arcs = f"a{round_} {round_} 0 1 1 0 {across} {round_} {round_} 0 1 1 0-{across}Z"
        return f"M{_pair((x, y - radius))}{arcs}"

    def at(*points: Point) -> str:
        # A tenth of a unit is a third of a pixel at the largest size.
        return _pairs((round(x + px * radius, 1), round(y + py * radius, 1)) for px, py in points)

    start = outline(category)[0][0]
    parts = ["L" + at(end) if _is_straight(a, b, end) else "C" + at(b, c, end) for a, b, c, end in outline(category)]
    return f"M{at(start)}{''.join(parts)}Z"


@cache
def length(category: Category | None) -> float:
    """The length of the outline at radius 1."""
    return _walk(outline(category))[1]


def star(radius: float, inner: float, points: int, *, x: float = 0, y: float = 0, short: float | None = None) -> str:
    """A star with its first point at the top; with `short` every second point reaches only that far."""
    corners: list[Point] = []
    for at in range(2 * points):
        reach = inner if at % 2 else short if short is not None and at % 4 else radius
        turn = math.pi * at / points
        corners.append((round(x + reach * math.sin(turn), 1), round(y - reach * math.cos(turn), 1)))
    return f"M{_pair(corners[0])}L{_pairs(corners[1:])}Z"


def leaf(x: float, y: float, degrees: float, size: float) -> str:
    """A laurel leaf that grows from (x, y); at 0 degrees it points up."""
    turn = math.radians(degrees)
    cos, sin = math.cos(turn) * size, math.sin(turn) * size

    def at(*points: Point) -> str:
        return _pairs(
            (round(x + across * cos + up * sin, 1), round(y + across * sin - up * cos, 1)) for across, up in points
        )

    return f"M{at((0, 0))}C{at((0.42, 0.2), (0.4, 0.65), (0, 1))} {at((-0.4, 0.65), (-0.42, 0.2), (0, 0))}Z"


@cache
def branch(x: float, y: float, radius: float, leaves: int, size: float, *, right: bool) -> tuple[str, str]:
    """Half a wreath around (x, y), from the foot upwards, as path data: the outer leaves and the inner ones."""
    outer: list[str] = []
    inner: list[str] = []
    side = 1 if right else -1
    for at in range(leaves):
        turn = 170 - 138 * at / (leaves - 1)
        angle = math.radians(turn)
        foot = (x + side * radius * math.sin(angle), y - radius * math.cos(angle))
        shrunk = size * (1 - 0.25 * at / (leaves - 1))
        outer.append(leaf(*foot, side * (turn - 90 + 26), shrunk))
        inner.append(leaf(*foot, side * (turn - 90 - 36), shrunk * 0.85))
    return "".join(outer), "".join(inner)


def _polygon(corners: int, radius: float) -> list[Point]:
    turns = [2 * math.pi * at / corners for at in range(corners)]
    return [(radius * math.sin(turn), -radius * math.cos(turn)) for turn in turns]


def _rounded(corners: Sequence[Point], radius: float) -> tuple[Curve, ...]:
    """The polygon with a bend from `radius` before to `radius` after each corner; starts in the middle of the first
    side."""
    curves: list[Curve] = []
    for at, corner in enumerate(corners):
        before, after = corners[at - 1], corners[(at + 1) % len(corners)]
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        if curves:
            curves.append(_line(curves[-1][3], start))
        curves.append((start, _between(start, corner, 0.6), _between(end, corner, 0.6), end))
    curves.append(_line(curves[-1][3], curves[0][0]))
    first, second = _halves(curves[0])
    return (second, *curves[1:], first)


def _halves(curve: Curve) -> tuple[Curve, Curve]:
    a, b, c, d = curve
    ab, bc, cd = _between(a, b, 0.5), _between(b, c, 0.5), _between(c, d, 0.5)
    abc, bcd = _between(ab, bc, 0.5), _between(bc, cd, 0.5)
    middle = _between(abc, bcd, 0.5)
    return (a, ab, abc, middle), (middle, bcd, cd, d)


def _line(start: Point, end: Point) -> Curve:
    return (start, _between(start, end, 1 / 3), _between(start, end, 2 / 3), end)


def _is_straight(start: Point, handle: Point, end: Point) -> bool:
    return math.isclose(math.dist(start, handle) + math.dist(handle, end), math.dist(start, end), rel_tol=1e-9)


def _between(one: Point, other: Point, share: float) -> Point:
    return (one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share)


def _towards(one: Point, other: Point, distance: float) -> Point:
    return _between(one, other, distance / math.dist(one, other))


def _walk(curves: Sequence[Curve]) -> tuple[list[tuple[float, Point]], float]:
    """Places along the curves, each with its distance from the start, and the whole length."""
    places: list[tuple[float, Point]] = [(0.0, curves[0][0])]
    for a, b, c, d in curves:
        for step in range(1, 33):
            t, u = step / 32, 1 - step / 32
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            point = (
                sum(weight * p[0] for weight, p in zip(weights, (a, b, c, d), strict=True)),
                sum(weight * p[1] for weight, p in zip(weights, (a, b, c, d), strict=True)),
            )
            places.append((places[-1][0] + math.dist(places[-1][1], point), point))
    return places, places[-1][0]


def _pairs(points: Iterable[Point]) -> str:
    text = ""
    for point in points:
        pair = _pair(point)
        text += pair if not text or pair.startswith("-") else " " + pair
    return text


def _pair(point: Point) -> str:
    x, y = number(point[0]), number(point[1])
    return x + y if y.startswith("-") else f"{x} {y}"
