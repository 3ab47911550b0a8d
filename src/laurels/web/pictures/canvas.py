"""The common parts of all pictures: theme, language, direction of reading, frame, and the name for a screen reader.

In a right-to-left language a picture is mirrored: positions are counted from the side where reading starts. Text
anchors are set for that side, but the direction of the document is always left to right, since programs that print SVG
do not support `direction`; marks inside the text order its letters.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from laurels.web.pictures.labels import ENGLISH, Labels
from laurels.web.pictures.svg import Markup, element, identifier, number
from laurels.web.pictures.text import clean, fit, isolate, right_to_left, width_of
from laurels.web.pictures.theme import Theme, embedded_style, paint

Anchor = Literal["start", "middle", "end"]

_RTL_LANGUAGES = frozenset(["ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"])
_MIRRORED: dict[Anchor, Anchor] = {"start": "end", "middle": "middle", "end": "start"}
_SHORT = 40
_FONTS = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Ubuntu, Helvetica, Arial, sans-serif"


class PictureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of pictures. One object serves all pictures of a page, unless two of them need ids of their own."""

    theme: Theme = "page"
    lang: str = "en"
    """A BCP 47 tag; the direction follows from it."""
    labels: Labels = ENGLISH
    panel: bool = False
    """Whether a background with a border is drawn: for a picture on another site's page."""
    id_prefix: str = ""
    """Put before each id: two heatmaps in one document need different ones. ASCII letters, digits, '-' and '_'."""
    font: str | None = None
    """The font families; None is the page's own, and in a file the system's."""

    @property
    def rtl(self) -> bool:
        """Whether the language is read from right to left."""
        return _is_rtl(self.lang)

    def paint(self, name: str) -> str:
        """The palette's colour `name` as an attribute's value."""
        return paint(name, self.theme)

    def id(self, name: str) -> str:
        """An id for an element. Raises ValueError if `id_prefix` is not valid in an id."""
        return identifier(self.id_prefix + name)

    def isolate(self, text: str) -> str:
        """`text` chosen by a person, cleaned, and unable to reorder the text around it."""
        return isolate(clean(text), rtl=self.rtl)


# Called for each text and each place.
@lru_cache(maxsize=64)
def _is_rtl(lang: str) -> bool:
    return lang.replace("_", "-").split("-")[0].lower() in _RTL_LANGUAGES


DEFAULTS = PictureOptions()
"""For a page in English."""


class _Line(NamedTuple):
    content: str
    place: dict[str, str | float | None]


class Canvas:
    """The coordinates of one picture: `width` x `height` units, x counted from the side where reading starts."""

    def __init__(self, width: float, height: float, options: PictureOptions) -> None:
        self.width = width
        self.height = height
        self.options = options

    def x(self, start: float, width: float = 0) -> float:
        """The left edge of an area that is `width` wide and begins `start` units after the side where reading
        starts."""
        return self.width - start - width if self.options.rtl else start

    def text(
        self,
        content: str,
        x: float,
        y: float,
        *,
        size: float,
        fill: str = "ink",
        weight: int | None = None,
        anchor: Anchor = "start",
        width: float | None = None,
        smallest: float | None = None,
        chosen: bool = False,
    ) -> Markup:
        """A line of text with its baseline at `y`; if it is wider than `width`, it shrinks to `smallest`, and then it
        is cut.

        `fill` is a colour of the palette. `chosen` text comes from a person and has its own direction.
        """
        draw = _text if chosen and len(content) > _SHORT else _kept_text
        return draw(
            self.options,
            self.width,
            content,
            x,
            y,
            size,
            fill,
            anchor,
            weight=weight,
            width=width,
            smallest=smallest,
            is_chosen=chosen,
        )

    def texts(
        self, lines: Iterable[tuple[str, float, float]], *, size: float, fill: str, width: float | None = None
    ) -> Markup:
        """Lines in the same style, each with its x and y, in fewer characters than with `text`."""
        placed = [_line(self.options, self.width, content, x, y, size, width=width) for content, x, y in lines]
        return element(
            "g",
            *(element("text", line.content, **line.place) for line in placed),
            font_size=size,
            fill=self.options.paint(fill),
        )

    def rect(
        self, x: float, y: float, width: float, height: float, *, radius: float = 0, fill: str, title: str | None = None
    ) -> Markup:
        """A box; `fill` is a colour of the palette, `title` its tooltip."""
        return element(
            "rect",
            *([element("title", title)] if title is not None else []),
            x=self.x(x, width),
            y=y,
            width=width,
            height=height,
            rx=radius or None,
            fill=self.options.paint(fill),
        )

    def picture(
        self,
        *content: Markup,
        title: str,
        description: str = "",
        width: float | None = None,
        height: float | None = None,
        panel: bool | None = None,
    ) -> Markup:
        """The whole SVG. `width` and `height` are the displayed size, in CSS pixels: one of them alone keeps the
        proportions.

        A screen reader says `title` as the name, and `description` after it.
        """
        if width is None:
            width = self.width if height is None else height * self.width / self.height
        if height is None:
            height = width * self.height / self.width
        options = self.options
        return element(
            "svg",
            element("title", title),
            element("desc", description) if description else Markup(),
            element("style", Markup(embedded_style())) if options.theme == "auto" else Markup(),
            self._panel() if (options.panel if panel is None else panel) else Markup(),
            *content,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {number(self.width)} {number(self.height)}",
            width=width,
            height=height,
            role="img",
            lang=clean(options.lang),
            direction="ltr",
            font_family=options.font or (None if options.theme == "page" else _FONTS),
        )

    def _panel(self) -> Markup:
        return element(
            "rect",
            x=0.5,
            y=0.5,
            width=self.width - 1,
            height=self.height - 1,
            rx=12,
            fill=self.options.paint("panel"),
            stroke=self.options.paint("line"),
        )


def _text(
    options: PictureOptions,
    across: float,
    content: str,
    x: float,
    y: float,
    size: float,
    fill: str,
    anchor: Anchor,
    *,
    weight: int | None,
    width: float | None,
    smallest: float | None,
    is_chosen: bool,
) -> Markup:
    """See `Canvas.text`; `across` is the width of the canvas."""
    bold = (weight or 400) >= 600
    if smallest is not None and width is not None:
        needed = width_of(clean(content), size, bold=bold)
        size = max(smallest, min(size, round(size * width / max(needed, 1), 1)))
    line = _line(options, across, content, x, y, size, bold=bold, anchor=anchor, width=width, is_chosen=is_chosen)
    return element("text", line.content, **line.place, font_size=size, font_weight=weight, fill=options.paint(fill))


# Words of ours, small numbers and short names stand in the same places for all.
_kept_text = lru_cache(maxsize=8_192)(_text)


def _line(
    options: PictureOptions,
    across: float,
    content: str,
    x: float,
    y: float,
    size: float,
    *,
    bold: bool = False,
    anchor: Anchor = "start",
    width: float | None = None,
    is_chosen: bool = False,
) -> _Line:
    content = fit(content, width=width or across, size=size, bold=bold)
    if is_chosen:
        content = isolate(content, rtl=options.rtl)
    elif options.rtl:
        content = right_to_left(content)
    side = _MIRRORED[anchor] if options.rtl else anchor
    x = across - x if options.rtl else x
    return _Line(content, {"x": x, "y": y, "text_anchor": None if side == "start" else side})
