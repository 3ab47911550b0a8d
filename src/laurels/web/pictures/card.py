"""The profile card: name, level, points, streak and the best medals, for a personal page or for sharing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.level import ring
from laurels.web.pictures.medal_parts import SIZE, MedalKind, drawing
from laurels.web.pictures.medals import medal_gradients
from laurels.web.pictures.outlines import branch
from laurels.web.pictures.streak import flame
from laurels.web.pictures.svg import Markup, element, join, linear_gradient, number
from laurels.web.pictures.text import clean, initial, isolate

SHOWN = 5
"""The maximum number of medals on a card."""
_WIDTH, _HEIGHT, _MARGIN = 480, 224, 24
_SHELF = 138
"""The start of the shelf with the medals."""
_CENTRE, _MIDDLE = 72, 68
_START = 142


def draw_card(
    *,
    name: str,
    level: int,
    points: int,
    fraction: float,
    streak: int,
    medals: Sequence[MedalKind] = (),
    badge_count: int | None = None,
    width: float | None = None,
    height: float | None = None,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """A learner's card. It has a background regardless of `options.panel`.

    `fraction`, from 0 to 1, is the progress to the next level. The first five of `medals` are shown, as earned;
    `badge_count` is the learner's number of badges, by default the number of `medals`.
    """
    labels = options.labels
    canvas = Canvas(_WIDTH, _HEIGHT, options)
    held = len(medals) if badge_count is None else badge_count
    shown = [msgspec.structs.replace(kind, state="earned") for kind in medals[:SHOWN]]
    name = clean(name) or labels.unnamed
    room = _WIDTH - _START - _MARGIN
    return canvas.picture(
        _shelf(canvas),
        _avatar(canvas, name, level, fraction),
        canvas.text(name, _START, 52, size=26, weight=800, width=room, smallest=19, chosen=True),
        canvas.text(labels.points(points), _START, 77, size=15, weight=600, fill="muted", width=room),
        _streak(canvas, streak),
        medal_gradients(shown, options),
        *(_medal(canvas, kind, at) for at, kind in enumerate(shown)),
        _count(canvas, held),
        title=labels.progress_of.format(name=isolate(name, rtl=options.rtl)),
        description=(
            f"{labels.level_reached.format(level=labels.number(level), points=labels.points(points))}. "
            f"{labels.streak.format(days=labels.days(streak))}. {labels.badges(held)}."
        ),
        width=width,
        height=height,
        panel=True,
    )


def _shelf(canvas: Canvas) -> Markup:
    bottom, right = _HEIGHT - 1, _WIDTH - 1
    corner = 11.5
    return join(
        element(
            "path",
            d=f"M1 {_SHELF}H{right}V{bottom - corner}A{corner} {corner} 0 0 1 {right - corner} {bottom}"
            f"H{1 + corner}A{corner} {corner} 0 0 1 1 {bottom - corner}Z",
            fill=canvas.options.paint("bg"),
        ),
        element("path", d=f"M1 {_SHELF}H{right}", stroke=canvas.options.paint("line")),
    )


def _avatar(canvas: Canvas, name: str, level: int, fraction: float) -> Markup:
    """The name's first letter inside the level's ring, between two branches of laurel."""
    options = canvas.options
    x, gradient = canvas.x(_CENTRE), options.id("card-avatar")
    sides = [branch(x, _MIDDLE, 47, 8, 15, right=right) for right in (False, True)]
    word = options.labels.number(level)
    pill = 18 + 8.5 * len(word)
    return join(
        linear_gradient(gradient, (0, options.paint("ring-1"), 1), (1, options.paint("ring-2"), 1), slope=(1, 1)),
        element("path", d="".join(outer + inner for outer, inner in sides), fill=options.paint("leaf")),
        element("circle", cx=x, cy=_MIDDLE, r=43, fill=options.paint("panel")),
        ring(x, _MIDDLE, 38, fraction, 6, options),
        element("circle", cx=x, cy=_MIDDLE, r=31, fill=f"url(#{gradient})"),
        canvas.text(
            initial(name),
            _CENTRE,
            _MIDDLE + 11,
            size=31,
            weight=700,
            fill="on-ring",
            anchor="middle",
            width=60,
            chosen=True,
        ),
        element(
            "rect",
            x=x - pill / 2,
            y=_MIDDLE + 30,
            width=pill,
            height=21,
            rx=10.5,
            fill=options.paint("ink"),
            stroke=options.paint("panel"),
            stroke_width=2.5,
        ),
        canvas.text(word, _CENTRE, _MIDDLE + 45, size=13, weight=800, fill="panel", anchor="middle", width=80),
    )


def _streak(canvas: Canvas, streak: int) -> Markup:
    labels = canvas.options.labels
    words = f"{labels.number(streak)} {labels.day_streak(streak)}"
    return join(
        flame(canvas.x(_START - 4, 26), 89, 26, lit=streak > 0, options=canvas.options),
        canvas.text(words, _START + 25, 108, size=15, weight=700, fill="flame-ink" if streak else "muted", width=220),
    )


def _medal(canvas: Canvas, kind: MedalKind, at: int) -> Markup:
    side = 62
    scale = side / SIZE
    x = canvas.x(_MARGIN - 6 + at * (side + 6), side)
    return element(
        "g",
        drawing(kind, canvas.options),
        transform=f"translate({number(x)} {_SHELF + 12}) scale({number(scale)})",
    )


def _count(canvas: Canvas, held: int) -> Markup:
    labels = canvas.options.labels
    if held == 0:
        return canvas.text(labels.nothing, _MARGIN, _SHELF + 48, size=14, fill="muted", width=300)
    return canvas.text(
        labels.badges(held), _WIDTH - _MARGIN, _SHELF + 48, size=14, weight=600, fill="muted", anchor="end", width=96
    )
