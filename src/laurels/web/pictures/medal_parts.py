"""The parts of a medal: plate, sign, rim, ornament, studs, in each of its three states.

Medals are composed of these parts, so that category and rarity combine freely.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from laurels.web.pictures.canvas import PictureOptions
from laurels.web.pictures.outlines import SIGNS, Category, branch, length, path, star
from laurels.web.pictures.svg import Markup, element, join, linear_gradient

Rarity = Literal["common", "rare", "epic", "legendary"]
MedalState = Literal["earned", "open", "hidden"]

CATEGORIES: tuple[Category, ...] = ("coding", "learning", "social", "milestone", "streak")
RARITIES: tuple[Rarity, ...] = ("common", "rare", "epic", "legendary")

SIZE = 64
"""The side of a medal's square, in units."""
_X, _Y = 32.0, 31.0

_PLATES: Mapping[Category | None, tuple[str, str, str]] = MappingProxyType(
    {
        "coding": ("#55a8ff", "#1a50c0", "#0d2560"),
        "learning": ("#3ccb92", "#08755a", "#063d35"),
        "social": ("#ff83ab", "#bd2264", "#5f0d3a"),
        "milestone": ("#b793ff", "#5a31bf", "#2a1468"),
        "streak": ("#ffb03c", "#dc3f14", "#701505"),
        None: ("#aab4ae", "#626e67", "#2c3631"),
    }
)
"""Light, full and deep colour of a plate."""

_RIMS: Mapping[Rarity, tuple[str, str, str, str]] = MappingProxyType(
    {
        "common": ("#f3cba4", "#bd7b48", "#814a25", "#5c3115"),
        "rare": ("#ffffff", "#b4c0c9", "#74828e", "#495560"),
        "epic": ("#fff3bd", "#edb932", "#a8720b", "#714a04"),
        "legendary": ("#ffe38a", "#ff8cc0", "#6fb6ff", "#2b1a5e"),
    }
)
"""Light, middle and shade of a rim, and its edge."""

_RADII: Mapping[Rarity, float] = MappingProxyType({"common": 24.5, "rare": 23.5, "epic": 21.5, "legendary": 19.5})
_GOLD = ("#ffeeb0", "#e3a726", "#9a640c")
_GOLD_EDGE = "#6b4308"


class MedalKind(msgspec.Struct, frozen=True, kw_only=True):
    """The properties that determine a medal's drawing. Any other category gets a round medal with a star."""

    category: str | None
    rarity: Rarity
    state: MedalState = "earned"


def drawing(kind: MedalKind, options: PictureOptions, *, ornament: Markup | None = None) -> Markup:
    """The medal in its square, without the surrounding SVG and without the gradients that it refers to.

    `ornament` replaces the drawing behind the rim.
    """
    draw = {"earned": _earned, "open": _open, "hidden": _hidden}[kind.state]
    return join(ornament_of(kind, options) if ornament is None else ornament, draw(kind, options))


def gradients_of(kind: MedalKind, options: PictureOptions) -> list[Markup]:
    """The gradients to which the drawing refers."""
    if kind.state != "earned":
        return []
    category = known_category(kind.category)
    light, full, deep = _PLATES[category]
    legendary = kind.rarity == "legendary"
    glow, middle, shade, _edge = _RIMS[kind.rarity]
    found = [
        linear_gradient(
            options.id(f"medal-plate-{category or 'round'}{'-deep' if legendary else ''}"),
            (0, full if legendary else light, 1),
            (1, deep if legendary else full, 1),
        ),
        linear_gradient(
            options.id(f"medal-rim-{kind.rarity}"),
            (0, glow, 1),
            (0.45, middle, 1),
            (0.75, shade, 1),
            (1, glow if legendary else middle, 1),
            slope=(0.6, 1),
        ),
        linear_gradient(options.id("medal-shine"), (0, "#fff", 0.5), (0.55, "#fff", 0)),
    ]
    if kind.rarity in ("epic", "legendary"):
        found.append(
            linear_gradient(
                options.id("medal-gold"), *((at, colour, 1) for at, colour in zip((0, 0.5, 1), _GOLD, strict=True))
            )
        )
    return found


