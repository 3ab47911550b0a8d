"""Packs a progress into few bytes: the form of snapshots in both databases, one for each user.

A byte that names the layout, then the fields in an order of their own as msgpack, without those at the end that are as
in a new progress. Less than half as long as JSON, and as quick. The bytes depend on the fields of
`Progress`: after a change of these increase `SNAPSHOT_FORMAT`; older snapshots are then ignored and made again.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, cast

import msgspec
from msgspec import Struct

from laurels.domain.ledger.amounts import NONE, Amounts
from laurels.domain.ledger.entries import Award
from laurels.domain.progress import BoardDay, DayTotals, Part, Progress, TypeTotals

# The first byte. Snapshots of other layouts are as good as none; JSON begins with a brace.
_LAYOUT = b"\x02"


class _Award(Struct, array_like=True, frozen=True, gc=False):
    """An award, earned so many milliseconds after the one before it; one that gives nothing of currencies ends before
    them."""

    badge_id: str
    points: int
    later: int
    currencies: Amounts = NONE


class _Common(Struct, array_like=True, gc=False):
    """What nearly every user has; all other fields come after these."""

    seq: int
    created_at: int
    last_active_at: int | None
    events: int
    total_points: int
    longest_streak: int
    first_day: int
    last_day: int
    run_first: int
    types: dict[str, TypeTotals]
    languages: dict[str, int]
    days: dict[int, DayTotals]
    board_days: dict[int, BoardDay]
    awards: list[_Award]
    measure_values: dict[int, int]
    parts: dict[int, dict[int, Part]]


# Both databases have these beside the snapshot.
_BESIDE = ("user_id", "version")
_COMMON = _Common.__struct_fields__
_AWARDS = _COMMON.index("awards")
_FIELDS = {field.name: field for field in msgspec.structs.fields(Progress)}
_RARE = tuple(name for name in _FIELDS if name not in _COMMON and name not in _BESIDE)


def _packed_field(name: str) -> tuple[str, Any, Any]:
    field = _FIELDS[name]
    if field.default_factory is not msgspec.NODEFAULT:
        return name, field.type, msgspec.field(default_factory=field.default_factory)
    return name, field.type, msgspec.field(default=field.default)


_Packed = cast(
    "type[_Common]",
    msgspec.defstruct("_Packed", [_packed_field(name) for name in _RARE], bases=(_Common,), array_like=True, gc=False),
)
# What the bytes of a user begin with who has the common fields alone.
_COMMON_ALONE = _LAYOUT + b"\xdc" + len(_COMMON).to_bytes(2, "big")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode
_decode_common = msgspec.msgpack.Decoder(_Common).decode
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder(Progress).decode

_common_of: Callable[[Progress], tuple[Any, ...]] = attrgetter(*_COMMON)
_rare_of: Callable[[Progress | _Common], tuple[Any, ...]] = attrgetter(*_RARE)
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
    content = memoryview(packed)[1:]
    if packed.startswith(_COMMON_ALONE):
        return _progress_of(user_id, version, _decode_common(content))
    read = _decode(content)
    progress = _progress_of(user_id, version, read)
    for name, value in zip(_RARE, _rare_of(read), strict=True):
        setattr(progress, name, value)
    return progress


def _progress_of(user_id: str, version: str, read: _Common) -> Progress:
    """The progress that has these fields. They are named one by one: with keywords that are only known at run time,
    making it took longer than reading all of them."""
    awards: dict[str, Award] = {}
    at = 0
    for each in read.awards:
        at += each.later
        awards[each.badge_id] = Award(each.badge_id, each.points, at, each.currencies)
    return Progress(
        user_id=user_id,
        version=version,
        seq=read.seq,
        created_at=read.created_at,
        last_active_at=read.last_active_at,
        events=read.events,
        total_points=read.total_points,
        longest_streak=read.longest_streak,
        first_day=read.first_day,
        last_day=read.last_day,
        run_first=read.run_first,
        types=read.types,
        languages=read.languages,
        days=read.days,
        board_days=read.board_days,
        awards=awards,
        measure_values=read.measure_values,
        parts=read.parts,
    )


# What arrays of so many fields began with that had no byte before them.
_OLDER = (b"\xdc", b"\x9f")
