"""The level: a ring that fills up to the next one."""

from __future__ import annotations

import math

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.outlines import star
from laurels.web.pictures.svg import Markup, element, join, linear_gradient, number

_WIDTH, _HEIGHT, _MARGIN, _SIDE = 320, 132, 16, 100


def draw_level(
    *,
    level: int,
    points: int,
    next_level_at: int | None,
    fraction: float,
    compact: bool = False,
    width: float | None = None,
    height: float | None = None,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """The level of a learner with `points` in all.

    `fraction`, from 0 to 1, is the finished part of the way to the next level; if `next_level_at` is None, there is no
    next level. `compact` draws only the ring.
    """
    labels = options.labels
    side = _SIDE + 2 * _MARGIN if options.panel else _SIDE
    canvas = Canvas(side, side, options) if compact else Canvas(_WIDTH, _HEIGHT, options)
    centre = side / 2 if compact else _MARGIN + _SIDE / 2
    middle = canvas.height / 2
    remaining = _remaining(level, points, next_level_at, options)
    content = [
        ring(canvas.x(centre), middle, _SIDE / 2 - 6, fraction if next_level_at is not None else 1, 10, options),
        canvas.text(
            labels.number(level),
            centre,
            middle + 17,
            size=_number_size(labels.number(level)),
            weight=800,
            anchor="middle",
        ),
        canvas.text(labels.level, centre, middle - 18, size=11, weight=600, fill="muted", anchor="middle", width=62),
    ]
    if not compact:
        start = _MARGIN + _SIDE + 20
        room = _WIDTH - start - _MARGIN
        content += [
            canvas.text(labels.points(points), start, 58, size=24, weight=800, width=room, smallest=13),
            canvas.text(remaining, start, 80, size=13, fill="muted", width=room, smallest=10),
            _bar(canvas, start, 94, room, fraction if next_level_at is not None else 1),
        ]
    return canvas.picture(
        *content,
        title=labels.level_reached.format(level=labels.number(level), points=labels.points(points)),
        description=f"{remaining}.",
        width=width,
        height=height,
    )


def ring(x: float, y: float, radius: float, fraction: float, thickness: float, options: PictureOptions) -> Markup:
    """A ring around (x, y), filled to `fraction` from the top: clockwise, or counter-clockwise in right-to-left
    languages.
    """
    round_ = 2 * math.pi * radius
    done = round_ * min(max(fraction, 0.0), 1.0)
    name = options.id("level-ring")
    track = element("circle", cx=x, cy=y, r=radius, fill="none", stroke=options.paint("sunken"), stroke_width=thickness)
    if done < 0.5:
        return track
    mirror = f" translate({number(2 * x)} 0) scale(-1 1)" if options.rtl else ""
    return join(
        linear_gradient(name, (0, options.paint("ring-1"), 1), (1, options.paint("ring-2"), 1), slope=(1, 1)),
        track,
        element(
            "circle",
            cx=x,
            cy=y,
            r=radius,
            fill="none",
            stroke=f"url(#{name})",
            stroke_width=thickness,
            stroke_linecap="round",
            stroke_dasharray=f"{number(done)} {number(round_ + 1)}" if done < round_ - 0.5 else None,
            transform=f"{mirror} rotate(-90 {number(x)} {number(y)})".strip(),
        ),
    )


def _remaining(level: int, points: int, next_level_at: int | None, options: PictureOptions) -> str:
    labels = options.labels
    if next_level_at is None:
        return labels.top_level
    return labels.to_next.format(points=labels.points(max(next_level_at - points, 0)), level=labels.number(level + 1))


def _number_size(text: str) -> float:
    return 38 if len(text) < 3 else 30 if len(text) == 3 else 22


def _bar(canvas: Canvas, x: float, y: float, width: float, fraction: float) -> Markup:
    done = width * min(max(fraction, 0.0), 1.0)
    parts = [canvas.rect(x, y, width, 6, radius=3, fill="sunken")]
    if done >= 1:
        parts.append(canvas.rect(x, y, max(done, 6), 6, radius=3, fill="accent"))
    if fraction >= 1:
        parts.append(
            element("path", d=star(7, 3, 5, x=canvas.x(x + width), y=y + 3), fill=canvas.options.paint("gold"))
        )
    return join(*parts)
