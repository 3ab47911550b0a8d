"""PUT /api/progress/users/:userId: how a learner appears on the boards."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest

from tests.http.answers import assert_refused
from tests.http.boards import board, board_once


def test_a_learner_leaves_the_boards_and_comes_back_under_an_alias(
    client: httpx2.Client, new_user: Callable[[], str], month: str, score: Callable[..., int]
) -> None:
    first, second, third = new_user(), new_user(), new_user()
    board_once(client, {first: score(first, 4), second: score(second, 2), third: score(third, 1)}, period=month)

    def change(**fields: str) -> dict[str, object]:
        answer = client.put(f"/api/progress/users/{second}", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["user"]

    assert change(visibility="hidden")["visibility"] == "hidden"
    shown = board(client, period=month)
    assert [(row["rank"], row["userId"]) for row in shown["leaderboard"]] == [(1, first), (2, third)]
    rank = client.get(f"/api/progress/rank/{second}", params={"period": month}).json()
    assert (rank["rank"], rank["of"]) == (None, 2)
    change(visibility="alias", alias="Night Owl")
    shown = board(client, period=month)
    assert second not in str(shown)
    assert shown["leaderboard"][1]["displayName"] == "Night Owl"
    assert change(visibility="public")["alias"] == "Night Owl"
    assert board(client, period=month)["leaderboard"][1]["userId"] == second


@pytest.mark.parametrize(
    ("body", "field"),
    [({"visibility": "no"}, "visibility"), ({"visibility": "alias"}, "alias"), ({"alias": 1}, "alias")],
)
def test_what_makes_no_sense_is_refused(client: httpx2.Client, body: dict[str, object], field: str) -> None:
    assert_refused(client.put("/api/progress/users/ada", json=body), 422, field=field)
