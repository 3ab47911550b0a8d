"""An entry body as few bytes: what a row of the ledger holds, and nearly every row is an event.

An event is a byte that names the format, then its fields in an order of their own as msgpack, without those that are
empty at the end. Event types, badges and fingerprints of rules are numbers; the database has their names. It is a fifth
as long as JSON, and as quick. Every other body is rare and stays JSON, which begins with a brace; so did the events
that older versions wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from laurels.domain.goals import GoalMet
from laurels.domain.ledger.amounts import NONE, Amounts
from laurels.domain.ledger.entries import Award, Boosted, EntryBody, EventRecorded, Outcome, Unpaid

# The first byte. Another layout takes the next number; what has been written is never read in another way. The first
# layout has no numbers for event types, rules and badges.
_EVENT = b"\x02"
_EVENTS = (b"\x02", b"\x01")

_IMPORTED, _EXTENDS_STREAK, _LEVELED_UP = 1, 2, 4

# Names that nearly every event has in its metadata. Their numbers stand in the ledger: they never change.
_NUMBERS: dict[str | int, int] = {"language": 0, "codeLength": 1, "sessionDuration": 2}
_NAMES: dict[str | int, str] = {number: str(name) for name, number in _NUMBERS.items()}


class _Unnumbered(dict[str, int | str]):
    """In place of numbers: each name stays a name."""

    def __missing__(self, name: str) -> str:
        return name


UNNUMBERED: Mapping[str, int | str] = _Unnumbered()


class _Award(Struct, array_like=True, frozen=True, gc=False):
    """An award of an event, earned so many milliseconds after it: nearly always 0."""

    badge_id: str | int
    points: int = 0
    later: int = 0
    currencies: Amounts = NONE


class _Event(Struct, array_like=True, frozen=True):
    """The layout. What is mostly empty comes last; each of these is false in Python where it is empty."""

    event_type: str | int
    at: int
    points: int
    total_points: int
    level: int
    rules: str | int
    metadata: dict[str | int, Any] = {}
    flags: int = 0
    daily_streak: int = 0
    awards: list[_Award] = []
    offset: int = 0
    once_key: str | None = None
    unpaid: Unpaid | None = None
    grace: int = 0
    boost: tuple[str, int] | None = None
    currencies: Amounts = NONE
    returned: int = 0
    goals: list[GoalMet] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Event).decode
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder(EntryBody).decode


def names_in(body: EntryBody) -> Iterable[str]:
    """The names that `pack_body` needs the numbers of."""
    if isinstance(body, EventRecorded):
        yield body.event_type
        yield body.outcome.rules
        for award in body.outcome.awards:
            yield award.badge_id


def pack_body(body: EntryBody, numbers: Mapping[str, int | str]) -> bytes:
    """What `unpack_body` makes the same body of, given the names by these numbers.

    Raises KeyError if a name has no number.
    """
    if isinstance(body, EventRecorded):
        try:
            return _EVENT + _encode(_values_of(body, numbers))
        except OverflowError:
            # An integer beyond 64 bits, in metadata or a sum without bounds: only JSON has room for it.
            pass
    return _encode_json(body)


def unpack_body(packed: bytes, names: Mapping[int | str, str]) -> EntryBody:
    """The body that was packed. Raises MsgspecError, or KeyError of a number that has no name."""
    if packed[:1] not in _EVENTS:
        return _decode_json(packed)
    read = _decode(packed[1:])
    at, flags, event_type, rules = read.at, read.flags, read.event_type, read.rules
    # By position, and nothing is built where there is nothing: most of an import's, a rebuild's and a check's time goes
    # into small steps of each event.
    outcome = Outcome(
        read.points,
        read.total_points,
        read.level,
        rules if type(rules) is str else names[rules],
        read.offset,
        read.grace,
        flags & _LEVELED_UP > 0,
        [_award_at(each, at, names) for each in read.awards] if read.awards else [],
        read.unpaid,
        None if read.boost is None else Boosted(*read.boost),
        read.currencies,
        read.returned,
    )
    return EventRecorded(
        event_type if type(event_type) is str else names[event_type],
        at,
        outcome,
        _named(read.metadata),
        read.daily_streak,
        flags & _EXTENDS_STREAK > 0,
        read.once_key,
        flags & _IMPORTED > 0,
        read.goals,
    )


def _award_at(award: _Award, at: int, names: Mapping[int | str, str]) -> Award:
    badge_id = award.badge_id
    return Award(
        badge_id if type(badge_id) is str else names[badge_id], award.points, at + award.later, award.currencies
    )


def _named(metadata: dict[str | int, Any]) -> dict[str, Any]:
    try:
        return {name if type(name) is str else _NAMES[name]: value for name, value in metadata.items()}
    except KeyError as error:
        raise msgspec.ValidationError(f"No name has the number {error}.") from None


def repacked(body: str) -> bytes:
    """What versions kept as JSON that did not pack yet. A text that cannot be read stays, for `verify` to find."""
    try:
        return pack_body(_decode_json(body), UNNUMBERED)
    except msgspec.MsgspecError:
        return body.encode()


def _values_of(body: EventRecorded, numbers: Mapping[str, int | str]) -> list[object]:
    outcome, at = body.outcome, body.at
    values: list[object] = [
        numbers[body.event_type],
        at,
        outcome.points,
        outcome.total_points,
        outcome.level,
        numbers[outcome.rules],
        {_NUMBERS.get(name, name): value for name, value in body.metadata.items()},
        (_IMPORTED if body.is_imported else 0)
        | (_EXTENDS_STREAK if body.extends_streak else 0)
        | (_LEVELED_UP if outcome.leveled_up else 0),
        body.daily_streak,
        [_award_of(award, at, numbers) for award in outcome.awards],
        outcome.offset,
    ]
    rare = (
        body.once_key,
        outcome.unpaid,
        outcome.grace,
        None if outcome.boost is None else (outcome.boost.boost_id, outcome.boost.points),
        outcome.currencies,
        outcome.returned,
        body.goals,
    )
    if any(rare):
        values += rare
    while not values[-1]:
        values.pop()
    return values


def _award_of(award: Award, at: int, numbers: Mapping[str, int | str]) -> tuple[object, ...]:
    badge = numbers[award.badge_id]
    if award.currencies:
        return badge, award.points, award.earned_at - at, award.currencies
    if award.earned_at != at:
        return badge, award.points, award.earned_at - at
    return badge, award.points
