"""Which board a question means: a period, and perhaps a language or a currency.

All reads of boards name their board in the same way, so it is checked in one place.
"""

from __future__ import annotations

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from laurels.domain.events import MAX_LANGUAGE_LENGTH
from laurels.domain.periods import Timeframe, board_name, parse_period, period_name, period_start, previous_period
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery
from laurels.validation import unknown_name

# A day whose periods serve as examples.
_EXAMPLE = date(2026, 11, 23).toordinal()


class AskedBoard(Struct, frozen=True):
    """The requested board. `start` is the first day of its period, 0 for all-time."""

    timeframe: Timeframe
    start: int
    language: str | None
    currency: str | None = None
    # Whether the period is over.
    is_closed: bool = False
    # Whether the board of the period before is kept.
    has_before: bool = True

    @property
    def period(self) -> str:
        """The name of the period."""
        return period_name(self.timeframe, self.start or 1)

    @property
    def board(self) -> str:
        """The name of the board."""
        return self._named(self.period)

    @property
    def before(self) -> str | None:
        """The name of the same board in the period before; None for all-time, and if that board is no longer kept."""
        period = previous_period(self.timeframe, self.start) if self.has_before else None
        return None if period is None else self._named(period)

    @property
    def all_time(self) -> str:
        """The name of the same board of all time."""
        return self._named(period_name(Timeframe.ALL_TIME, 1))

    def _named(self, period: str) -> str:
        return board_name(period, self.language, currency=self.currency)


def asked_board(
    rulebook: Rulebook,
    now: int,
    timeframe: Timeframe | None,
    period: str | None,
    language: str | None,
    currency: str | None = None,
) -> AskedBoard:
    """The board of a closed `period`, or of the present one of `timeframe` (default all-time). Raises InvalidQuery."""
    if currency is not None:
        _check_currency(rulebook, currency, language)
    if language is not None and not rulebook.keeps_language(language):
        sentence = "The rulebook of this service keeps no boards by language; leave it out."
        if kept := rulebook.board_languages:
            sentence = f"The rulebook of this service keeps boards for {', '.join(sorted(kept))} alone."
        raise InvalidQuery("language", sentence)
    if language is not None and not (1 <= len(language) <= MAX_LANGUAGE_LENGTH and language.isprintable()):
        raise InvalidQuery("language", f"Must be 1 to {MAX_LANGUAGE_LENGTH} printable characters.")
    if period is None:
        timeframe = timeframe or Timeframe.ALL_TIME
        return AskedBoard(timeframe, period_start(timeframe, rulebook.board_day(now)), language, currency)
    named, start = check_period(timeframe, period)
    today = rulebook.board_day(now)
    # Tomorrow's board may have users already: an event may lie five minutes ahead.
    if start > today + 1:
        raise InvalidQuery("period", f"Has not begun yet; the present one is {period_name(named, today)}.")
    return AskedBoard(named, start, language, currency, is_closed=start < period_start(named, today))


def _check_currency(rulebook: Rulebook, currency: str, language: str | None) -> None:
    if language is not None:
        raise InvalidQuery("currency", "Cannot be combined with 'language'.")
    if currency not in rulebook.board_currencies:
        sentence = "The rulebook of this service keeps no boards of currencies; leave it out."
        if kept := sorted(rulebook.board_currencies):
            sentence = unknown_name(currency, kept, of="There are no boards of this currency")
        raise InvalidQuery("currency", sentence)


def check_period(timeframe: Timeframe | None, period: str) -> tuple[Timeframe, int]:
    """The timeframe and first day of a period. Raises InvalidQuery if the period does not belong to `timeframe`."""
    named, start = parse_period(period)
    if timeframe is not None and named is not timeframe:
        example = period_name(timeframe, _EXAMPLE)
        raise InvalidQuery(
            "period",
            f"Is not of the timeframe {timeframe.value}, whose periods have names like {example}; leave one out.",
        )
    return named, start


def kept_board(asked: AskedBoard, horizon: RetentionCutoff) -> AskedBoard:
    """The requested board, checked against the horizon of kept boards. Raises InvalidQuery if it is no longer kept."""
    if not horizon.keeps(asked.timeframe, asked.start):
        first = horizon.day if asked.timeframe is Timeframe.DAILY else horizon.week
        raise InvalidQuery(
            "period",
            f"This board is not kept any more; the oldest of its kind is {period_name(asked.timeframe, first)}. "
            f"Ask for its month, {period_name(Timeframe.MONTHLY, asked.start)}.",
        )
    before = previous_period(asked.timeframe, asked.start)
    return asked if before is None or horizon.keeps_board(before) else replace(asked, has_before=False)
