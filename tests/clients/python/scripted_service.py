"""An HTTP server that answers as a test says: refusals with their headers, nonsense, a clock that is wrong."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Events = list[dict[str, Any]]
Reply = tuple[int, dict[str, str], object]


def problem(status: int, code: str, **headers: str) -> Reply:
    """A refusal as the service writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, {"type": f"urn:laurels:problem:{code}", "error": "Not now.", "status": status}


def accepted(events: Events) -> Reply:
    """The answer to a batch that is recorded."""
    results = [{"status": "recorded", "eventId": event["eventId"], "points": 5} for event in events]
    return 200, {}, {"success": True, "results": results}


class ScriptedService:
    """Answers batches with what stands in `replies`, in order, and then records all. `ahead` seconds is its clock.

    `batches` holds what came, with the time of each by the monotonic clock, and `tokens` what requests were sent with.
    """

    def __init__(self) -> None:
        self.replies: deque[Reply | Callable[[Events], Reply]] = deque()
        self.batches: list[tuple[float, Events]] = []
        self.tokens: list[str | None] = []
        self.ahead = 0.0
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply((200, {}, {"status": "ok"}))

            def do_POST(self) -> None:
                events = json.loads(self.rfile.read(int(self.headers["content-length"])))
                scripted.tokens.append(self.headers.get("authorization"))
                scripted.batches.append((time.monotonic(), events))
                reply = scripted.replies.popleft() if scripted.replies else accepted
                self._reply(reply(events) if callable(reply) else reply)

            def _reply(self, reply: Reply) -> None:
                status, headers, document = reply
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response_only(status)
                self.send_header("Date", formatdate(time.time() + scripted.ahead, usegmt=True))
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                """Nothing: tests read what they ask for."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
