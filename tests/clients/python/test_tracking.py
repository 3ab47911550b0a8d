"""`track`: nothing is lost and nothing counts twice, whatever ends or fails in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from laurels import EventConflict, InvalidEvent, LaurelsError, LearningEvent, Recorded, StoreUnavailable
from laurels.client import Client, NotStored, RequestRefused, ServiceUnreachable
from laurels.client.tracking.backoff import Backoff
from laurels.client.tracking.journal import Segment
from laurels.client.tracking.sender import Listeners
from laurels.client.tracking.tracker import Tracker
from laurels.client.transport import Transport
from tests.clients.python.conftest import NewClient
from tests.clients.python.scripted_service import Events, Reply, ScriptedService, accepted, problem
from tests.http.server_process import ServerProcess
from tests.ports import free_port
from tests.waiting import wait_until

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
Failure = tuple[LaurelsError, float | None]


def in_a_process(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class TestWithTheServer:
    def test_events_are_recorded_in_order_with_the_time_at_which_they_were_tracked(
        self, server: ServerProcess, new_client: NewClient, user: str
    ) -> None:
        accepted: list[Any] = []
        client = new_client(server.url, on_accepted=accepted.append)
        before = datetime.now(UTC)
        ids = [client.track(user, "code_run", {"n": n}, language="python") for n in range(20)]
        given = client.track(user, "visualize", event_id="mine", timestamp=NOON)
        assert client.flush(60) == 0
        assert [each.event_id for each in accepted] == [*ids, "mine"]
        assert given == "mine"
        first, last = accepted[0], accepted[-1]
        assert isinstance(first, Recorded)
        assert [badge.badge_id for badge in first.badges] == ["first_run"]
        assert before - timedelta(milliseconds=1) <= first.timestamp <= datetime.now(UTC)
        assert last.timestamp == NOON
        assert [entry.event.event_id for entry in client.history(user) if entry.event] == ["mine", *reversed(ids)]

    def test_a_server_that_is_killed_and_comes_back(
        self, server: ServerProcess, new_client: NewClient, user: str
    ) -> None:
        failures: list[Failure] = []
        client = new_client(server.url, on_error=lambda *failure: failures.append(failure))
        for n in range(600):
            client.track(user, "visualize", {"n": n})
        server.kill()
        for n in range(600, 700):
            client.track(user, "visualize", {"n": n})
        assert client.flush() > 0
        wait_until(lambda: bool(failures))
        assert isinstance(failures[0][0], ServiceUnreachable)
        server.start()
        assert client.flush(60) == 0
        assert client.dashboard(user).event_stats["visualize"].count == 700

    def test_what_is_refused_for_good_is_told_and_spoils_nothing(
        self, server: ServerProcess, new_client: NewClient, user: str
    ) -> None:
        refused: list[tuple[LearningEvent, LaurelsError]] = []
        client = new_client(server.url, on_rejected=lambda *each: refused.append(each))
        client.track(user, "code_run", event_id="run-1")
        client.track(user, "visualize", event_id="run-1")
        client.track(user, "code_rum", event_id="run-2")
        client.track(user, "code_run", event_id="run-3")
        assert client.flush(60) == 0
        [(conflict, why), (wrong, reason)] = refused
        assert (conflict.event_type, type(why)) == ("visualize", EventConflict)
        assert (wrong.event_id, type(reason)) == ("run-2", InvalidEvent)
        assert "code_run" in str(reason)
        assert client.dashboard(user).total_events == 2

    def test_a_process_that_is_killed_leaves_its_events_to_the_next(
        self, server: ServerProcess, new_client: NewClient, user: str, tmp_path: Path
    ) -> None:
        program = """
import os, signal, sys
from laurels.client import Client
client = Client(sys.argv[1], storage=sys.argv[2], flush_interval=0.01)
for n in range(300):
    client.track(sys.argv[3], "visualize", {"n": n}, event_id=f"e-{n}")
os.kill(os.getpid(), signal.SIGKILL)
"""
        with in_a_process(program, f"http://127.0.0.1:{free_port()}", str(tmp_path / "queue"), user) as killed:
            killed.wait(30)
        assert killed.returncode == -signal.SIGKILL
        client = new_client(server.url)
        assert client.pending == 300
        assert client.flush(60) == 0
        assert [entry.event.event_id for entry in client.history(user) if entry.event][-1] == "e-0"
        assert client.dashboard(user).total_events == 300
        client.close()
        assert list((tmp_path / "queue").iterdir()) == []

    def test_a_process_that_is_killed_before_it_hears_of_what_was_recorded(
        self, server: ServerProcess, service: ScriptedService, new_client: NewClient, user: str, tmp_path: Path
    ) -> None:
        is_recorded = threading.Event()

        def record_and_say_nothing(events: Events) -> Reply:
            httpx2.post(f"{server.url}/api/progress/events", json=events).raise_for_status()
            is_recorded.set()
            killed.wait(30)
            return accepted(events)

        service.replies.append(record_and_say_nothing)
        program = """
