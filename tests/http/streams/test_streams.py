"""Live streams of a user and of a board: what they tell, in which order, and from where they go on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx2
import pytest

from tests.http.answers import BADGE, EVENT, assert_refused
from tests.http.conftest import Record, StartServer
from tests.http.server_process import ServerProcess
from tests.http.stream_client import BOARD, USER, follow, post, post_many, seqs


class TestUserStream:
    async def test_it_begins_with_where_the_user_stands(self, server: ServerProcess, user: str, record: Record) -> None:
        progress = record(user)["progress"]
        async with follow(server, f"{USER}/{user}") as reader:
            told = await reader.next()
        assert (told.id, told.kind, told.data) == ("1", "progress", progress)

    async def test_a_user_nobody_knows_begins_at_nothing_and_is_waited_for(
        self, server: ServerProcess, user: str
    ) -> None:
        async with follow(server, f"{USER}/{user}") as reader:
            told = await reader.next()
            assert (told.id, told.kind) == ("0", "progress")
            assert told.data == {"totalPoints": 0, "level": 1, "leveledUp": False, "dailyStreak": 0}
            answer = await asyncio.to_thread(post, server, user)
            assert [each.kind for each in await reader.take(3)] == ["event", "badge", "progress"]
            assert answer["event"]["userId"] == user

    async def test_an_event_tells_what_its_answer_says(self, server: ServerProcess, user: str) -> None:
        async with follow(server, f"{USER}/{user}") as reader:
            await reader.next()
            answer = await asyncio.to_thread(post, server, user, metadata={"language": "python", "codeLength": 240})
            event, badge, progress = await reader.take(3)
        assert event.data == answer["event"]
        assert event.data.keys() == EVENT
        assert [badge.data] == answer["newBadges"]
        assert badge.data.keys() == BADGE
        assert progress.data == answer["progress"]
        assert [event.id, badge.id, progress.id] == ["0.1", "0.2", "1"]

    async def test_a_change_of_the_profile_is_told_without_preferences(
        self, server: ServerProcess, client: httpx2.Client, user: str
    ) -> None:
        async with follow(server, f"{USER}/{user}") as reader:
            await reader.next()
            for change in ({"preferences": {"secret": 1}}, {"displayName": "Ada", "preferences": {"secret": 2}}):
                assert client.put(f"/api/progress/users/{user}", json=change).status_code == 200
            told = await reader.next()
        assert (told.id, told.kind, told.data) == ("2", "profile", {"displayName": "Ada"})

    async def test_others_are_not_told_of(
        self, server: ServerProcess, new_user: Callable[[], str], record: Record
    ) -> None:
        one, other = new_user(), new_user()
        async with follow(server, f"{USER}/{one}") as reader:
            await reader.next()
            await asyncio.to_thread(record, other)
            await asyncio.to_thread(record, one)
            assert (await reader.next()).data["userId"] == one

    async def test_an_id_with_slashes_can_be_followed(self, server: ServerProcess, user: str) -> None:
        async with follow(server, f"{USER}/{user}%2Fa%20b") as reader:
            await reader.next()
            await asyncio.to_thread(post, server, f"{user}/a b")
            assert (await reader.next()).data["userId"] == f"{user}/a b"

    async def test_the_answer_is_meant_to_be_a_stream(self, server: ServerProcess, user: str) -> None:
        async with follow(server, f"{USER}/{user}") as reader:
            await reader.next()
            headers = reader.response.headers
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert 1_000 <= reader.retry <= 3_000


class TestResuming:
    async def test_it_goes_on_from_the_ledger_without_gap_or_repetition(self, server: ServerProcess, user: str) -> None:
        # More than is kept in memory, and than one page of the ledger.
        await asyncio.to_thread(post_many, server, user, 300)
        async with follow(server, f"{USER}/{user}", last_id="7") as reader:
            told = await reader.until("300")
            assert seqs(told) == list(range(8, 301))
            await asyncio.to_thread(post, server, user)
            assert (await reader.next()).data["eventType"] == "code_run"

    @pytest.mark.parametrize("cut_after", range(7))
    async def test_wherever_it_is_cut_every_message_comes_once(
        self, server: ServerProcess, user: str, record: Record, cut_after: int
    ) -> None:
        for _ in range(2):
            record(user, "session_join")
            record(user)
        async with follow(server, f"{USER}/{user}", last_id="0") as reader:
            whole = await reader.until("4")
        async with follow(server, f"{USER}/{user}", last_id="0") as reader:
            told = await reader.take(cut_after)
        async with follow(server, f"{USER}/{user}", last_id=reader.last_id or "0") as reader:
            assert told + await reader.until("4") == whole

    async def test_a_first_connection_may_name_it_in_the_query_and_the_header_wins(
        self, server: ServerProcess, user: str
    ) -> None:
        await asyncio.to_thread(post_many, server, user, 3)
        async with follow(server, f"{USER}/{user}", lastEventId="2") as reader:
            assert seqs(await reader.until("3")) == [3]
        async with follow(server, f"{USER}/{user}", last_id="1", lastEventId="0") as reader:
            assert seqs(await reader.until("3")) == [2, 3]

    async def test_an_id_beyond_the_ledger_begins_anew(self, server: ServerProcess, user: str, record: Record) -> None:
        progress = record(user)["progress"]
        async with follow(server, f"{USER}/{user}", last_id="900") as reader:
            told = await reader.next()
        assert (told.id, told.data) == ("1", progress)

    @pytest.mark.parametrize("last_id", ["x", "-1", "1.", "1.2.3", "1e3", "9" * 40, "{}", "1 OR 1"])
    async def test_what_is_no_id_is_refused(self, client: httpx2.Client, user: str, last_id: str) -> None:
        response = client.get(f"{USER}/{user}", params={"lastEventId": last_id})
        assert_refused(response, 422, field="lastEventId", code=":invalid-query")

    async def test_it_survives_a_restart_of_the_server(self, start_server: StartServer) -> None:
        server = start_server()
        post(server, "ada")
        async with follow(server, f"{USER}/ada", last_id="0") as reader:
            first = await reader.until("1")
            await asyncio.to_thread(server.kill)
        server.start()
        post(server, "ada", "visualize")
        async with follow(server, f"{USER}/ada", last_id=reader.last_id) as reader:
            assert seqs(first + await reader.until("2")) == [1, 2]


class TestBoardStream:
    async def test_it_begins_with_the_board_as_it_stands(
        self, server: ServerProcess, client: httpx2.Client, month: str
    ) -> None:
        async with follow(server, BOARD, period=month, limit=3) as reader:
            told = await reader.next()
        assert told.kind == "leaderboard"
        assert told.data == client.get("/api/progress/leaderboard", params={"period": month, "limit": 3}).json()

    async def test_every_change_of_the_visible_top_is_shown(
        self, server: ServerProcess, month: str, score: Callable[..., int], new_user: Callable[[], str]
    ) -> None:
        low, high = new_user(), new_user()
        async with follow(server, BOARD, period=month, limit=1) as reader:
            assert (await reader.next()).data["leaderboard"] == []
            await asyncio.to_thread(score, high, 2)
            shown = [await reader.next()]
            while shown[-1].data["leaderboard"][0]["points"] < 20:
                shown.append(await reader.next())
            # Below the visible top: nobody need be told.
            await asyncio.to_thread(score, low, 1)
            with pytest.raises(TimeoutError):
                await reader.next(within=1.5)
        assert {each.data["leaderboard"][0]["userId"] for each in shown} == {high}
        assert len({each.id for each in shown}) == len(shown)

    async def test_who_has_the_present_state_gets_the_next_one_only(
        self, server: ServerProcess, month: str, score: Callable[..., int], user: str
    ) -> None:
        async with follow(server, BOARD, period=month) as reader:
            await reader.next()
        async with follow(server, BOARD, period=month, last_id=reader.last_id) as again:
            with pytest.raises(TimeoutError):
                await again.next(within=1)
        await asyncio.to_thread(score, user, 1)
        async with follow(server, BOARD, period=month, last_id=reader.last_id) as again:
            assert [row["userId"] for row in (await again.next()).data["leaderboard"]] == [user]

    async def test_a_storm_of_events_is_shown_at_most_four_times_a_second(
        self, server: ServerProcess, user: str, month: str
    ) -> None:
        async with follow(server, BOARD, period=month) as reader:
            await reader.next()
            began = asyncio.get_running_loop().time()
            for number in range(20):
                moment = f"{month}-10T12:00:{number:02}Z"
                await asyncio.to_thread(post, server, user, "visualize", timestamp=moment)
            shown = [await reader.next()]
            while shown[-1].data["leaderboard"][0]["points"] < 120:
                shown.append(await reader.next())
            took = asyncio.get_running_loop().time() - began
        assert len(shown) <= 2 + 4 * took

    @pytest.mark.parametrize(
        ("query", "field"),
        [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"period": "2026-W99"}, "period")],
    )
    def test_a_wrong_question_is_refused(self, client: httpx2.Client, query: dict[str, str], field: str) -> None:
        assert_refused(client.get(BOARD, params=query), 422, field=field)

    async def test_its_ids_say_nothing_of_the_inside(self, server: ServerProcess, month: str) -> None:
        async with follow(server, BOARD, period=month) as reader:
            assert re.fullmatch(r"[0-9a-f]{24}", (await reader.next()).id)
