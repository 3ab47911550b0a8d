"""How long the boards of past days and weeks are kept. Boards of months and of all time are kept for ever."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from laurels.domain.periods import Timeframe, parse_period, period_of_board, week_of
from laurels.errors import InvalidQuery

Length = Annotated[int, Meta(ge=1, le=100_000)] | Literal["forever"]


class RetentionCutoff(Struct, frozen=True):
    """The first day and the first week (by its Monday) whose boards are kept; 0 if all of them are."""

    day: int = 0
    week: int = 0

    def keeps(self, timeframe: Timeframe, start: int) -> bool:
        """Whether the board of the period from the day `start` is kept."""
        if timeframe is Timeframe.DAILY:
            return start >= self.day
        return timeframe is not Timeframe.WEEKLY or start >= self.week

    def keeps_board(self, board: str) -> bool:
        """The same by the board's name (`board_name`). A board without a valid name is not dropped: `verify` reports
        it."""
        try:
            timeframe, start = parse_period(period_of_board(board))
        except InvalidQuery:
            return True
        return self.keeps(timeframe, start)


class BoardRetention(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of past `days` and `weeks` whose boards are kept, or `"forever"`."""

    days: Length = 90
    weeks: Length = 104

    def horizon(self, today: int) -> RetentionCutoff:
        """The horizon of kept boards on the day `today` of their calendar."""
        return RetentionCutoff(
            0 if self.days == "forever" else max(0, today - self.days),
            0 if self.weeks == "forever" else max(0, week_of(today) - 7 * self.weeks),
        )