import sys
from laurels.client import Client
client = Client(sys.argv[1], storage=sys.argv[2], flush_interval=0.01)
for n in range(50):
    client.track(sys.argv[3], "visualize", {"n": n})
client.flush()
"""
        with in_a_process(program, service.url, str(tmp_path / "queue"), user) as killed:
            assert is_recorded.wait(30)
            killed.kill()
        client = new_client(server.url)
        assert client.pending == 50
        assert client.flush(60) == 0
        assert client.dashboard(user).total_events == 50


class TestFailures:
    @pytest.mark.parametrize("refusal", [(429, "too-many-requests"), (503, "store-unavailable")])
    def test_it_waits_as_long_as_it_is_asked_to(
        self, service: ScriptedService, new_client: NewClient, refusal: tuple[int, str]
    ) -> None:
        failures: list[Failure] = []
        service.replies.append(problem(*refusal, Retry_After="1"))
        client = new_client(service.url, on_error=lambda *failure: failures.append(failure))
        client.track("ada", "visualize", event_id="first")
        assert client.flush() == 1
        client.track("ada", "visualize", event_id="second")
        # Even when it is told to send at once.
        assert client.flush() == 2
        assert client.flush(60) == 0
        (first, _), (second, events) = service.batches
        assert second - first >= 1
        assert [event["eventId"] for event in events] == ["first", "second"]
        [(error, wait)] = failures
        assert isinstance(error, RequestRefused if refusal[0] == 429 else StoreUnavailable)
        assert wait is not None
        assert wait >= 1

    def test_it_waits_longer_after_each_failure(self, service: ScriptedService, new_client: NewClient) -> None:
        waits: list[float | None] = []
        service.replies += [(500, {}, b"")] * 3 + [(200, {}, b"<html>Please log in</html>"), (200, {}, {"results": []})]
        client = new_client(service.url, on_error=lambda _, wait: waits.append(wait))
        client.track("ada", "visualize")
        assert client.flush(60) == 0
        for wait, most in zip(waits, [0.05, 0.1, 0.2, 0.4, 0.8], strict=True):
            assert wait is not None
            assert most / 2 <= wait <= most

    def test_the_event_for_which_a_batch_is_refused_is_found(
        self, service: ScriptedService, new_client: NewClient
    ) -> None:
        def refuse_one(events: Events) -> Reply:
            is_at_fault = any(event["eventId"] == "e-11" for event in events)
            return problem(413, "request-entity-too-large") if is_at_fault else accepted(events)

        service.replies += [refuse_one] * 20
        refused: list[str | None] = []
        client = new_client(service.url, on_rejected=lambda event, _: refused.append(event.event_id))
        for n in range(16):
            client.track("ada", "visualize", event_id=f"e-{n}")
        assert client.flush(60) == 0
        assert refused == ["e-11"]

    def test_queued_by_the_service_is_safe(self, service: ScriptedService, new_client: NewClient) -> None:
        service.replies.append(
            lambda events: (200, {}, {"results": [{"status": "queued", "eventId": each["eventId"]} for each in events]})
        )
        client = new_client(service.url)
        client.track("ada", "visualize")
        assert client.flush(60) == 0

    def test_a_callback_that_fails_stops_nothing(self, service: ScriptedService, new_client: NewClient) -> None:
        def fail(*_: object) -> None:
            raise ValueError

        service.replies.append((500, {}, b""))
        client = new_client(service.url, on_error=fail)
        client.track("ada", "visualize")
        assert client.flush(60) == 0


class TestTheQueue:
    def test_the_oldest_are_dropped_past_the_bound_and_told(
        self, service: ScriptedService, new_client: NewClient, tmp_path: Path
    ) -> None:
        dropped: list[str | None] = []
        options: dict[str, Any] = {"max_events": 10, "flush_interval": 3_600}
        client = new_client(
            service.url, on_dropped=lambda events: dropped.extend(each.event_id for each in events), **options
        )
        for n in range(13):
            client.track("ada", "visualize", event_id=f"e-{n}")
        assert (client.pending, dropped) == (10, ["e-0", "e-1", "e-2"])
        assert client.flush(60) == 0
        [(_, events)] = service.batches
        assert [event["eventId"] for event in events] == [f"e-{n}" for n in range(3, 13)]
        assert len(list((tmp_path / "queue").iterdir())) == 1

    def test_processes_share_a_folder(self, service: ScriptedService, new_client: NewClient, tmp_path: Path) -> None:
        one = new_client(service.url, flush_interval=3_600)
        transport = Transport(service.url, None, 10)
        other = Tracker(transport, tmp_path / "queue", 1_000, 0.05, Listeners(), backoff=Backoff(0.05), look_round=0.05)
        one.track("ada", "visualize", event_id="one")
        other.track(LearningEvent(user_id="ada", event_type="visualize", event_id="other"))
        assert other.flush(10) == 0
        # That one still lives, so its events are its own.
        assert [event["eventId"] for _, events in service.batches for event in events] == ["other"]
        one._tracker._queue.close()
        wait_until(lambda: len(service.batches) >= 2)
        assert service.batches[1][1][0]["eventId"] == "one"
        other.close(0)

    def test_a_line_that_was_cut_off_and_one_that_is_no_event_are_passed_over(self, tmp_path: Path) -> None:
        segment = Segment.create(tmp_path)
        whole = b'={"userId":"ada","eventType":"visualize","eventId":"e"}\n'
        end = segment.append(b"\0\0\0\n") + len(whole)
        segment.append(whole)
        segment.append(b'={"userId":"ad')
        segment.close()
        [path] = tmp_path.iterdir()
        again = Segment.take_over(path)
        assert again is not None
        assert list(again.lines()) == [(whole, end)]
        assert Segment.take_over(path) is None
        again.close()

    @pytest.mark.parametrize("kind", ["symbolic link", "hard link", "folder", "pipe"])
    def test_what_is_no_file_of_ours_is_left_alone(self, tmp_path: Path, new_client: NewClient, kind: str) -> None:
        # Who may write into the folder must not have the client write into other files of its user.
        folder, victim, path = tmp_path / "journal", tmp_path / "victim", tmp_path / "journal" / "1.events"
        folder.mkdir()
        content = b"precious\n" * 20
        victim.write_bytes(content)
        match kind:
            case "symbolic link":
                path.symlink_to(victim)
            case "hard link":
                path.hardlink_to(victim)
            case "folder":
                path.mkdir()
            case _:
                os.mkfifo(path)
        client = new_client("http://127.0.0.1:9", storage=folder, flush_interval=3_600)
        client.track("ada", "visualize")
        assert client.pending == 1
        assert path.exists()
        assert victim.read_bytes() == content

    @pytest.mark.parametrize(
        "content",
        [b"", b"no head\n", b"%020d +%020d\n" % (43, 10**19), b"%020d %b\n={%b\n" % (43, b"?" * 21, b'"a":[' * 9_999)],
        ids=["empty", "short", "corrected by ages", "deep"],
    )
    def test_a_file_that_somebody_spoilt_does_not_keep_the_client_from_starting(
        self, tmp_path: Path, new_client: NewClient, content: bytes
    ) -> None:
        (tmp_path / "1.events").write_bytes(content)
        client = new_client("http://127.0.0.1:9", storage=tmp_path, flush_interval=3_600)
        client.track("ada", "visualize")
        assert client.pending == 1

    def test_a_disk_that_is_full_is_told_once_and_events_wait_in_memory(
        self, service: ScriptedService, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[Failure] = []
        client = new_client(service.url, flush_interval=3_600, on_error=lambda *failure: told.append(failure))
        client.track("ada", "visualize", event_id="before")
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", lambda *_: 0)
            client.track("ada", "visualize", event_id="full")
            client.track("ada", "visualize", event_id="still full")
        client.track("ada", "visualize", event_id="after")
        [(error, wait)] = told
        assert (type(error), wait) == (NotStored, None)
        assert client.flush(60) == 0
        assert [event["eventId"] for event in service.batches[0][1]] == ["before", "full", "still full", "after"]

    @pytest.mark.parametrize("ahead", [7_200, -7_200])
    def test_a_clock_that_is_wrong_is_corrected_and_stays_so(
        self, service: ScriptedService, new_client: NewClient, ahead: float
    ) -> None:
        service.ahead = ahead
        service.replies.append((500, {}, b""))
        client = new_client(service.url)
        now = datetime.now(UTC)
        client.track("ada", "visualize")
        client.track("ada", "visualize", timestamp=NOON)
        assert client.flush() == 2
        client.close(0)
        # A repetition says the same, even from another process by another clock.
        service.ahead = 0
        assert new_client(service.url).flush(10) == 0
        (_, first), (_, second) = service.batches
        assert first == second
        assert abs(datetime.fromisoformat(first[0]["timestamp"]) - now - timedelta(seconds=ahead)) < timedelta(
            seconds=5
        )
        assert datetime.fromisoformat(first[1]["timestamp"]) == NOON

    def test_what_is_wrong_is_said_at_once(self, new_client: NewClient) -> None:
        client = new_client("http://127.0.0.1:1")
        wrong: list[Callable[[], str]] = [
            lambda: client.track("", "visualize"),
            lambda: client.track("ada", "visualize", {"set": {1}}),
            lambda: client.track("ada", "visualize", timestamp=datetime(2026, 1, 1)),  # noqa: DTZ001  that is the point
            lambda: client.track("ada", "\ud800"),
        ]
        for track in wrong:
            with pytest.raises(InvalidEvent):
                track()
        assert client.pending == 0
        client.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            client.track("ada", "visualize")

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreUnavailable, match="cannot be used"):
            Client("http://127.0.0.1:1", storage=tmp_path / "file")
