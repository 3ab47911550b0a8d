"""Finds all mistakes of a rulebook at once, not only the first one.

Values with a wrong shape are replaced by ones that nothing can object to, and the rest is checked for consistency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from laurels.domain.rules.badges.tiers import expand
from laurels.domain.rules.points import EventType
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.domain.rules.semantic_checks import MOST_FAULTS, rulebook_faults
from laurels.rulebooks.stand_ins import mended
from laurels.rulebooks.toml_text import KeyPath, key_path
from laurels.rulebooks.toml_validation import TomlMistake, shape_mistakes


def mistakes(raw: dict[str, Any]) -> list[TomlMistake]:
    """The mistakes in the document of a rulebook, at most `MOST_FAULTS`; empty if there are none.

    First all mistakes of shape, then of consistency. What only refers to a wrong part is not blamed for it.
    """
    # Each costs a search for the nearest known name.
    found = list(islice(shape_mistakes(raw), MOST_FAULTS))
    return [*found, *islice(_of_sense(raw, [key_path(each.key) for each in found]), MOST_FAULTS - len(found))]


def _of_sense(raw: dict[str, Any], wrong: Sequence[KeyPath]) -> Iterator[TomlMistake]:
    document = mended(raw, wrong)
    misnamed = [str(path[1]) for path in wrong if path[0] == "event_types" and len(path) > 1]
    try:
        data = msgspec.convert(document, RulebookData)
    except msgspec.ValidationError:
        # More than a table may hold.
        return
    named = _mentioned(raw, one="event", table="events")
    declared = named if ("event_types",) in wrong else _meant_by(misnamed, named)
    data = replace(data, event_types=dict.fromkeys(declared, EventType(points=1)) | data.event_types)
    for fault in rulebook_faults(data, expand(data), _doubtful(raw, wrong)):
        path = key_path(fault.key)
        # What the table lacks may be just the value that is wrong in it.
        if not any(each[: len(path)] == path for each in wrong):
            yield TomlMistake(fault.key, fault.detail)


def _doubtful(raw: dict[str, Any], wrong: Sequence[KeyPath]) -> set[str]:
    """The ids of badges with wrong values, and the names that may be meant for one whose id is wrong or lacking."""
    named = _mentioned(raw, one="requires", table="badges")
    if ("badges",) in wrong:
        return named
    entries: list[object] = [raw["badges"][position] for position in {p[1] for p in wrong if p[0] == "badges"}]
    ids = [cast("dict[str, object]", entry).get("id") if isinstance(entry, dict) else None for entry in entries]
    texts = [each for each in ids if isinstance(each, str)]
    if len(texts) < len(ids):
        return named
    tiers = {name for name in named if name.startswith(tuple(f"{each}_" for each in texts))}
    return {*texts, *tiers, *_meant_by(texts, named)}


def _meant_by(misnamed: Iterable[str], named: Iterable[str]) -> set[str]:
    """Those of the names that would be the `misnamed` in the spelling of identifiers."""
    meant = {_bare(each) for each in misnamed}
    return {name for name in named if _bare(name) in meant}


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _mentioned(value: object, *, one: str, table: str) -> set[str]:
    """All names that stand anywhere below a key `one`, as text or list, or are the keys of a table `table`."""
    found: set[str] = set()
    if isinstance(value, list):
        for item in cast("list[object]", value):
            found |= _mentioned(item, one=one, table=table)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            if key == one:
                names = cast("list[object]", item) if isinstance(item, list) else [item]
                found |= {each for each in names if isinstance(each, str)}
            elif key == table and isinstance(item, dict):
                found |= set(cast("dict[str, object]", item))
            found |= _mentioned(cast("object", item), one=one, table=table)
    return found
