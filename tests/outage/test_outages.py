"""The database goes away under a running server, in every way that it can: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from laurels.bootstrap import open_store
from tests.http.answers import assert_refused
from tests.http.callers import bearer, make_key
from tests.mongod import Deployment
from tests.outage.conftest import StartServer
from tests.outage.learners import Learner, check_ledger, codes, under_load, wait_until_drained
from tests.waiting import FAR

QUEUED = {"success", "queued", "reason", "event", "newBadges"}


def event(user: str, event_id: str | None = None, **fields: Any) -> dict[str, Any]:
    named = {} if event_id is None else {"eventId": event_id}
    return {"userId": user, "eventType": "code_run"} | named | fields


def wait_until_away(client: httpx2.Client) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (ready := client.get("/health/ready")).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return ready.json()


def wait_until_there(client: httpx2.Client) -> None:
    deadline = time.monotonic() + 20
    while client.get("/health/ready").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def outage(mongodb: Deployment, server: Any, store: str, *, learners: int, seconds: float) -> None:
    people = [Learner(number) for number in range(learners)]
    async with under_load(server.url, people):
        await asyncio.sleep(1.0)
        mongodb.nodes[0].kill()
        await asyncio.sleep(seconds)
        mongodb.nodes[0].start()
        await asyncio.sleep(4.0)
        # It came back, and events go straight in again while the rest is drained.
        deadline = time.monotonic() + 60
        before = codes(people)[201]
        while codes(people)[201] == before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    stats = await wait_until_drained(server.url)
    answered = codes(people)
    faults = "\n".join(line for line in server.log.splitlines() if '"error"' in line or "Traceback" in line)
    assert set(answered) == {201, 202}, f"{answered}: {faults[:4_000]}"
    assert max(person.slowest for person in people) < FAR
    assert stats["queued"] == stats["drained"] >= answered[202]
    assert (stats["setAside"], stats["bytes"]) == (0, 0)
    await check_ledger(store, people)


class TestKilledDatabase:
    async def test_no_write_fails_all_is_drained_and_order_is_kept(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        await outage(mongodb, serve(), store, learners=16, seconds=3.0)

    async def test_two_workers_share_a_spool_and_keep_order(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        await outage(mongodb, serve(workers=2), store, learners=8, seconds=2.0)

    @pytest.mark.long
    @pytest.mark.timeout(600)
    @pytest.mark.parametrize("workers", [1, 2])
    async def test_thirty_seconds_under_64_connections(
        self, mongodb: Deployment, serve: StartServer, store: str, workers: int
    ) -> None:
        await outage(mongodb, serve(workers=workers), store, learners=64, seconds=30.0)

    async def test_a_server_killed_while_it_spools_loses_and_doubles_nothing(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        # A server that is started while the database is away goes by the keys of the time before.
        key = bearer(await asyncio.to_thread(make_key, store, "admin"))
        server = serve(probe="/health/ready?writes=queued")
        people = [Learner(2 * number) for number in range(8)]
        async with under_load(server.url, people, key):
            await asyncio.sleep(0.5)
            mongodb.nodes[0].kill()
            await asyncio.sleep(1.5)
            server.kill()
            await asyncio.to_thread(server.start)
            await asyncio.sleep(0.7)
            mongodb.nodes[0].start()
            # And once more, while it drains or is about to.
            await asyncio.sleep(1.0)
            server.kill()
            await asyncio.to_thread(server.start)
            await asyncio.sleep(0.5)
        await wait_until_drained(server.url)
        assert codes(people)[202] > 50
        assert set(codes(people)) <= {200, 201, 202}
        await check_ledger(store, people)


class TestHangingDatabase:
    async def test_every_request_answers_within_the_limit(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        server = serve()
        people = [Learner(number) for number in range(8)]
        async with under_load(server.url, people), server.async_client() as client:
            await asyncio.sleep(0.5)
            await client.get(f"/api/progress/dashboard/{people[0].name}")
            with mongodb.nodes[0].stopped():
                for _ in range(3):
                    started = time.monotonic()
                    paths = [f"dashboard/{people[0].name}", "dashboard/nobody", "leaderboard", "rank/nobody"]
                    reads = await asyncio.gather(*(client.get(f"/api/progress/{path}") for path in paths))
                    profile = await client.put("/api/progress/users/ada", json={"displayName": "Ada"})
                    assert time.monotonic() - started < FAR
                    assert [read.status_code for read in reads] == [200, 503, 503, 503]
                    assert reads[0].json()["stale"] is True
                    assert_refused(profile, 503)
                    await asyncio.sleep(0.3)
            await asyncio.sleep(1.0)
        await wait_until_drained(server.url)
        assert set(codes(people)) == {201, 202}
        assert max(person.slowest for person in people) < FAR
        await check_ledger(store, people)


class TestAwayAtTheStart:
    def test_a_server_that_never_knew_its_keys_takes_nothing(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        mongodb.nodes[0].kill()
        server = serve(probe="/health/live")
        with server.client() as client:
            assert_refused(client.post("/api/progress/event", json=event("ada", "first")), 503)
            mongodb.nodes[0].start()
            mongodb.nodes[0].wait()
            wait_until_there(client)
            assert client.post("/api/progress/event", json=event("ada", "first")).status_code == 201

    def test_events_are_taken_and_recorded_once_it_is_there(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        # Which keys there are it knows from the time before.
        key = make_key(store, "admin")
        serve().stop()
        mongodb.nodes[0].kill()
        server = serve(probe="/health/ready?writes=queued")
        with server.client() as client:
            client.headers.update(bearer(key))
            answer = client.post("/api/progress/event", json=event("ada", "first", metadata={"language": "c"}))
            assert (answer.status_code, answer.json().keys()) == (202, QUEUED)
            told = answer.json()["event"]
            assert (told["eventId"], told["language"], told["points"]) == ("first", "c", None)
            assert_refused(client.get("/api/progress/dashboard/ada"), 503)
            assert client.get("/health/live").status_code == 200
            assert "the store is away" in server.log
            mongodb.nodes[0].start()
            asyncio.run(wait_until_drained(server.url))
            assert client.get("/api/progress/dashboard/ada").json()["totalEvents"] == 1
            replay = client.post("/api/progress/event", json=event("ada", "first", metadata={"language": "c"}))
            assert (replay.status_code, replay.headers["idempotent-replayed"]) == (200, "true")
            # It happened when it arrived, not when it was recorded.
            assert replay.json()["event"]["timestamp"] == told["timestamp"]

    def test_that_there_was_no_key_yet_opens_nothing(self, mongodb: Deployment, serve: StartServer, store: str) -> None:
        serve().stop()
        # Made while no server was there to remember it.
        key = make_key(store, "admin")
        mongodb.nodes[0].kill()
        server = serve(probe="/health/live")
        with server.client() as client:
            assert_refused(client.post("/api/progress/event", json=event("ada", "first")), 503)
            mongodb.nodes[0].start()
            mongodb.nodes[0].wait()
            wait_until_there(client)
            assert_refused(client.post("/api/progress/event", json=event("ada", "first")), 401)
            assert client.post("/api/progress/event", json=event("ada"), headers=bearer(key)).status_code == 201


class TestAnswersWhileAway:
    def test_each_is_as_promised(self, mongodb: Deployment, serve: StartServer) -> None:
        server = serve()
        pages = [f"/api/progress/{page}/ada" for page in ("dashboard", "badges", "activity", "export", "rank")]
        pages += ["/api/progress/leaderboard", "/api/progress/leaderboard?limit=3"]
        with server.client() as client:
            for number in range(3):
                assert client.post("/api/progress/event", json=event("ada", f"e{number}")).status_code == 201
            assert client.post("/api/progress/event", json=event("wren", "w")).status_code == 201
            time.sleep(0.6)
            fresh = [client.get(page).json() for page in pages]
            assert all("stale" not in answer for answer in fresh)
            assert client.get("/health/ready").json()["checks"] == {"store": "ok", "spool": "ok"}
            mongodb.nodes[0].kill()
            away = wait_until_away(client)
            assert (away["status"], away["checks"]) == ("degraded", {"store": "unavailable", "spool": "ok"})
            assert client.get("/health/live").status_code == 200
            self.reads(client, pages, fresh)
            self.writes(client)
            ready = client.get("/health/ready?writes=queued")
            assert ready.status_code == 200
            assert ready.json()["spool"]["waiting"] == ready.json()["spool"]["queued"] == 4
            assert ready.json()["spool"]["oldestSeconds"] > 0
            mongodb.nodes[0].start()
            stats = asyncio.run(wait_until_drained(server.url))
            # The conflict, accepted when nobody could know, is set aside; the repetition is a replay.
            assert (stats["queued"], stats["drained"], stats["setAside"]) == (4, 3, 1)
            assert "set aside" in server.log
            assert client.get(pages[0]).json()["totalEvents"] == 5
            assert "stale" not in client.get(pages[0]).json()
            assert client.get("/api/progress/dashboard/new").json()["totalEvents"] == 1

    def reads(self, client: httpx2.Client, pages: list[str], fresh: list[dict[str, Any]]) -> None:
        for page, answer in zip(pages, fresh, strict=True):
            stale = client.get(page)
            assert stale.status_code == 200, page
            told = stale.json()
            assert told.pop("stale") is True
            told.pop("generatedAt", None)
            answer.pop("generatedAt", None)
            assert told == answer
        # Of a user whom nobody read, what their writing left in memory is known.
        wren = client.get("/api/progress/dashboard/wren").json()
        assert (wren["stale"], wren["totalEvents"]) == (True, 1)
        for unknown in ("dashboard/nobody", "leaderboard?limit=7", "rank/nobody", "export/ada?format=csv"):
            refused = client.get(f"/api/progress/{unknown}")
            assert assert_refused(refused, 503)["fallback"] is True
            assert int(refused.headers["retry-after"]) >= 1

    def writes(self, client: httpx2.Client) -> None:
        url = "/api/progress/event"
        # Wrong is wrong, whether or not the database is there.
        assert_refused(client.post(url, json=event("ada", eventType="nonsense")), 422, field="eventType")
        assert_refused(client.post(url, json=event("ada", timestamp="2999-01-01T00:00:00Z")), 422, field="timestamp")
        assert_refused(client.post(url, content=b"{"), 400)
        assert_refused(client.put("/api/progress/users/ada", json={"displayName": "Ada"}), 503)
        lines = [event("ada", "e3"), event("ada", "e4", metadata={"codeLength": -1}), event("ada", "e4")]
        lines += [event("ada", "e0", metadata={"other": 1})]
        batch = client.post("/api/progress/events", json=lines)
        assert batch.status_code == 200
        answer = batch.json()
        assert [line["status"] for line in answer["results"]] == ["queued", "invalid", "queued", "queued"]
        assert {name: answer[name] for name in ("queued", "recorded", "replayed", "rejected")} == {
            "queued": 3,
            "recorded": 0,
            "replayed": 0,
            "rejected": 1,
        }
        new = client.post(url, json=event("new"))
        assert (new.status_code, new.json()["queued"], new.json()["newBadges"]) == (202, True, [])
        assert new.json()["reason"].startswith("The database is away.")


class TestFullSpool:
    def fill(self, client: httpx2.Client, user: str = "ada") -> list[str]:
        """The ids of the events that were taken until none was any more."""
        taken: list[str] = []
        for number in range(5_000):
            answer = client.post("/api/progress/event", json=event(user, f"e{number}", metadata={"text": "x" * 2_000}))
            if answer.status_code == 503:
                assert assert_refused(answer, 503)["fallback"] is True
                assert int(answer.headers["retry-after"]) >= 1
                return taken
            assert answer.status_code == 202
            taken.append(f"e{number}")
        raise AssertionError("it never got full")

    def drained(self, server: Any, store: str, taken: list[str]) -> None:
        asyncio.run(wait_until_drained(server.url))

        async def recorded() -> list[str | None]:
            opened = await open_store(store)
            entries = await opened.ledger.entries("ada", limit=10_000)
            await opened.close()
            return [entry.event_id for entry in entries]

        assert asyncio.run(recorded()) == taken

    def test_beyond_its_limit_it_refuses_and_keeps_what_it_has(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        server = serve(spool_bytes="100000")
        with server.client() as client:
            mongodb.nodes[0].kill()
            wait_until_away(client)
            taken = self.fill(client)
            assert 40 < len(taken) < 50, server.log
            ready = client.get("/health/ready?writes=queued")
            while ready.json()["checks"]["spool"] == "ok":
                # What is left may hold small events.
                assert client.post("/api/progress/event", json=event("wren")).status_code == 202
                ready = client.get("/health/ready?writes=queued")
            assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
            assert ready.json()["checks"] == {"store": "unavailable", "spool": "full"}
            mongodb.nodes[0].start()
            self.drained(server, store, taken)

    def test_a_disk_that_is_full_is_a_clear_refusal(
        self, mongodb: Deployment, serve: StartServer, store: str, tmp_path: Path
    ) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this machine does not let a test mount a small disk")
        try:
            server = serve(spool=str(disk / "spool"))
            try:
                self.runs_out(server, mongodb)
            finally:
                server.stop()
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def runs_out(self, server: Any, mongodb: Deployment) -> None:
        with server.client() as client:
            mongodb.nodes[0].kill()
            wait_until_away(client)
            taken = self.fill(client)
            assert len(taken) > 100
            assert client.get("/health/ready?writes=queued").json()["checks"]["spool"] == "unavailable"
            assert client.get("/health/live").status_code == 200
            mongodb.nodes[0].start()
            asyncio.run(wait_until_drained(server.url))
            dashboard = client.get("/api/progress/dashboard/ada").json()
            assert dashboard["totalEvents"] == len(taken)

    def test_a_file_that_may_not_grow_is_a_clear_refusal(
        self, mongodb: Deployment, serve: StartServer, store: str
    ) -> None:
        server = serve()
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        with server.client() as client:
            mongodb.nodes[0].kill()
            wait_until_away(client)
            taken = self.fill(client)
            assert len(taken) > 20
            assert server.pid
            assert os.path.exists(f"/proc/{server.pid}")
        server.kill()
        mongodb.nodes[0].start()
        server.start()
        self.drained(server, store, taken)
