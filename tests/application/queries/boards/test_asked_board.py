"""A question for a board means one period, and says what is wrong where there is no such board."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from laurels.application.queries.boards.asked_board import AskedBoard, asked_board, check_period, kept_board
from laurels.domain.periods import Timeframe, to_ms
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.errors import InvalidQuery
from laurels.testing.builders import NOON, small_rulebook

RULEBOOK = small_rulebook(boards={"languages": ["py", "c++"]})
EVERY_LANGUAGE = small_rulebook(boards={"languages": True})


def asked(
    timeframe: Timeframe | None = None, period: str | None = None, language: str | None = None, *, now: int = NOON
) -> AskedBoard:
    return asked_board(RULEBOOK, now, timeframe, period, language)


def refusal(*question: object) -> tuple[str, str]:
    with pytest.raises(InvalidQuery) as refused:
        asked(*question)  # pyright: ignore[reportArgumentType]  as the tests below hand them in
    return refused.value.field, refused.value.detail


class TestPresent:
    @pytest.mark.parametrize(
        ("timeframe", "board", "before"),
        [
            (None, "all", None),
            (Timeframe.ALL_TIME, "all", None),
            (Timeframe.MONTHLY, "2026-03", "2026-02"),
            (Timeframe.WEEKLY, "2026-W11", "2026-W10"),
            (Timeframe.DAILY, "2026-03-14", "2026-03-13"),
        ],
    )
    def test_a_timeframe_means_its_present_period(
        self, timeframe: Timeframe | None, board: str, before: str | None
    ) -> None:
        found = asked(timeframe)
        assert (found.board, found.before, found.is_closed) == (board, before, False)

    def test_periods_begin_in_the_zone_of_the_boards(self) -> None:
        late = to_ms(datetime(2026, 3, 31, 23, tzinfo=UTC))
        ahead = small_rulebook(boards={"zone": "Europe/Vienna"})
        assert asked(Timeframe.MONTHLY, now=late).board == "2026-03"
        assert asked_board(ahead, late, Timeframe.MONTHLY, None, None).board == "2026-04"

    def test_a_language_is_a_board_of_its_own_in_every_period(self) -> None:
        found = asked(Timeframe.MONTHLY, language="c++")
        assert (found.board, found.before) == ("2026-03@c%2B%2B", "2026-02@c%2B%2B")


class TestPeriods:
    @pytest.mark.parametrize(
        ("period", "is_closed"),
        [
            ("all", False),
            ("2026-03", False),
            ("2026-02", True),
            ("2026-W11", False),
            ("2026-W10", True),
            ("2026-03-14", False),
            ("2026-03-13", True),
            # An event may lie five minutes ahead.
            ("2026-03-15", False),
        ],
    )
    def test_one_that_has_begun_is_taken_and_known_to_be_over(self, period: str, is_closed: bool) -> None:
        found = asked(period=period)
        assert (found.board, found.is_closed) == (period, is_closed)

    @pytest.mark.parametrize(
        ("period", "present"), [("2026-03-16", "2026-03-14"), ("2026-W12", "2026-W11"), ("2026-04", "2026-03")]
    )
    def test_one_that_has_not_begun_is_refused_with_the_present_one(self, period: str, present: str) -> None:
        assert refusal(None, period) == ("period", f"Has not begun yet; the present one is {present}.")

    @pytest.mark.parametrize(
        "period", ["", "2026", "2026-13", "2026-W54", "2025-W53", "2026-02-29", "march", "２０２６-03"]
    )
    def test_what_is_no_period_is_refused(self, period: str) -> None:
        assert refusal(None, period)[0] == "period"

    def test_one_of_another_timeframe_is_refused_with_an_example(self) -> None:
        field, detail = refusal(Timeframe.WEEKLY, "2026-03")
        assert field == "period"
        assert "weekly" in detail
        assert "2026-W48" in detail
        assert check_period(Timeframe.MONTHLY, "2026-03") == (Timeframe.MONTHLY, date(2026, 3, 1).toordinal())

    def test_before_the_first_day_of_the_calendar_there_is_none(self) -> None:
        assert asked(period="0001-01-01").before is None
        assert asked(period="0001-01").before is None


class TestLanguages:
    def test_one_without_boards_is_refused_with_those_that_have_some(self) -> None:
        assert refusal(None, None, "rust") == (
            "language",
            "The rulebook of this service keeps boards for c++, py alone.",
        )
        with pytest.raises(InvalidQuery, match="no boards by language"):
            asked_board(small_rulebook(), NOON, None, None, "py")

    @pytest.mark.parametrize("language", ["", "x" * 101, "a\nb", "\u202e"])
    def test_what_is_no_name_of_a_language_is_refused(self, language: str) -> None:
        with pytest.raises(InvalidQuery) as refused:
            asked_board(EVERY_LANGUAGE, NOON, None, None, language)
        assert refused.value.field == "language"


class TestKept:
    HORIZON = RetentionCutoff(day=date(2026, 3, 10).toordinal(), week=date(2026, 3, 2).toordinal())

    @pytest.mark.parametrize("period", ["all", "2020-01", "2026-W10", "2026-W11", "2026-03-10", "2026-03-12"])
    def test_months_stay_and_so_do_days_and_weeks_within_the_horizon(self, period: str) -> None:
        assert kept_board(asked(period=period), self.HORIZON).board == period

    @pytest.mark.parametrize(
        ("period", "oldest", "month"), [("2026-03-09", "2026-03-10", "2026-03"), ("2026-W09", "2026-W10", "2026-02")]
    )
    def test_one_that_has_gone_is_refused_with_the_oldest_and_its_month(
        self, period: str, oldest: str, month: str
    ) -> None:
        with pytest.raises(InvalidQuery) as refused:
            kept_board(asked(period=period), self.HORIZON)
        assert f"the oldest of its kind is {oldest}" in refused.value.detail
        assert f"Ask for its month, {month}." in refused.value.detail

    def test_the_oldest_has_none_before_it(self) -> None:
        assert kept_board(asked(period="2026-03-10"), self.HORIZON).before is None
        assert kept_board(asked(period="2026-03-11"), self.HORIZON).before == "2026-03-10"
        assert kept_board(asked(period="2026-W10"), self.HORIZON).before is None
        assert kept_board(asked(period="2026-02"), self.HORIZON).before == "2026-01"
