"""Packs a progress into few bytes: the form of snapshots in both databases, one for each user.

A byte that names the layout, then the fields in an order of their own as msgpack, without those at the end that are as
in a new progress. Less than half as long as JSON, and as quick. The bytes depend on the fields of
`Progress`: after a change of these increase `SNAPSHOT_FORMAT`; older snapshots are then ignored and made again.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from laurels.domain.ledger.amounts import NONE, Amounts
from laurels.domain.ledger.entries import Award
from laurels.domain.progress import Progress

# The first byte. Snapshots of other layouts are as good as none; JSON begins with a brace.
_LAYOUT = b"\x02"

# What nearly every user has; all other fields come after these. Both databases have the first two beside the snapshot.
_BESIDE = ("user_id", "version")
_COMMON = (
    *("seq", "created_at", "last_active_at", "events", "total_points", "longest_streak"),
    *(
        "first_day",
        "last_day",
        "run_first",
        "types",
        "languages",
        "days",
        "board_days",
        "awards",
        "measure_values",
        "parts",
    ),
)
_AWARDS = _COMMON.index("awards")
_FIELDS = {field.name: field for field in msgspec.structs.fields(Progress)}
_RARE = tuple(name for name in _FIELDS if name not in _COMMON and name not in _BESIDE)
_NAMES = (*_COMMON, *_RARE)


class _Award(Struct, array_like=True, frozen=True, gc=False):
    """An award, earned so many milliseconds after the one before it; one that gives nothing of currencies ends before
    them."""

    badge_id: str
    points: int
    later: int
    currencies: Amounts = NONE


def _packed_field(name: str) -> tuple[str, Any, Any]:
    field = _FIELDS[name]
    if name == "awards":
        return name, list[_Award], msgspec.field(default_factory=list[_Award])
    if field.default_factory is not msgspec.NODEFAULT:
        return name, field.type, msgspec.field(default_factory=field.default_factory)
    return name, field.type, msgspec.field(default=field.default)


_Packed: type[Struct] = msgspec.defstruct("_Packed", [_packed_field(name) for name in _NAMES], array_like=True)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder(Progress).decode

_common_of: Callable[[Progress], tuple[Any, ...]] = attrgetter(*_COMMON)
_rare_of: Callable[[Progress], tuple[Any, ...]] = attrgetter(*_RARE)
_all_of: Callable[[Struct], tuple[Any, ...]] = attrgetter(*_NAMES)
_RARE_OF_NEW = _rare_of(Progress(user_id="", version=""))


def pack(progress: Progress) -> bytes:
    """The packed form of a progress for `unpack`."""
    values = [*_common_of(progress)]
    awards: list[tuple[object, ...]] = []
    before = 0
    for award in progress.awards.values():
        later, before = award.earned_at - before, award.earned_at
        packed = (award.badge_id, award.points, later)
        awards.append((*packed, award.currencies) if award.currencies else packed)
    values[_AWARDS] = awards
    rare = _rare_of(progress)
    if rare != _RARE_OF_NEW:
        last = len(rare)
        while rare[last - 1] == _RARE_OF_NEW[last - 1]:
            last -= 1
        values += rare[:last]
    try:
        return _LAYOUT + _encode(values)
    except OverflowError:
        # Only JSON can hold an integer beyond 64 bits, which may be in preferences or in a sum without bounds.
        return _encode_json(progress)


def unpack(packed: bytes, user_id: str, version: str) -> Progress:
    """The progress of a user that was packed, of measures of this version. One of an older layout is an empty progress
    of no version. Raises MsgspecError."""
    if packed[:1] == b"{":
        return _decode_json(packed)
    if packed[:1] in _OLDER:
        return Progress(user_id=user_id, version="")
    if packed[:1] != _LAYOUT:
        raise msgspec.DecodeError("This is no snapshot.")
    values: dict[str, Any] = dict(zip(_NAMES, _all_of(_decode(packed[1:])), strict=True))
    awards: dict[str, Award] = {}
    at = 0
    for each in values["awards"]:
        at += each.later
        awards[each.badge_id] = Award(each.badge_id, each.points, at, each.currencies)
    values["awards"] = awards
    return Progress(user_id=user_id, version=version, **values)


# What arrays of so many fields began with that had no byte before them.
_OLDER = (b"\xdc", b"\x9f")