def _earned(kind: MedalKind, options: PictureOptions) -> Markup:
    category, radius = known_category(kind.category), _RADII[kind.rarity]
    glow, _middle, shade, edge = _RIMS[kind.rarity]
    plate = f"plate-{category or 'round'}{'-deep' if kind.rarity == 'legendary' else ''}"
    deep = _PLATES[category][2]

    def form(reach: float, **paints: str | float) -> Markup:
        return element("path", d=path(category, reach, _X, _Y), **paints)

    def url(name: str) -> str:
        return f"url(#{options.id(f'medal-{name}')})"

    return join(
        form(radius, fill=url(f"rim-{kind.rarity}"), stroke=edge, stroke_width=1),
        form(radius - 3.4, fill=url(plate), stroke=edge, stroke_width=1.2),
        form(radius - 5.2, fill=url("shine"), stroke="#fff", stroke_opacity=0.28, stroke_width=0.8),
        _sign(category, radius, deep, url("gold") if kind.rarity == "legendary" else "#fff"),
        _crown(kind, url("gold"), _GOLD_EDGE),
        _studs(kind.rarity, radius, fill=glow, plaque=edge, edge=shade),
    )


def _open(kind: MedalKind, options: PictureOptions) -> Markup:
    category, radius = known_category(kind.category), _RADII[kind.rarity]
    line, fill = options.paint("medal-open-line"), options.paint("medal-open")
    return join(
        element("path", d=path(category, radius, _X, _Y), fill=fill, stroke=line, stroke_width=1),
        element(
            "path",
            d=path(category, radius - 3.4, _X, _Y),
            fill="none",
            stroke=line,
            stroke_width=1,
            stroke_dasharray="2.4 2",
        ),
        _sign(category, radius, None, line),
        _crown(kind, fill, line),
        _studs(kind.rarity, radius, fill=fill, plaque=line, edge=line),
    )


def _hidden(kind: MedalKind, options: PictureOptions) -> Markup:
    category, radius = known_category(kind.category), _RADII[kind.rarity]
    fill, ink = options.paint("medal-hidden"), options.paint("medal-hidden-ink")
    return join(
        element("path", d=path(category, radius, _X, _Y), fill=fill),
        _crown(kind, fill, fill),
        element(
            "path",
            d=f"M{_X - 5} {_Y - 4.5}C{_X - 5} {_Y - 11.5} {_X + 6} {_Y - 11.5} {_X + 6} {_Y - 4.5}"
            f"C{_X + 6} {_Y - 0.5} {_X + 0.5} {_Y - 0.5} {_X + 0.5} {_Y + 4}M{_X + 0.5} {_Y + 9.4}V{_Y + 9.5}",
            fill="none",
            stroke=ink,
            stroke_width=3.2,
            stroke_linecap="round",
        ),
    )


