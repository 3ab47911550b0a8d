"""A standing is the sum of the days of its period, however it is added up, and says no more than its user wants."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.application.recording.projecting.standings import card_of, standings_of
from laurels.domain.boards.ranking import Standing, Visibility, alias_order
from laurels.domain.ledger.entries import Award
from laurels.domain.periods import Timeframe, board_name, period_name
from laurels.domain.progress import BoardDay, Progress
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.testing.builders import NOON, small_rulebook

RULES = small_rulebook()
# A Wednesday; the day after is of another month, and of the same week.
DAY = date(2026, 9, 30).toordinal()
BOARD_DAYS = st.dictionaries(
    st.integers(DAY - 40, DAY + 5),
    st.builds(BoardDay, st.integers(0, 9), st.integers(0, 3), st.integers(0, 9)),
    max_size=12,
)


def on_days(days: dict[int, BoardDay], **fields: object) -> Progress:
    made = Progress(
        user_id="ada",
        version="v",
        board_days=days,
        total_points=sum(day.points for day in days.values()),
        events=sum(day.events for day in days.values()),
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def names_of(day: int) -> list[str]:
    """The boards on which a day stands."""
    return [period_name(timeframe, day) for timeframe in Timeframe]


class TestSums:
    def test_without_days_there_is_no_standing(self) -> None:
        assert standings_of(on_days({}), RULES) == {}
        assert standings_of(on_days({DAY: BoardDay(5, 1, NOON)}), RULES, []) == {}

    def test_a_day_stands_on_the_boards_of_all_its_periods(self) -> None:
        found = standings_of(on_days({DAY: BoardDay(5, 2, NOON)}), RULES)
        assert found == dict.fromkeys(["all", "2026-09", "2026-W40", "2026-09-30"], Standing("ada", 5, 2, NOON))

    def test_periods_add_up_their_days_and_have_the_latest_instant(self) -> None:
        found = standings_of(on_days({DAY: BoardDay(5, 1, NOON), DAY + 1: BoardDay(3, 2, NOON - 9)}), RULES)
        assert found["2026-W40"] == Standing("ada", 8, 3, NOON)
        assert (found["2026-09"].points, found["2026-10"].points) == (5, 3)

    def test_the_all_time_board_holds_points_that_belong_to_no_day(self) -> None:
        progress = on_days({DAY: BoardDay(5, 1, NOON)}, total_points=105, events=9)
        assert standings_of(progress, RULES)["all"] == Standing("ada", 105, 9, NOON)

    def test_days_on_which_nothing_is_left_are_lines_that_nobody_sees(self) -> None:
        found = standings_of(on_days({DAY: BoardDay(5, 1, NOON), DAY + 1: BoardDay()}), RULES)
        assert found["2026-10-01"] == Standing("ada", 0, 0, 0, is_shown=False)
        assert not found["2026-10"].is_shown
        assert found["2026-W40"].is_shown

    def test_an_event_without_points_is_shown(self) -> None:
        assert standings_of(on_days({DAY: BoardDay(0, 1, 0)}), RULES)["2026-09-30"].is_shown

    @given(BOARD_DAYS, st.sets(st.integers(DAY - 40, DAY + 5), max_size=3))
    def test_of_some_days_it_is_what_it_is_of_all(self, days: dict[int, BoardDay], touched: set[int]) -> None:
        progress, touched = on_days(days), touched & set(days)
        every = standings_of(progress, RULES)
        some = standings_of(progress, RULES, touched)
        assert some == {name: every[name] for name in some}
        assert some.keys() == {name for day in touched for name in names_of(day)}
        for name, standing in every.items():
            held = [day for at, day in days.items() if name in names_of(at)]
            assert standing.points == sum(day.points for day in held)
            assert standing.events == sum(day.events for day in held)
            assert standing.reached_at == max(day.reached_at for day in held)


class TestKept:
    def test_boards_beyond_the_horizon_are_left_out(self) -> None:
        progress = on_days({DAY: BoardDay(5, 1, NOON), DAY - 30: BoardDay(3, 1, NOON - 9)})
        found = standings_of(progress, RULES, horizon=RetentionCutoff(day=DAY + 1, week=DAY - 2))
        assert found.keys() == {"all", "2026-09", "2026-08", "2026-W40"}

    def test_languages_have_lines_of_their_own(self) -> None:
        progress = on_days(
            {DAY: BoardDay(5, 2, NOON), DAY + 1: BoardDay(1, 1, NOON)},
            language_days={"c++": {DAY: BoardDay(3, 1, NOON - 5)}, "go": {DAY + 1: BoardDay(1, 1, NOON)}},
        )
        found = standings_of(progress, RULES, [DAY])
        assert found["2026-09-30@c%2B%2B"] == found["all@c%2B%2B"] == Standing("ada", 3, 1, NOON - 5)
        assert not any(name.endswith("@go") for name in found)


class TestAppearance:
    def test_under_an_alias_the_instant_gives_nothing_away(self) -> None:
        progress = on_days({DAY: BoardDay(5, 1, NOON)}, visibility=Visibility.ALIAS, alias="Owl", pseudonym="p1")
        assert {each.reached_at for each in standings_of(progress, RULES).values()} == {alias_order("p1")}
        assert all(each.is_shown for each in standings_of(progress, RULES).values())

    @pytest.mark.parametrize(
        "fields",
        [
            {"visibility": Visibility.HIDDEN},
            {"is_suspended": True},
            {"is_suspended": True, "visibility": Visibility.ALIAS, "pseudonym": "p1"},
        ],
    )
    def test_who_is_hidden_or_suspended_is_shown_nowhere(self, fields: dict[str, object]) -> None:
        found = standings_of(on_days({DAY: BoardDay(5, 1, NOON)}, **fields), RULES)
        assert len(found) == 4
        assert not any(each.is_shown for each in found.values())

    def test_a_card_shows_what_boards_may_say(self) -> None:
        awards = {each: Award(each, 10, NOON) for each in ("first", "busy@2026-W12", "busy@2026-W11")}
        progress = on_days(
            {DAY: BoardDay(5, 1, NOON)},
            total_points=100,
            awards=awards,
            display_name="Ada",
            alias="Owl",
            pseudonym="p1",
        )
        card = card_of(progress, RULES)
        assert (card.level, card.badges, card.is_counted) == (2, ["first", "busy"], True)
        assert (card.display_name, card.alias, card.pseudonym) == ("Ada", None, None)
        progress.visibility = Visibility.ALIAS
        hidden = card_of(progress, RULES)
        assert (hidden.alias, hidden.pseudonym) == ("Owl", "p1")

    @pytest.mark.parametrize(
        ("events", "is_suspended", "is_counted"), [(0, False, False), (1, False, True), (1, True, False)]
    )
    def test_counted_for_rarity_is_who_did_something_and_is_not_suspended(
        self, events: int, is_suspended: bool, is_counted: bool
    ) -> None:
        progress = on_days({DAY: BoardDay(5, 1, NOON)}, events=events, is_suspended=is_suspended)
        assert card_of(progress, RULES).is_counted is is_counted


FIRST = 739_252
_HELD = st.dictionaries(
    st.integers(FIRST, FIRST + 70),
    st.builds(BoardDay, st.integers(0, 99), st.integers(0, 3), st.integers(0, 9)),
    min_size=1,
    max_size=12,
)
_HORIZONS = st.builds(RetentionCutoff, st.integers(FIRST, FIRST + 70), st.integers(FIRST, FIRST + 70))


@settings(max_examples=33)
@given(_HELD, _HELD, _HORIZONS)
def test_all_days_at_once_give_the_lines_of_each_day(
    held: dict[int, BoardDay], of_language: dict[int, BoardDay], horizon: RetentionCutoff
) -> None:
    board_days = {**dict.fromkeys(of_language, BoardDay(7, 1, 3)), **held}
    progress = Progress(user_id="ada", version="v", board_days=board_days, language_days={"go": of_language})
    by_day = {
        name: line for day in board_days for name, line in standings_of(progress, RULES, {day}, horizon=horizon).items()
    }
    assert standings_of(progress, RULES, set(board_days), horizon=horizon) == by_day
    assert standings_of(progress, RULES, horizon=horizon) == by_day


def test_of_the_boards_of_one_language_only_those_asked_for_are_summed() -> None:
    day = {DAY: BoardDay(5, 1, NOON)}
    progress = on_days(day, language_days={"go": day, "c": day})
    assert standings_of(progress, RULES, [DAY], languages=()).keys() == set(names_of(DAY))
    of_go = standings_of(progress, RULES, [DAY], languages={"go", "python"})
    assert of_go.keys() == {*names_of(DAY), *(board_name(name, "go") for name in names_of(DAY))}
    assert of_go.items() <= standings_of(progress, RULES).items()
