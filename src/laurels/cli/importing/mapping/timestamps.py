"""Parses the time of an event in a row: ISO 8601, seconds or milliseconds since 1970, or formats of `strptime`.

Platforms write times in many forms, and a wrong guess would move events to other days.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from laurels.cli.importing.mapping.mapping_file import TimeSource

# How many of each unit make a second.
_COUNTED = {"seconds": 1, "milliseconds": 1_000}
_ISO = "iso"
_NUMERAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_YEARS = frozenset("YyGcx")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 60


class UnreadableTime(Exception):
    """A row's value is not an instant in the expected format; `detail` is the sentence."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def is_counted(form: str) -> bool:
    """Whether a format counts from 1970, so that it needs no zone."""
    return form in _COUNTED


def has_offset(form: str) -> bool:
    """Whether times in a format always or usually include their offset."""
    return form == _ISO or "z" in _DIRECTIVE.findall(form)


def wrong_format(form: str) -> str | None:
    """The fault of a format; None if it is valid."""
    if form in _COUNTED or form == _ISO:
        return None
    directives = _DIRECTIVE.findall(form)
    if not directives:
        return 'Must be "iso", "seconds", "milliseconds", or a format such as "%d.%m.%Y %H:%M".'
    try:
        datetime.strptime("", form)  # noqa: DTZ007  only the format is looked at
    except re.error:
        return "Names one part of a date twice."
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            return f"Has a sign after % that strptime does not know: {error}."
    if not _YEARS.intersection(directives):
        return "Says no year (%Y or %y), so a time in it may be of any."
    return None


def instant_reader(time: TimeSource) -> Callable[[str], datetime]:
    """A function that parses a text as an instant with its offset. It raises UnreadableTime.

    If a change of the clock repeats an hour, its first occurrence is used.
    """
    formats = [time.format] if isinstance(time.format, str) else time.format
    zone = None if time.zone is None else ZoneInfo(time.zone)
    readers = [_reader_of(form, zone) for form in formats]
    expected = " or ".join(f'"{form}"' if "%" in form else _WORDS[form] for form in formats)
    if zone is None and not all(map(is_counted, formats)):
        expected += ", with its offset, since the mapping names no zone"

    def read(text: str) -> datetime:
        for reader in readers:
            try:
                return reader(text)
            except (ValueError, OverflowError):
                continue
        raise UnreadableTime(f'Must be {expected}; it is "{text[:_SHOWN]}".')

    return read


_WORDS = {
    _ISO: "an ISO 8601 time such as 2026-01-15T09:30:00Z",
    "seconds": "a number of seconds since 1970",
    "milliseconds": "a number of milliseconds since 1970",
}


def _reader_of(form: str, zone: tzinfo | None) -> Callable[[str], datetime]:
    if (per_second := _COUNTED.get(form)) is not None:
        return lambda text: _counted(text, per_second)
    if form == _ISO:
        return lambda text: _aware(datetime.fromisoformat(text), zone)
    return lambda text: _aware(datetime.strptime(text, form), zone)  # noqa: DTZ007  `_aware` adds the zone


def _counted(text: str, per_second: int) -> datetime:
    if not _NUMERAL.fullmatch(text):
        raise ValueError
    whole, _, rest = text.partition(".")
    # In whole microseconds: rounding by a float would give a different instant.
    number = int(whole + rest.ljust(9, "0")) * 1_000_000 // (per_second * 1_000_000_000)
    return _EPOCH + timedelta(microseconds=number)


def _aware(instant: datetime, zone: tzinfo | None) -> datetime:
    if instant.tzinfo is None:
        if zone is None:
            raise ValueError
        instant = instant.replace(tzinfo=zone)
    # An offset with seconds, as there were before 1900, cannot be written in this form of ISO 8601.
    return instant.astimezone(UTC)
