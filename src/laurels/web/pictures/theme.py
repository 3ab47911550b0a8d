"""The colours: one light and one dark palette, by the same names.

A page has the colours as custom properties (`stylesheet`), so its pictures follow its theme without being drawn again.
A picture in its own file contains them, and one for print has plain colours, since few programs outside a browser know
`var()`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Theme = Literal["page", "auto", "light", "dark"]
"""`page`: the custom properties of the surrounding page; `auto`: a file that follows the reader's setting; or plain."""

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "bg": "#f7f6f1",
        "panel": "#ffffff",
        "sunken": "#edeee8",
        "line": "#dcded5",
        "ink": "#17211b",
        "muted": "#58655d",
        "accent": "#1b7a4b",
        "accent-strong": "#0f5c37",
        "on-accent": "#ffffff",
        "danger": "#b3261e",
        "gold": "#9a6a08",
        "ring-1": "#2a9d63",
        "ring-2": "#0d5a3d",
        "on-ring": "#ffffff",
        "leaf": "#c9dcb6",
        "focus": "#0b62c4",
        "heat-0": "#eaece4",
        "heat-1": "#cbe2a0",
        "heat-2": "#86c26a",
        "heat-3": "#36915a",
        "heat-4": "#0d5a3d",
        "ice": "#dbeefa",
        "ice-ink": "#2878ac",
        "rest": "#8a6d1f",
        "flame-1": "#e2431e",
        "flame-2": "#f7861c",
        "flame-3": "#ffd257",
        "flame-ink": "#b83a0c",
        "streak-check": "#4a1703",
        "flame-off": "#c9ccc3",
        "flame-off-2": "#dfe1da",
        "medal-open": "#f0f1eb",
        "medal-open-line": "#78827a",
        "medal-hidden": "#d3d6cd",
        "medal-hidden-ink": "#68726b",
        "series-1": "#1b7a4b",
        "series-2": "#2f6fc0",
        "series-3": "#c2620c",
        "series-4": "#8a4fbf",
        "series-5": "#c03a6b",
        "series-6": "#7b7a2a",
        "series-rest": "#7d877f",
    }
)

DARK: Mapping[str, str] = MappingProxyType(
    {
        "bg": "#0d1310",
        "panel": "#151d19",
        "sunken": "#212b26",
        "line": "#303b35",
        "ink": "#eef3ee",
        "muted": "#9fada5",
        "accent": "#5fcf92",
        "accent-strong": "#8fe3b4",
        "on-accent": "#08170f",
        "danger": "#ff8a80",
        "gold": "#f0c24e",
        "ring-1": "#c4e67c",
        "ring-2": "#3fae72",
        "on-ring": "#08170f",
        "leaf": "#2d4a38",
        "focus": "#7db8ff",
        "heat-0": "#202a25",
        "heat-1": "#1f5138",
        "heat-2": "#2f8050",
        "heat-3": "#6cb85a",
        "heat-4": "#d0ec82",
        "ice": "#17384c",
        "ice-ink": "#6fbdf0",
        "rest": "#d9b44a",
        "flame-1": "#ff5a2e",
        "flame-2": "#ff9a2e",
        "flame-3": "#ffe07a",
        "flame-ink": "#ff9d63",
        "streak-check": "#3b1202",
        "flame-off": "#46524b",
        "flame-off-2": "#37423c",
        "medal-open": "#1d2622",
        "medal-open-line": "#77847c",
        "medal-hidden": "#2b3530",
        "medal-hidden-ink": "#7c8a82",
        "series-1": "#5fcf92",
        "series-2": "#6fabf2",
        "series-3": "#f29a4b",
        "series-4": "#bd92ec",
        "series-5": "#f07aa4",
        "series-6": "#c9c25a",
        "series-rest": "#7d8b83",
    }
)

SERIES = ("series-1", "series-2", "series-3", "series-4", "series-5", "series-6")
"""Names of colours for adjacent things."""

PREFIX = "--laurels-"


def paint(name: str, theme: Theme) -> str:
    """The colour `name` as an attribute's value. Raises KeyError for an unknown name."""
    light = LIGHT[name]
    if theme in ("page", "auto"):
        return f"var({PREFIX}{name})"
    return light if theme == "light" else DARK[name]


def custom_properties(palette: Mapping[str, str]) -> str:
    """`palette` as declarations of CSS."""
    return "".join(f"{PREFIX}{name}:{colour};" for name, colour in palette.items())


def stylesheet() -> str:
    """The first rules of a page's stylesheet: the reader's theme, or the one that `data-theme` on the root names."""
    light, dark = custom_properties(LIGHT), custom_properties(DARK)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )


def embedded_style() -> str:
    """The content of the style element of a picture with the theme `auto`; the same in every such file."""
    dark = custom_properties(DARK)
    return f":root{{{custom_properties(LIGHT)}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def embedded_style_hash() -> str:
    """The hash that `style-src` of the content policy must list for pictures with the theme `auto`, quotes included."""
    digest = hashlib.sha256(embedded_style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb`, from 0 (black) to 1 (white), as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
