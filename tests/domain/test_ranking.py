"""Boards have one order: more points, then who was earlier, then the id; those under an alias come behind."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.boards.ranking import SortKey, Standing, alias_order, is_alias_order, percentile, ranks_of
from laurels.testing.builders import NOON


def test_more_points_come_first_then_who_was_earlier_then_the_smaller_id() -> None:
    expected = [
        Standing("zoe", 9, 1, NOON),
        Standing("bob", 5, 1, NOON - 1),
        Standing("Zoe", 5, 1, NOON),
        Standing("ada", 5, 9, NOON),
        Standing("cem", 0, 1, 0),
        Standing("dan", -3, 1, 0),
    ]
    backwards = expected[::-1]
    assert sorted(backwards, key=lambda standing: standing.place.sort_key) == expected


def test_the_place_of_a_standing_is_what_its_order_hangs_on() -> None:
    assert (
        Standing("ada", 5, 2, NOON).place
        == Standing("ada", 5, 9, NOON, is_shown=False).place
        == SortKey(5, NOON, "ada")
    )


class TestAlias:
    def test_those_under_an_alias_come_behind_everybody_with_equal_points(self) -> None:
        # The last instant that a calendar has.
        last = 253_402_300_799_999
        assert not is_alias_order(last)
        assert all(alias_order(pseudonym) > last for pseudonym in ("", "p1", "p2", "é😀"))

    def test_their_order_follows_from_the_pseudonym_alone(self) -> None:
        assert alias_order("p1") == alias_order("p1")
        assert len({alias_order(f"p{number}") for number in range(500)}) == 500

    def test_it_is_told_from_an_instant(self) -> None:
        assert is_alias_order(alias_order("p1"))
        assert not is_alias_order(NOON)
        assert not is_alias_order(0)

    def test_it_is_a_number_that_databases_and_json_hold_exactly(self) -> None:
        assert all(alias_order(f"p{number}") <= 2**53 for number in range(500))


class TestRanks:
    @pytest.mark.parametrize(
        ("points", "ranks"),
        [
            ([], []),
            ([0], [1]),
            ([9, 5, 5, 1], [1, 2, 2, 4]),
            ([5, 5, 5], [1, 1, 1]),
            ([3, 3, 1, 0, 0, -1], [1, 1, 3, 4, 4, 6]),
        ],
    )
    def test_equal_points_share_a_rank_and_the_next_one_is_skipped(self, points: list[int], ranks: list[int]) -> None:
        assert ranks_of(points) == ranks

    @given(st.lists(st.integers(-2, 6), max_size=12))
    def test_a_rank_is_one_more_than_how_many_have_more_points(self, points: list[int]) -> None:
        points.sort(reverse=True)
        assert ranks_of(points) == [1 + sum(other > held for other in points) for held in points]
        assert len(set(ranks_of(points))) == len(list(groupby(points)))


class TestPercentile:
    @pytest.mark.parametrize(
        ("rank", "of", "percent"),
        [(1, 1, 100.0), (1, 1_000_000, 100.0), (2, 2, 50.0), (3, 3, 33.33), (1_000_000, 1_000_000, 0.0), (1, 0, 0.0)],
    )
    def test_it_is_the_share_that_stands_here_or_below(self, rank: int, of: int, percent: float) -> None:
        assert percentile(rank, of) == percent
