"""The client against a real server: the answers and errors of the library, with `await` and without."""

from __future__ import annotations

import asyncio
import inspect
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import apsw
import httpx2
import pytest

import laurels
from laurels import (
    BalanceTooLow,
    EventConflict,
    InvalidEvent,
    InvalidInput,
    InvalidProfile,
    InvalidQuery,
    LearningEvent,
    Queued,
    Recorded,
    SettingsError,
    SpendingConflict,
    SyncLaurels,
    UnknownUser,
    UserDeleted,
)
from laurels.client import AsyncClient, Client, RequestRefused, ServiceUnreachable
from tests.clients.python.conftest import NewClient
from tests.clients.python.scripted_service import ScriptedService, problem
from tests.http.server_process import ServerProcess
from tests.ports import free_port
from tests.waiting import wait_until

CODING = Path(laurels.__file__).parent / "rulebooks" / "coding.toml"
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def client(server: ServerProcess, new_client: NewClient) -> Client:
    return new_client(server.url, storage=None)


class TestRecording:
    def test_an_event_and_its_repetition(self, client: Client, user: str) -> None:
        first = client.record(user, "code_run", language="python", code_length=240, event_id="run-1", timestamp=NOON)
        assert isinstance(first, Recorded)
        assert (first.user_id, first.event_id, first.event_type, first.timestamp) == (user, "run-1", "code_run", NOON)
        assert (first.points, first.total_points, first.level, first.leveled_up, first.daily_streak) == (7, 17, 1, 0, 0)
        assert [(badge.badge_id, badge.earned_at) for badge in first.badges] == [("first_run", NOON)]
        again = client.record(user, "code_run", language="python", code_length=240, event_id="run-1")
        assert again.is_replay
        assert (again.points, again.badges) == (first.points, first.badges)
        with pytest.raises(EventConflict) as conflict:
            client.record(user, "ai_explain", event_id="run-1")
        assert (conflict.value.user_id, conflict.value.event_id) == (user, "run-1")

    def test_what_is_wrong_is_named_here_or_there(self, client: Client, user: str) -> None:
        with pytest.raises(InvalidEvent, match="JSON has") as caught:
            client.record(user, "code_run", {"when": NOON})
        assert caught.value.field == "metadata.when"
        with pytest.raises(InvalidEvent) as caught:
            client.record(user, "code_rum", code_length=-1)
        assert [field for field, _ in caught.value.faults] == ["eventType", "metadata.codeLength"]

    def test_many_have_one_result_each(self, client: Client, user: str) -> None:
        run = LearningEvent(user_id=user, event_type="code_run", event_id="run-1", timestamp=NOON)
        other = LearningEvent(user_id=user, event_type="visualize", event_id="run-1")
        wrong = LearningEvent(user_id=user, event_type="code_rum")
        untyped = LearningEvent(user_id=5, event_type="code_run")  # pyright: ignore[reportArgumentType]
        bare = LearningEvent(user_id=user, event_type="visualize")
        first, again, conflict, invalid, nobody, last = client.record_many([run, run, other, wrong, untyped, bare])
        assert isinstance(first, Recorded)
        assert (first.timestamp, first.points, first.total_points, first.is_replay) == (NOON, 5, 15, False)
        assert isinstance(again, Recorded)
        assert again.is_replay
        assert isinstance(conflict, EventConflict)
        assert isinstance(invalid, InvalidEvent)
        assert isinstance(nobody, InvalidEvent)
        assert (invalid.field, nobody.field) == ("eventType", "userId")
        assert isinstance(last, Recorded)
        assert abs(datetime.now(UTC) - last.timestamp) < timedelta(minutes=1)
        assert client.record_many([]) == []

    def test_more_than_fit_into_a_request(self, client: Client, user: str) -> None:
        events = [LearningEvent(user_id=user, event_type="visualize", event_id=f"{n}") for n in range(2_100)]
        results = client.record_many(iter(events))
        assert [each.event_id for each in results if isinstance(each, Recorded)] == [f"{n}" for n in range(2_100)]

    def test_while_the_database_is_away_it_is_queued(self, client: Client, server: ServerProcess, user: str) -> None:
        other = apsw.Connection(str(server.database))
        other.execute("BEGIN IMMEDIATE")
        try:
            queued = client.record(user, "code_run", event_id="run-1", timestamp=NOON)
            assert isinstance(queued, Queued)
            assert (queued.user_id, queued.event_id, queued.timestamp) == (user, "run-1", NOON)
            [many] = client.record_many([LearningEvent(user_id=user, event_type="visualize")])
            assert isinstance(many, Queued)
        finally:
            other.close()
        # Those who come next find it there again.
        with server.client() as http:
            until = time.monotonic() + 30
            while http.get("/health/ready").status_code != httpx2.codes.OK:
                assert time.monotonic() < until
                time.sleep(0.05)


