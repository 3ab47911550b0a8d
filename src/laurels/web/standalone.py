"""A picture as a document of its own: with its style inside, and every colour put in.

Programs other than browsers show these files, and few of them know custom properties.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from markupsafe import Markup

from laurels.web.rendering import STATIC

Theme = Literal["auto", "light", "dark"]

_PROPERTY = re.compile(r"(--[\w-]+):\s*([^;}]+)[;}]")
_USE = re.compile(r"var\((--[\w-]+)\)")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def standalone(picture: Markup, *, theme: Theme = "auto", width: int | None = None, language: str = "en") -> str:
    """`picture` as an SVG document in one theme, or in that of the reader (`auto`); `width` in pixels scales it."""
    head, _, rest = str(picture).partition(">")
    head = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" xml:lang="{language}" ', 1)
    if width is not None:
        head = re.sub(r' (?:width|height)="[^"]*"', "", head) + f' width="{width}"'
    return f"{head}><style>{style(theme)}</style>{rest}"


def theme_of(name: str) -> Theme:
    """The theme of this name; `auto` for any other."""
    match name:
        case "light" | "dark":
            return name
        case _:
            return "auto"


@lru_cache(maxsize=3)
def style(theme: Theme) -> str:
    """The rules of the pictures with the colours of a theme; `auto`: light, and dark where the reader prefers that."""
    text = _COMMENT.sub("", (STATIC / "pictures.css").read_text("utf-8"))
    light_part, _, rest = text.partition("@media (prefers-color-scheme: dark) {")
    dark_part, _, rules = rest.partition("\n}\n")
    light = dict(_PROPERTY.findall(light_part))
    dark = {**light, **dict(_PROPERTY.findall(dark_part))}
    rules = " ".join(rules.split())

    def filled(colours: dict[str, str]) -> str:
        return _USE.sub(lambda found: colours[found[1]].strip(), rules)

    match theme:
        case "light":
            return filled(light)
        case "dark":
            return filled(dark)
        case "auto":
            return f"{filled(light)} @media (prefers-color-scheme: dark) {{ {filled(dark)} }}"
