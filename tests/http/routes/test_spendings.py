"""Currencies over HTTP: what is earned, spent once, refused, and told."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from litestar.types import HTTPScope

from laurels.http.auth.access import SPEND, WRITE_EVENTS, Caller, Forbidden, check
from tests.changed_rulebook import CODING
from tests.http.answers import EVENT, assert_refused
from tests.http.boards import URL as BOARD
from tests.http.boards import board_once
from tests.http.server_process import ServerProcess

URL = "/api/progress/spendings"
BOOK = (
    CODING
    + '[currencies.coins]\nname = "Coins"\nnames = { de = "Münzen" }\nevents = { code_run = 3 }\n'
    + 'badges = { first_run = 20 }\nlevels = { kind = "table", starts = [0, 20] }\nboard = true\n'
)
_users = (f"spender-{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def paying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of a server whose rulebook has coins."""
    folder: Path = tmp_path_factory.mktemp("paying")
    (folder / "book.toml").write_text(BOOK, "utf-8")
    process = ServerProcess(folder, rulebook=str(folder / "book.toml"))
    process.start()
    try:
        with process.client() as client:
            yield client
    finally:
        process.stop()
    assert "unexpected fault" not in process.log, process.log


@pytest.fixture
def user() -> str:
    return next(_users)


def earn(client: httpx2.Client, user: str, event_id: str = "e1") -> dict[str, Any]:
    """An event of a learner, which gives 3 coins, and the first one 20 more."""
    answer = client.post("/api/progress/event", json={"userId": user, "eventType": "code_run", "eventId": event_id})
    assert answer.status_code == 201, answer.text
    return answer.json()


def order(user: str, amount: int, **fields: Any) -> dict[str, Any]:
    return {"userId": user, "currency": "coins", "amount": amount, "reason": "a hat", **fields}


def test_what_an_event_gives_stands_in_its_answer_and_on_the_dashboard(paying: httpx2.Client, user: str) -> None:
    answer = earn(paying, user)
    assert answer["event"].keys() == EVENT | {"currencies"}
    assert answer["event"]["currencies"] == {"coins": 3}
    assert [badge.get("currencies") for badge in answer["newBadges"]] == [{"coins": 20}]
    address = f"/api/progress/dashboard/{user}"
    coins = {"name": "Coins", "balance": 23, "earned": 23, "spent": 0, "level": 2}
    assert paying.get(address).json()["currencies"] == {"coins": coins}
    named = paying.get(address, headers={"accept-language": "de"}).json()["currencies"]["coins"]["name"]
    assert named == "Münzen"
    batch = [{"userId": user, "eventType": "code_run", "eventId": "e2"}]
    [result] = paying.post("/api/progress/events", json=batch).json()["results"]
    assert result["currencies"] == {"coins": 3}
    exported = paying.get(f"/api/progress/export/{user}").json()
    assert exported["currencies"]["coins"]["balance"] == 26
    table = paying.get(f"/api/progress/export/{user}", params={"format": "csv"}).text
    assert [row["currencies"] for row in csv.DictReader(io.StringIO(table))] == ['{"coins":3}'] * 2


def test_a_board_says_who_earned_most_of_it(paying: httpx2.Client, user: str) -> None:
    earn(paying, user)
    for query in ({"currency": "coins"}, {"currency": "coins", "sort": "points"}):
        board = board_once(paying, {user: 23}, **query, limit=100)
        assert board["currency"] == "coins"
        [row] = [row for row in board["leaderboard"] if row["userId"] == user]
        assert (row["currencyLevel"], row["level"]) == (2, 1)
    rank = paying.get(f"/api/progress/rank/{user}", params={"currency": "coins"}).json()
    assert (rank["points"], rank["currency"]) == (23, "coins")
    board = board_once(paying, {user: 23}, users=user, currency="coins")
    assert board["total"] == 1
    assert_refused(paying.get(BOARD, params={"currency": "gems"}), 422, field="currency")
    assert_refused(paying.get(BOARD, params={"currency": "coins", "language": "py"}), 422, field="currency")
    page = paying.get("/leaderboard", params={"currency": "coins"}, headers={"accept-language": "de"})
    assert page.status_code == 200
    assert '<nav class="chips" aria-label="Währung">' in page.text
    assert '<th scope="col" class="end" dir="auto">Münzen</th>' in page.text
    # What is shown of it is not what streams tell of.
    assert "data-live" not in page.text
    assert 'href="/leaderboard?timeframe=all-time&amp;currency=coins"' in paying.get("/leaderboard").text
    assert paying.get("/leaderboard", params={"currency": "gems"}).status_code == 404