class TestReading:
    def test_what_a_learner_has(self, client: Client, user: str) -> None:
        client.set_profile(user, display_name="Ada", time_zone="Europe/London", badges_seen_at=NOON)
        assert client.profile(user).badges_seen_at == NOON
        client.record(user, "code_run", language="python", timestamp=NOON)
        client.record(user, "code_run", language="go", timestamp=NOON + timedelta(days=1))
        dashboard = client.dashboard(user, since=NOON)
        assert (dashboard.user.user_id, dashboard.user.display_name, dashboard.total_events) == (user, "Ada", 2)
        assert "first_run" in [badge.badge_id for badge in dashboard.new_badges]
        days = client.activity(user, first=date(2026, 3, 14), last=date(2026, 3, 14)).days
        assert [(day.date, day.events) for day in days] == [(date(2026, 3, 14), 1)]
        badges = {badge.badge_id: badge for badge in client.badges(user)}
        assert (badges["first_run"].earned_at, badges["code_runner_10"].current) == (NOON, 2)
        assert client.profile(user).time_zone == "Europe/London"
        # Boards follow within half a second or so.
        until = time.monotonic() + 30
        while client.rank(user, period="2026-03").rank is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert [entry.kind for entry in client.history(user)] == ["event", "event", "profile"]

    def test_a_history_of_several_pages(self, client: Client, user: str) -> None:
        client.record_many([LearningEvent(user_id=user, event_type="visualize") for _ in range(250)])
        assert [entry.seq for entry in client.history(user)] == list(range(250, 0, -1))

    def test_boards(self, client: Client, user: str) -> None:
        ids = [f"{user}, {name}" for name in ("a", "b")]
        for number, each in enumerate(ids):
            client.record(each, "code_run", code_length=600 * number, timestamp=datetime(2019, 3, 14, tzinfo=UTC))
        while (board := client.leaderboard(period="2019-03", limit=1)).total < 2:
            time.sleep(0.01)
        assert [row.user_id for row in board.rows] == [ids[1]]
        assert board.next is not None
        assert [row.user_id for row in client.leaderboard(period="2019-03", cursor=board.next).rows] == [ids[0]]
        among = client.leaderboard(period="2019-03", users=ids)
        assert [(row.rank, row.user_id) for row in among.rows] == [(1, ids[1]), (2, ids[0])]
        with pytest.raises(InvalidQuery, match="Cannot be combined"):
            client.leaderboard(users=ids, around=user)

    def test_who_is_not_there(self, client: Client, user: str) -> None:
        with pytest.raises(UnknownUser) as unknown:
            client.dashboard(user)
        assert unknown.value.user_id == user
        with pytest.raises(InvalidProfile):
            client.set_profile(user, time_zone="Mars/Olympus")
        client.record(user, "code_run")
        assert abs(datetime.now(UTC) - client.delete_user(user)) < timedelta(minutes=1)
        with pytest.raises(UserDeleted):
            client.record(user, "code_run")
        [refused] = client.record_many([LearningEvent(user_id=user, event_type="code_run")])
        assert isinstance(refused, UserDeleted)


def test_a_currency_is_spent_once_and_never_below_zero(tmp_path: Path, new_client: NewClient) -> None:
    rules = tmp_path / "coins.toml"
    coins = '[currencies.coins]\nname = "Coins"\nevents = { code_run = 5 }\nboard = true\n'
    rules.write_text(CODING.read_text("utf-8") + coins, "utf-8")
    (tmp_path / "server").mkdir()
    server = ServerProcess(tmp_path / "server", rulebook=str(rules))
    server.start()
    try:
        client = new_client(server.url, storage=None)
        client.record("ada", "code_run")
        done = client.spend("ada", "coins", 3, reason="A hat.", spending_id="hat")
        assert (done.user_id, done.amount, done.balance, done.reason, done.is_replay) == ("ada", 3, 2, "A hat.", False)
        assert client.spend("ada", "coins", 3, reason="A hat.", spending_id="hat").is_replay
        with pytest.raises(SpendingConflict):
            client.spend("ada", "coins", 1, reason="A hat.", spending_id="hat")
        with pytest.raises(BalanceTooLow) as refused:
            client.spend("ada", "coins", 4, reason="A coat.")
        assert (refused.value.currency, refused.value.balance, refused.value.amount) == ("coins", 2, 4)
        with pytest.raises(InvalidInput):
            client.spend("ada", "stones", 1, reason="A hat.")
        # What was spent was earned.
        wait_until(lambda: [row.points for row in client.leaderboard(currency="coins").rows] == [5])
        rank = client.rank("ada", currency="coins")
        assert (rank.rank, rank.points, rank.currency) == (1, 5, "coins")
    finally:
        server.stop()


