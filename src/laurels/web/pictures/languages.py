"""The languages: one strip of shares, and a bar with name and number for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.svg import Markup, element, join
from laurels.web.pictures.theme import SERIES

_WIDTH, _MARGIN, _ROW, _STRIP = 360, 16, 34, 12


class LanguageCount(msgspec.Struct, frozen=True):
    """The number of times that a language was used."""

    language: str
    count: int


def draw_languages(
    counts: Sequence[LanguageCount],
    *,
    total: int | None = None,
    limit: int = 6,
    width: float | None = None,
    height: float | None = None,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """The first `limit` of `counts`, in their order, at most six; the rest of `total` is shown as other languages.

    `total` defaults to the sum of `counts`.
    """
    labels = options.labels
    used = [entry for entry in counts if entry.count > 0]
    shown = used[: min(limit, len(SERIES))]
    whole = max(total or 0, sum(entry.count for entry in used))
    rows = [(entry.language, entry.count, SERIES[at], True) for at, entry in enumerate(shown)]
    rest = whole - sum(entry.count for entry in shown)
    if shown and rest > 0:
        rows.append((labels.other, rest, "series-rest", False))
    margin = _MARGIN if options.panel else 1
    canvas = Canvas(_WIDTH, 2 * margin + _STRIP + 8 + max(len(rows), 1) * _ROW, options)
    spoken = [
        labels.language_share.format(
            language=options.isolate(name) if is_chosen else name,
            count=labels.number(count),
            share=labels.percent(count / whole),
        )
        for name, count, _colour, is_chosen in rows
    ]
    content: list[Markup] = [_strip(canvas, rows, whole, margin)]
    if not rows:
        content.append(canvas.text(labels.nothing, margin, margin + _STRIP + 28, size=13, fill="muted"))
    most = max((count for _name, count, _colour, _chosen in rows), default=1)
    content.extend(
        _row(canvas, row, spoken[at], most, whole, margin, margin + _STRIP + 8 + at * _ROW)
        for at, row in enumerate(rows)
    )
    return canvas.picture(
        *content,
        title=labels.languages,
        description=f"{', '.join(spoken)}." if spoken else labels.nothing,
        width=width,
        height=height,
    )


def _strip(canvas: Canvas, rows: Sequence[tuple[str, int, str, bool]], whole: int, margin: float) -> Markup:
    room = canvas.width - 2 * margin
    name = canvas.options.id("languages-strip")
    parts = [canvas.rect(margin, margin, room, _STRIP, fill="sunken")]
    x = float(margin)
    for _name, count, colour, _chosen in rows:
        part = room * count / whole
        parts.append(canvas.rect(x, margin, max(part - 1.5, 0.8), _STRIP, fill=colour))
        x += part
    clip = element(
        "clipPath",
        element("rect", x=margin, y=margin, width=room, height=_STRIP, rx=_STRIP / 2),
        id=name,
    )
    return join(clip, element("g", *parts, clip_path=f"url(#{name})"))


def _row(
    canvas: Canvas,
    row: tuple[str, int, str, bool],
    spoken: str,
    most: int,
    whole: int,
    margin: float,
    y: float,
) -> Markup:
    name, count, colour, is_chosen = row
    labels = canvas.options.labels
    room = canvas.width - 2 * margin
    end = canvas.width - margin
    dot, track = _plain(canvas.options, canvas.width, colour, margin, y)
    return element(
        "g",
        element("title", spoken),
        dot,
        canvas.text(name, margin + 17, y + 18.5, size=13.5, weight=600, width=room - 150, chosen=is_chosen),
        canvas.text(labels.number(count), end - 46, y + 18.5, size=12.5, fill="muted", anchor="end", width=84),
        canvas.text(labels.percent(count / whole), end, y + 18.5, size=12.5, anchor="end", width=42),
        track,
        canvas.rect(margin, y + 26, max(room * count / most, 3), 3, radius=1.5, fill=colour),
    )


@lru_cache(maxsize=256)
def _plain(options: PictureOptions, across: float, colour: str, margin: float, y: float) -> tuple[Markup, Markup]:
    """What a row has that no number changes: its dot, and the track of its bar."""
    canvas = Canvas(across, y, options)
    dot = element("circle", cx=canvas.x(margin + 5), cy=y + 14, r=5, fill=options.paint(colour))
    return dot, canvas.rect(margin, y + 26, across - 2 * margin, 3, radius=1.5, fill="sunken")
