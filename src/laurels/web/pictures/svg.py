"""A small SVG writer: elements from calls, every text and attribute escaped.

Pictures carry freely chosen names into pages with a strict content policy. So the writer itself refuses everything that
a picture must not contain: inline styles, event handlers, references to other files, characters that XML 1.0 forbids.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_SHORT = 40


class Markup(str):
    """Text that is already SVG. Jinja2 and `element` insert it unchanged; they escape every other text."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def escape(text: str) -> str:
    """`text` as XML character data or attribute value, without the characters that XML 1.0 forbids."""
    # The same words and colours stand in all pictures; a long text is somebody's, and would stay in memory.
    return _kept_escape(text) if len(text) <= _SHORT else _escape(text)


def _escape(text: str) -> str:
    if not text.isprintable():
        text = _FORBIDDEN.sub("", text)
    return text.translate(_ESCAPES)


_kept_escape = lru_cache(maxsize=8_192)(_escape)


# The same widths and distances occur many times.
@lru_cache(maxsize=4_096)
def number(value: float) -> str:
    """`value` with at most two decimals, in the shortest form: 12, .5, -3.25."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    if text in ("-0", ""):
        return "0"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """One element. An underscore in a keyword becomes a hyphen; an attribute that is None is left out.

    Children of type `Markup` are inserted unchanged; other text is escaped. Raises ValueError for an inline style, an
    event handler and a reference outside the document.
    """
    text = f"<{name}"
    for keyword, value in attributes.items():
        if value is None:
            continue
        attribute = _attribute(keyword)
        if attribute == ' href="' and not str(value).startswith("#"):
            raise ValueError("a picture refers to its own elements only: href must start with '#'")
        text += f'{attribute}{escape(value) if isinstance(value, str) else number(value)}"'
    if not children:
        return Markup(text + "/>")
    text += ">"
    for child in children:
        text += child if isinstance(child, Markup) else escape(child)
    return Markup(f"{text}</{name}>")


@lru_cache(maxsize=256)
def _attribute(keyword: str) -> str:
    attribute = keyword.rstrip("_").replace("_", "-")
    if attribute == "style" or attribute.startswith("on"):
        raise ValueError(f"a picture has no {attribute!r} attribute: use presentation attributes")
    return f' {attribute}="'


def join(*parts: Markup) -> Markup:
    """Elements one after the other, without an element around them."""
    return Markup("".join(parts))


def identifier(text: str) -> str:
    """`text` if it is valid in an element's id; otherwise raises ValueError."""
    if _IDENTIFIER.fullmatch(text) is None:
        raise ValueError(f"an id consists of ASCII letters, digits, '-' and '_', a letter first, not {text!r}")
    return text


def linear_gradient(name: str, *stops: tuple[float, str, float], slope: tuple[float, float] = (0, 1)) -> Markup:
    """A gradient with the id `name`; a stop is (offset from 0 to 1, colour, opacity), `slope` its direction in the
    box.
    """
    return element(
        "linearGradient",
        *(
            element("stop", offset=offset, stop_color=colour, stop_opacity=None if opacity == 1 else opacity)
            for offset, colour, opacity in stops
        ),
        id=name,
        x1=0,
        y1=0,
        x2=slope[0],
        y2=slope[1],
    )
