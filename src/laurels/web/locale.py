"""Languages of the pages: the choice for a request, and the words, dates and numbers of each.

Catalogues are `locales/<language>.po`, read as text: translators edit the files that run, and nothing has to be
compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import DateTimeFormat, format_date, format_timedelta, get_datetime_format, get_time_format
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

LOCALES = Path(__file__).parent / "locales"
DEFAULT = "en"


class Catalogue(NullTranslations):
    """The messages of one .po file. A message without a translation stays as it is."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._texts: dict[tuple[str, int | None], str] = {}
        path = LOCALES / f"{language}.po"
        if not path.exists():
            return
        catalogue = read_po(BytesIO(path.read_bytes()), locale=language)
        for message in catalogue:
            if not message.id or message.fuzzy:
                continue
            texts: Any = message.string
            if isinstance(message.id, list | tuple):
                self._texts.update({(message.id[0], number): text for number, text in enumerate(texts) if text})
            elif texts:
                self._texts[message.id, None] = texts

    def knows(self, message: str, number: int | None = None) -> bool:
        """Whether there is a translation: of a text, or of the form `number` (0 for one thing) of a plural."""
        return (message, number) in self._texts

    def gettext(self, message: str) -> str:
        return self._texts.get((message, None), message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        # English and the present languages have two forms, the first for exactly one thing.
        return self._texts.get((msgid1, int(n != 1)), msgid1 if n == 1 else msgid2)


class PageLocale:
    """One language: its words by `text` and `plural`, its formats of dates and numbers."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.locale = Locale.parse(code)
        self.catalogue = Catalogue(code)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.locale.text_direction

    def text(self, message: str, /, **values: object) -> str:
        """`message` in this language, with `{name}` replaced by the values."""
        text = self.catalogue.gettext(message)
        return text.format_map(_Texts(values)) if values else text

    def plural(self, one: str, many: str, /, count: float, **values: object) -> str:
        """The form for `count` things; `{count}` is replaced by the number in this language's format."""
        text = self.catalogue.ngettext(one, many, int(count) if count == int(count) else 2)
        return text.format_map(_Texts({"count": self.number(count), **values}))

    def number(self, value: float) -> str:
        """A number in this language's format, with at most one decimal."""
        return _number(value, self.code)

    def percent(self, fraction: float) -> str:
        """A fraction from 0 to 1 as a percentage; never 0 % for more than nothing, never 100 % for less than all."""
        shown = fraction
        if 0 < fraction < 0.01:
            shown = 0.01
        elif 0.99 < fraction < 1:
            shown = 0.99
        return _percent(round(shown, 2), self.code)

    def date(self, value: date, *, short: bool = False) -> str:
        """A day, such as 5 Jan 2026."""
        return _date(value, "MMM d" if short else "medium", self.code)

    def month(self, value: date) -> str:
        """A month's short name."""
        return _date(value, "LLL", self.code)

    def month_and_year(self, value: date) -> str:
        """A month with its year."""
        return _date(value, "LLL y", self.code)

    def weekday(self, value: date) -> str:
        """A weekday's short name."""
        return _date(value, "ccc", self.code)

    def instant(self, at: int, zone: Any = UTC) -> str:
        """The day and the time of an instant, in milliseconds, in `zone`."""
        there = datetime.fromtimestamp(at / 1000, zone)
        clock = _minute(there.hour, there.minute, self.code).replace(_SECONDS, _second(there.second, self.code))
        return _joint(self.code).replace("{0}", clock).replace("{1}", self.date(there.date()))

    def ago(self, seconds: float) -> str:
        """How long ago something was, such as 3 hours ago."""
        return format_timedelta(-int(max(1, seconds)), add_direction=True, locale=self.locale)


# Each page has a year of days, and formatting a date costs as much as drawing everything around it.
@lru_cache(maxsize=16_384)
def _date(value: date, pattern: str, code: str) -> str:
    return format_date(value, pattern, locale=code)


# An instant is joined from parts that are the same for many, as Babel does it: each is written by Babel once.
_SECONDS = "\0"


@lru_cache(maxsize=16)
def _joint(code: str) -> str:
    return str(get_datetime_format("medium", locale=code)).replace("'", "")


@lru_cache(maxsize=4_096)
def _minute(hour: int, minute: int, code: str) -> str:
    """The time in a minute, with a mark where its seconds stand."""
    pattern = get_time_format("medium", locale=code)
    return str(pattern.format).replace("%(ss)s", _SECONDS) % DateTimeFormat(time(hour, minute), code)


@lru_cache(maxsize=256)
def _second(second: int, code: str) -> str:
    return DateTimeFormat(time(second=second), code)["ss"]


@lru_cache(maxsize=16_384)
def _number(value: float, code: str) -> str:
    return format_decimal(value, format="#,##0.#", locale=code)


@lru_cache(maxsize=1_024)
def _percent(fraction: float, code: str) -> str:
    return format_percent(fraction, locale=code)


class _Texts(dict[str, object]):
    """A name that a translation uses without a value stays visible, rather than breaking the page."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The available languages, the default one first."""
    return (DEFAULT, *sorted(path.stem for path in LOCALES.glob("*.po") if path.stem != DEFAULT))


@lru_cache(maxsize=64)
def language(code: str) -> PageLocale:
    """The language with this code if it is available, else the default one."""
    return PageLocale(code if code in available() else DEFAULT)


def negotiate(asked: str | None, accepted: str) -> PageLocale:
    """The language of `?lang=` if it is available, else the best of an Accept-Language header."""
    if asked in available():
        return language(asked or DEFAULT)
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(accepted[:500].split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        ranked.append((-weight, position, name.strip().partition("-")[0].lower()))
    for weight, _, name in sorted(ranked):
        if weight < 0 and name in available():
            return language(name)
    return language(DEFAULT)