def test_it_is_spent_once_and_never_below_zero(paying: httpx2.Client, user: str) -> None:
    earn(paying, user)
    wanted = order(user, 20, spendingId="order-1")
    first = paying.post(URL, json=wanted)
    assert first.status_code == 201, first.text
    spending = first.json()["spending"]
    assert spending.pop("spentAt").endswith("Z")
    assert spending == {**wanted, "balance": 3}
    assert first.json()["progress"].keys() == {"totalPoints", "level", "leveledUp", "dailyStreak"}
    again = paying.post(URL, json=wanted)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert_refused(paying.post(URL, json={**wanted, "amount": 1}), 409, code="spending-conflict")
    refused = paying.post(URL, json=order(user, 4))
    assert_refused(refused, 409, code="balance-too-low")
    said = refused.json()
    assert "The balance of coins is 3" in said["error"]
    assert (said["currency"], said["balance"], said["amount"]) == ("coins", 3, 4)
    # Without an id each request spends.
    ids = {paying.post(URL, json=order(user, 1)).json()["spending"]["spendingId"] for _ in range(2)}
    assert len(ids) == 2
    shown = paying.get(f"/api/progress/dashboard/{user}").json()["currencies"]["coins"]
    # Its level goes by what was earned.
    assert (shown["balance"], shown["spent"], shown["level"]) == (1, 22, 2)


def test_a_retraction_leaves_a_balance_of_zero_and_what_is_owed(paying: httpx2.Client, user: str) -> None:
    earn(paying, user)
    earn(paying, user, "e2")
    assert paying.post(URL, json=order(user, 25)).status_code == 201
    gone = paying.post("/api/progress/retractions", json={"userId": user, "eventId": "e2", "reason": "a script"})
    assert gone.json()["retraction"]["currencies"] == {"coins": 3}
    shown = paying.get(f"/api/progress/dashboard/{user}").json()["currencies"]["coins"]
    assert (shown["balance"], shown["owed"]) == (0, 2)
    lines = paying.get(f"/api/progress/history/{user}").json()["entries"]
    assert [(line["kind"], line.get("currencies")) for line in lines] == [
        ("retraction", {"coins": -3}),
        ("spending", {"coins": -25}),
        ("event", {"coins": 3}),
        ("event", {"coins": 23}),
    ]
    assert lines[1]["reason"] == "a hat"


def test_its_page_shows_balances_and_what_was_spent_on(paying: httpx2.Client, user: str) -> None:
    earn(paying, user)
    paying.post(URL, json=order(user, 7, reason="<b>a hat</b>"))
    page = paying.get(f"/u/{user}", headers={"accept-language": "de"}).text
    for text in ("Guthaben", "Münzen", "23 verdient, 7 ausgegeben", "Ausgegeben", "&lt;b&gt;a hat&lt;/b&gt;"):
        assert text in page


def test_nothing_of_it_is_there_without_currencies(client: httpx2.Client) -> None:
    user = next(_users)
    answer = earn(client, user)
    assert "currencies" not in answer["event"]
    for address in ("dashboard", "export", "history"):
        assert "urrenc" not in client.get(f"/api/progress/{address}/{user}").text
    refused = client.post(URL, json=order(user, 1))
    assert_refused(refused, 422, field="currency")
    assert refused.json()["errors"][0]["message"] == "The rulebook in force has no currencies."


def test_an_unknown_learner_has_nothing_to_spend(paying: httpx2.Client, user: str) -> None:
    assert_refused(paying.post(URL, json=order(user, 1)), 404, code="unknown-user")
    assert paying.get(f"/api/progress/dashboard/{user}").status_code == 404


def test_an_end_user_who_may_record_may_not_spend() -> None:
    caller = Caller(user_id="ada", records_own=True)
    scope: HTTPScope = {"state": {"caller": caller}}  # type: ignore[typeddict-item]
    assert check(WRITE_EVENTS, scope) is caller
    with pytest.raises(Forbidden):
        check(SPEND, scope)