class TestWithAwait:
    async def test_the_same_answers(self, server: ServerProcess, user: str) -> None:
        async with AsyncClient(server.url) as client:
            recorded, other = await asyncio.gather(client.record(user, "code_run"), client.record(user, "visualize"))
            assert (recorded.points, other.points) == (5, 6)
            assert len(await client.record_many([LearningEvent(user_id=user, event_type="visualize")])) == 1
            assert [entry.seq async for entry in client.history(user)] == [3, 2, 1]
            assert (await client.dashboard(user)).total_events == 3
            assert client.track(user, "visualize")
        async with AsyncClient(server.url) as client:
            assert (await client.dashboard(user)).total_events == 4
            with pytest.raises(UnknownUser):
                await client.rank("nobody")


class TestWhatLiesBetween:
    def test_nobody_answers(self, new_client: NewClient) -> None:
        with pytest.raises(ServiceUnreachable, match="could not be reached"):
            new_client(f"http://127.0.0.1:{free_port()}", storage=None).dashboard("ada")

    def test_something_else_answers(self, service: ScriptedService, new_client: NewClient) -> None:
        service.replies.append((200, {}, b"<html>Please log in</html>"))
        with pytest.raises(ServiceUnreachable, match="is not the service"):
            new_client(service.url, storage=None).record("ada", "code_run")

    def test_a_refusal_of_the_whole_request(self, service: ScriptedService, new_client: NewClient) -> None:
        service.replies += [problem(429, "too-many-requests", Retry_After="7"), (502, {}, b"Bad gateway")]
        client = new_client(service.url, storage=None, token="lrl_key")
        with pytest.raises(RequestRefused) as refused:
            client.record("ada", "code_run")
        assert (refused.value.status, refused.value.code, refused.value.retry_after) == (429, "too-many-requests", 7)
        with pytest.raises(RequestRefused, match="502"):
            client.record("ada", "code_run")
        assert service.tokens == ["Bearer lrl_key"] * 2

    def test_a_token_is_renewed_once(self, service: ScriptedService, new_client: NewClient) -> None:
        tokens = iter(["old", "new", "newer"])
        service.replies += [problem(401, "unauthorized"), problem(403, "forbidden"), problem(401, "unauthorized")]
        service.replies.append(problem(401, "unauthorized"))
        client = new_client(service.url, storage=None, token=lambda: next(tokens))
        for code in ("forbidden", "unauthorized"):
            with pytest.raises(RequestRefused) as refused:
                client.record("ada", "code_run")
            assert refused.value.code == code
        assert service.tokens == ["Bearer old", "Bearer new", "Bearer new", "Bearer newer"]

    @pytest.mark.parametrize("url", ["laurels.example", "ftp://laurels.example", "https://"])
    def test_an_address_that_is_none(self, url: str) -> None:
        with pytest.raises(SettingsError):
            Client(url)

    @pytest.mark.parametrize("token", ["", " ", "two words", "clé", "line\nline"])
    def test_a_token_that_is_none(self, service: ScriptedService, new_client: NewClient, token: str) -> None:
        with pytest.raises(SettingsError, match="must be an API key"):
            Client("https://laurels.example", token=token)
        with pytest.raises(SettingsError):
            new_client(service.url, storage=None, token=lambda: token).record("ada", "code_run")
        assert service.tokens == []

    def test_a_token_from_a_file_may_end_with_its_line(self, service: ScriptedService, new_client: NewClient) -> None:
        client = new_client(service.url, storage=None, token="lrl_key\n", flush_interval=0)
        client.track("ada", "code_run")
        assert client.flush(10) == 0
        assert service.tokens == ["Bearer lrl_key"]


def test_its_verbs_are_those_of_the_library() -> None:
    for name, verb in inspect.getmembers(SyncLaurels, inspect.isfunction):
        if name.startswith("_") or name in ("flush", "close"):
            continue
        expected = list(inspect.signature(verb).parameters)
        for kind in (Client, AsyncClient):
            shown = list(inspect.signature(getattr(kind, name)).parameters)
            assert [each for each in shown if each != "self"] == [each for each in expected if each != "self"], name
