"""Short names for the values that criteria of distinct values tell apart."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from operator import attrgetter

from laurels.domain.progress import Label
from laurels.domain.rules.badges.criteria import TIME_FIELDS, Metadata, Moment, reader

_SCALARS = (str, int, float)
# Integers from here on are told apart by their digits: a snapshot has no room for them.
_LARGE = 2**63
# Characters; longer values are replaced by a digest.
_LONGEST = 64


def label_reader(field: str) -> Callable[[Metadata, Moment], Label | None]:
    """A function that reads the label of an event's value; None where it has no value to be told from others."""
    if field in TIME_FIELDS:
        of_moment: Callable[[Moment], int] = attrgetter(field)
        return lambda _metadata, moment: of_moment(moment)
    read = reader(field)

    def label_of(metadata: Metadata, moment: Moment) -> Label | None:
        value = read(metadata, moment)
        return _label(value) if isinstance(value, _SCALARS) else None

    return label_of


def _label(value: str | float) -> Label:
    """A short name for a distinct value, never the same for two values that differ in JSON."""
    if type(value) is int and abs(value) < _LARGE:
        return value
    if type(value) is str:
        if len(value) <= _LONGEST and ":" not in value:
            return value
        return "str:" + blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{type(value).__name__}:{value}"
