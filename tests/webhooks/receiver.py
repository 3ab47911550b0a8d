"""A receiver as others write it: a plain HTTP server that checks signatures with the official library."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Answers = Callable[[dict[str, Any]], int]


class Receiver:
    """Takes messages on a loopback port, and answers each with the status that `answers` gives for it, or with nothing
    as long as it `hangs`."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: Answers = lambda _message: 204
        self.location = ""
        self.hangs = threading.Event()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    # Who sent it was stopped meanwhile.
                    return
                with receiver._lock:
                    receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.answers(json.loads(body))
                if receiver.hangs.is_set():
                    while receiver.hangs.is_set():
                        time.sleep(0.01)
                    return
                self.send_response(status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is given
                del format, args

        class Server(ThreadingHTTPServer):
            # Many come at once.
            request_queue_size = 128
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01))
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks?from=laurels"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of all requests, in order of arrival, whatever was answered."""
        return [json.loads(body) for _, body in self.requests]

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [headers["webhook-id"] for headers, _ in self.requests]

    def verify(self, secret: str, number: int = -1) -> Any:
        """What the official library makes of a request. Raises where the signature is not one of `secret`."""
        headers, body = self.requests[number]
        return Webhook(secret).verify(body, headers)

    def wait_for(self, count: int, seconds: float = 20.0) -> None:
        """Wait until so many requests have come."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} came"
            time.sleep(0.01)

    def close(self) -> None:
        """Stop."""
        self.hangs.clear()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