def ornament_of(kind: MedalKind, options: PictureOptions) -> Markup:
    """The drawing behind the rim: nothing, beads, rays or the wreath."""
    radius, width = _RADII[kind.rarity], 0.7
    if kind.state == "earned":
        gold, silver = (f"url(#{options.id(name)})" for name in ("medal-gold", "medal-rim-rare"))
        edge = _RIMS["rare"][3] if kind.rarity == "rare" else _GOLD_EDGE
    else:
        gold = silver = options.paint("medal-open" if kind.state == "open" else "medal-hidden")
        edge = options.paint("medal-open-line") if kind.state == "open" else gold
    if kind.rarity == "rare":
        category, reach = known_category(kind.category), radius + 1
        gap = length(category) * reach / 24
        return join(
            *(
                element(
                    "path",
                    d=path(category, reach, _X, _Y),
                    fill="none",
                    stroke=paint,
                    stroke_width=thickness,
                    stroke_linecap="round",
                    stroke_dasharray=f".01 {gap - 0.01:.3f}",
                )
                for paint, thickness in ((edge, 4.2 + 2 * width), (silver, 4.2))
            )
        )
    if kind.rarity == "epic":
        return element(
            "path",
            d=star(30.8, 24.5, 24, x=_X, y=_Y, short=28),
            fill=gold,
            stroke=edge,
            stroke_width=width,
            stroke_linejoin="round",
        )
    if kind.rarity == "legendary":
        left, right = (branch(_X, _Y, 25.2, 8, 10.5, right=right) for right in (False, True))
        return join(
            *(
                element("path", d=one + other, fill=gold, stroke=edge, stroke_width=width, stroke_linejoin="round")
                for one, other in zip(left, right, strict=True)
            )
        )
    return Markup()


def _crown(kind: MedalKind, fill: str, edge: str) -> Markup:
    if kind.rarity != "legendary":
        return Markup()
    return element(
        "path", d=star(7, 3.1, 5, x=_X, y=8), fill=fill, stroke=edge, stroke_width=1, stroke_linejoin="round"
    )


def _sign(category: Category | None, radius: float, shadow: str | None, fill: str) -> Markup:
    scale = radius / 22.5
    if category is None:
        shape, place = star(10, 4.6, 5), f"translate({_X} {_Y}) scale({scale:.2f})"
    elif category == "streak":
        shape, place = (
            SIGNS[category],
            f"translate({_X - 14.4 * scale:.2f} {_Y - 14.6 * scale:.2f}) scale({scale * 1.2:.2f})",
        )
    else:
        shape, place = SIGNS[category], f"translate({_X} {_Y}) scale({scale:.2f})"
    lines = category == "coding"
    copies = [
        element(
            "path",
            d=shape,
            transform=f"translate(0 {drop})" if drop else None,
            fill="none" if lines else paint,
            stroke=paint if lines else None,
            stroke_width=3 if lines else None,
            stroke_linecap="round" if lines else None,
            stroke_linejoin="round" if lines else None,
            fill_rule=None if lines else "evenodd",
            opacity=0.45 if drop else None,
        )
        for paint, drop in ((shadow, 1.3), (fill, 0))
        if paint is not None
    ]
    return element("g", *copies, transform=place)


def _studs(rarity: Rarity, radius: float, *, fill: str, plaque: str, edge: str) -> Markup:
    """A plaque at the foot with one stud for each rank of the rarity."""
    count = RARITIES.index(rarity) + 1
    width = 4.6 + 4.4 * count
    y = _Y + radius + 1.5
    return join(
        element(
            "rect",
            x=_X - width / 2,
            y=y - 3.6,
            width=width,
            height=7.2,
            rx=3.6,
            fill=plaque,
            stroke=edge,
            stroke_width=0.6,
        ),
        *(element("circle", cx=_X + 4.4 * (at - (count - 1) / 2), cy=y, r=1.5, fill=fill) for at in range(count)),
    )


def progress_line(kind: MedalKind, fraction: float, options: PictureOptions) -> Markup:
    """The finished part of the outline, `fraction` from 0 to 1."""
    category, radius = known_category(kind.category), _RADII[kind.rarity]
    whole = length(category) * radius
    done = whole * min(max(fraction, 0.0), 1.0)
    return element(
        "path",
        d=path(category, radius, _X, _Y),
        fill="none",
        stroke=options.paint("accent"),
        stroke_width=2.6,
        stroke_linecap="round",
        stroke_dasharray=f"{done:.1f} {whole + 1:.1f}",
    )


def known_category(category: str | None) -> Category | None:
    """The category if medals have a form for it."""
    return next((known for known in CATEGORIES if known == category), None)
