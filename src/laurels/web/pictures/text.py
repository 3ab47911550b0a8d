"""Freely chosen text, prepared for a picture: cleaned, isolated, cut to a width.

An SVG has no line breaks and no overflow: a name of 10,000 characters, a text direction override or a tower of accents
must stay inside its own line. Widths are estimates, rather too wide, since the reader's fonts are unknown here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

LONGEST = 1_000
"""The maximum number of characters of a text that are processed; no line of a picture shows as many."""

_SHORT = 80

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_FSI, _RLI, _PDI = "\u2068", "\u2067", "\u2069"
_KEPT_FORMATS = frozenset("\u200c\u200d\u200e\u200f\u061c")
_MARKS = ("Mn", "Mc", "Me")
_MOST_MARKS = 3
_LONGEST_CLUSTER = 32
_VIRAMA = 9
_ELLIPSIS = "\u2026"


def clean(text: str) -> str:
    """`text` on one line, without control characters, lone surrogates and direction controls.

    It keeps the joiners that scripts and emoji need, and the marks for direction, which affect only their own place. At
    most three accents stay on a letter.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text[:LONGEST].split())
    kept: list[str] = []
    marks = 0
    for character in text[:LONGEST]:
        category = unicodedata.category(character)
        if category in ("Zs", "Zl", "Zp") or character in "\t\n\r":
            kept.append(" ")
        elif (
            (category == "Cf" and not _is_kept_format(character))
            or category in ("Cc", "Cs")
            or ord(character) & 0xFFFE == 0xFFFE
            or "\ufdd0" <= character <= "\ufdef"
        ):
            continue
        elif category in ("Mn", "Me"):
            marks += 1
            if marks <= _MOST_MARKS:
                kept.append(character)
            continue
        else:
            kept.append(character)
        marks = 0
    return " ".join("".join(kept).split())


def isolate(text: str, *, rtl: bool = False) -> str:
    """`text` with its own direction, so that it cannot reorder the text around it.

    ASCII in a left-to-right picture is unchanged.
    """
    return text if text.isascii() and not rtl else f"{_FSI}{text}{_PDI}"


def right_to_left(text: str) -> str:
    """`text` in a right-to-left language, in any surroundings."""
    return f"{_RLI}{text}{_PDI}"


def clusters(text: str) -> Iterator[str]:
    """The characters as a reader sees them: letters with their accents, whole emoji, flags, syllables."""
    if text.isascii():
        # None joins another.
        yield from text
        return
    cluster = ""
    for character in text:
        if cluster and (len(cluster) >= _LONGEST_CLUSTER or not _joins(cluster, character)):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """The approximate width of `text` in a sans-serif font of `size`, in the same unit."""
    return sum(map(_ems, clusters(text))) * size * (1.06 if bold else 1)


def fit(text: str, *, width: float, size: float, bold: bool = False) -> str:
    """`text` cleaned and, if it is wider than `width`, cut between two characters, with an ellipsis."""
    # The same words appear in all pictures; a long text belongs to one person, and would stay in memory.
    return (_kept_cut if len(text) <= _SHORT else _cut)(text, width / size / (1.06 if bold else 1))


def _cut(text: str, available: float) -> str:
    text = clean(text)
    room = available - _ems(_ELLIPSIS)
    used, short = 0.0, 0
    for cluster in clusters(text):
        used += _ems(cluster)
        if used > available:
            return text[:short].rstrip() + _ELLIPSIS
        if used <= room:
            short += len(cluster)
    return text


_kept_cut = lru_cache(maxsize=8_192)(_cut)


def initial(text: str) -> str:
    """The first letter or symbol of a name, in capitals; empty if the name is empty."""
    return next((cluster.upper() for cluster in clusters(clean(text)) if cluster.strip()), "")


def _is_kept_format(character: str) -> bool:
    # Signs that Arabic and Syriac write before numbers, and the letters of flags such as Scotland's.
    return character in _KEPT_FORMATS or "\u0600" <= character <= "\u08e2" or "\U000e0020" <= character <= "\U000e007f"


def _joins(cluster: str, character: str) -> bool:
    """Whether `character` continues the cluster, by those rules of Unicode's annex 29 that matter for names."""
    last = cluster[-1]
    if unicodedata.category(character) in _MARKS or character in (_ZWJ, _ZWNJ) or last == _ZWJ:
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True
    if _is_regional(character):
        return _is_regional(last) and len(cluster) % 2 == 1
    if "\u1160" <= character <= "\u11ff":
        return "\u1100" <= last <= "\u11ff"
    return unicodedata.combining(last) == _VIRAMA and unicodedata.category(character) == "Lo"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


@lru_cache(maxsize=4_096)
def _ems(cluster: str) -> float:
    first = cluster[0]
    if first in "iIl.,:;'|!jftr()[]{} ":
        return 0.34
    if first in "mwMW@%\u2026":
        return 0.95
    if first.isascii():
        return 0.7 if first.isupper() else 0.57
    if unicodedata.category(first) in ("Mn", "Me", "Cf"):
        return 0.0
    if first >= "\U0001f000" or "\u2600" <= first <= "\u27bf":
        return 1.35
    return 1.05 if unicodedata.east_asian_width(first) in "WF" else 0.75
