"""Connections as the server keeps them: bounded in number, in what they send before a body, and in how long they take.

uvicorn waits for the head of a request as long as it takes, keeps headers and trailers however many come, queues
whatever a client sends ahead, and waits for ever for one that does not read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from importlib.metadata import requires
from time import monotonic
from typing import Any, ClassVar

import httptools
import uvicorn
from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from laurels.errors import SettingsError
from laurels.http.server.addresses import client_of
from laurels.http.server.transport import READ, BoundedReads, CoalescingTransport
from laurels.http.server.turns import SHARE, TURN, Turns
from laurels.http.wire.problems import plain_refusal

# What is used here of uvicorn's classes and is no public interface. `pyproject.toml` names the versions that have it.
_USED = {
    HttpToolsProtocol: (
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "connection_made",
        "connection_lost",
        "on_header",
        "on_headers_complete",
        "on_message_begin",
        "on_message_complete",
        "on_response_complete",
        "pause_writing",
        "shutdown",
    ),
    RequestResponseCycle: ("run_asgi", "send", "receive"),
}
_IN_PROTOCOL = {"connections", "cycle", "flow", "loop", "parser", "pipeline", "tasks", "transport"}
_IN_CYCLE = {
    "body",
    "disconnected",
    "keep_alive",
    "message_event",
    "more_body",
    "on_response",
    "response_complete",
    "response_started",
    "transport",
}

# A client that sends ahead is read in pieces of so many bytes, so that no more requests wait than are looked at.
_PIECE = 512
_WHOLE = 1_024
_MOST_UNREAD = 1024 * 1024
# What is left of a body when its request has been answered is passed over, but of chunks of fewer bytes no more than so
# many: passing over them takes as long as a request.
_SMALL = 64
_PASSED_OVER = 4_000
# Seconds that what a refused client still sends is thrown away, so that it comes to read the refusal.
LINGER = 1.0
# Seconds in which a client must take something when the server stops.
STOP_PATIENCE = 1.0
# Seconds that are left then for the rest of a body.
STOP_BODY_SECONDS = 3.0

_BAD = plain_refusal(400, "This is not a request that can be read.")
_TOO_LARGE = plain_refusal(431, "The head of a request, or what follows its body, is too large.")
_BUSY = plain_refusal(503, "As many connections are open as this server takes; try again later.")
_CROWDED = plain_refusal(503, "As many connections are open from this address as it may have; close one.")


class ConnectionLimits(Struct, frozen=True):
    """Of one process, the same for all connections.

    `connections` and `per_address`: how many may be open; `exempt` addresses (of proxies) may have all. `head_bytes`
    and `headers`: how large the head of a request may be, its line included, and how many fields it may have; the
    same holds for what follows a body. `ahead`: requests that wait for the answers to those before them; what a client
    sends beyond is not looked at until then.
    Seconds: `head_seconds` for a head to arrive, `write_seconds` in which a client must take something.
    """

    connections: int = 10_000
    per_address: int = 1_000
    exempt: Callable[[str], bool] | None = None
    head_bytes: int = 32 * 1024
    headers: int = 100
    ahead: int = 16
    head_seconds: float = 20.0
    write_seconds: float = 20.0


class _TooLarge(Exception):
    """A head or a trailer goes beyond its bounds."""


def check_server() -> None:
    """Raise SettingsError where the uvicorn that is installed is built otherwise than this module needs it."""
    missing = [f"{kind.__name__}.{name}" for kind, names in _USED.items() for name in names if not hasattr(kind, name)]
    for kind, attributes in ((HttpToolsProtocol, _IN_PROTOCOL), (RequestResponseCycle, _IN_CYCLE)):
        missing += [f"{kind.__name__}.{name}" for name in sorted(attributes - set(kind.__init__.__code__.co_names))]
    if missing:
        needed = next(each for each in requires("laurels") or () if each.startswith("uvicorn"))
        raise SettingsError(
            f"uvicorn {uvicorn.__version__} cannot be used: it lacks {', '.join(missing)}. "
            f"Install {needed.partition(';')[0].strip()}."
        )


def _ignored() -> None:
    """What a request that nobody answers calls at its end."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within `limits`, which are set once for the process."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()
    share_seconds: ClassVar[float] = SHARE
    turn_seconds: ClassVar[float] = TURN
    linger_seconds: ClassVar[float] = LINGER
    _of_address: ClassVar[Counter[str]] = Counter()
    _turns: ClassVar[Turns | None] = None

    _address: str | None = None
    _head_timer: asyncio.TimerHandle | None = None
    # Of the head or trailer that is being read.
    _bytes = 0
    _fields = 0
    # Bytes since anything of a request was complete: the parser itself has no bound for them.
    _silent = 0
    _is_in_head = False
    # Bytes that have come and were not read yet, from a place in them on; of the body that is read, how many will come.
    _unread = b""
    _at = 0
    _body_left = 0
    _waits_for_turn = False
    # Small chunks of a body that nobody reads any more that may still come.
    _passes_over: int | None = None
    # The request that is being answered, which is not the last one where a client sends ahead.
    _answered: RequestResponseCycle | None = None
    _is_refused = False
    _is_stopping = False

    @classmethod
    def keep(cls, limits: ConnectionLimits) -> None:
        """Set the limits of this process."""
        cls.limits = limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        limits = self.limits
        transport.set_protocol(BoundedReads(self))
        self._transport = CoalescingTransport(transport, self.loop, patience=limits.write_seconds)
        super().connection_made(self._transport)  # type: ignore[arg-type]
        if len(self.connections) > limits.connections:
            self._refuse(_BUSY)
            return
        if self.client is not None and not (limits.exempt and limits.exempt(self.client[0])):
            self._address = client_of(self.client[0])
            self._of_address[self._address] += 1
            if self._of_address[self._address] > limits.per_address:
                self._refuse(_CROWDED)
                return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unread = b""
        self._transport.end()
        if self._address is not None:
            self._of_address[self._address] -= 1
            if not self._of_address[self._address]:
                del self._of_address[self._address]
        super().connection_lost(exc)
        self._tell_of_loss()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _tell_of_loss(self) -> None:
        """Tell the request that is being answered that nobody is there any more: the server tells the last one alone.
        Those that wait are let go, which hold the connection as it holds them."""
        answered, self._answered = self._answered, None
        if answered is not None and not answered.response_complete:
            answered.disconnected = True
            answered.message_event.set()
        for waiting, _ in self.pipeline:
            waiting.on_response = _ignored
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            # Thrown away, until the client has read why.
            return
        self._unset_keepalive_if_required()
        if not self._unread and len(data) <= _WHOLE and not self._is_in_chunks():
            self._feed(data)
        else:
            self._unread, self._at = self._unread[self._at :] + data, 0
            if len(self._unread) > _MOST_UNREAD:
                self._transport.abort()
                return
            self._read_unread()
        # A further request on a connection that was idle: the server's own timer has ended with its first byte.
        if self._head_timer is None and self.cycle and self.cycle.response_complete and not self._is_refused:
            self._wait_for_head()

    def _is_in_chunks(self) -> bool:
        """Whether what comes next is of a body in chunks, of which a kilobyte may be a hundred."""
        cycle = self.cycle
        return bool(cycle and cycle.more_body and not self._body_left)

    def _read_unread(self) -> None:
        """Read what has come: a little at once where no other connection waits for that, the rest in turn."""
        if self._waits_for_turn:
            return
        turns = self._turns
        if turns is None or turns.loop is not self.loop:
            turns = type(self)._turns = Turns(self.loop, share=self.share_seconds, turn=self.turn_seconds)
        if not turns.are_free or self._read_until(monotonic() + turns.share):
            self._waits_for_turn = True
            self._transport.hold_reading()
            turns.wait(self)

    def take_turn(self, until: float) -> bool:
        """Read on; as long as there is more, nothing else is taken of this client."""
        if self._read_until(until):
            return True
        self._waits_for_turn = False
        self._transport.release_reading()
        return False

    def _read_until(self, until: float) -> bool:
        """Read what has come piece by piece, as long as not too many requests wait. Whether time ended that."""
        while self._at < len(self._unread) and not self._is_refused:
            if len(self.pipeline) >= self.limits.ahead:
                self.flow.pause_reading()
                return False
            size = self._body_left or _PIECE
            piece = self._unread[self._at : self._at + size]
            self._at += size
            self._feed(piece)
            if self._at < len(self._unread) and monotonic() > until:
                return True
        self._unread, self._at = b"", 0
        return False

    def _feed(self, data: bytes) -> None:
        self._silent += len(data)
        try:
            self.parser.feed_data(data)  # pyright: ignore[reportOptionalMemberAccess]  None only after the end
            if self._silent > self.limits.head_bytes:
                raise _TooLarge
            if self._passes_over is not None and self._passes_over < 0:
                self._end_after_answers()
        except httptools.HttpParserUpgrade:
            # Nothing here is spoken but HTTP: this request is answered, and none after it.
            self._end_after_answers()
        except _TooLarge:
            self._refuse(_TOO_LARGE)
        except httptools.HttpParserError as error:
            self._refuse(_TOO_LARGE if isinstance(error.__context__, _TooLarge) else _BAD)

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._bytes = self._fields = self._silent = self._body_left = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._count(len(name) + len(value) + 4)
        if self._fields > self.limits.headers:
            raise _TooLarge
        if self._is_in_head:
            super().on_header(name, value)
            # The last one in the list, in lower case.
            if self.headers[-1][0] == b"content-length" and value.isdigit():
                self._body_left = int(value)

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._is_in_head = False
        self._bytes = self._fields = self._silent = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._silent = 0
        self._body_left = max(0, self._body_left - len(body))
        if self._passes_over is not None and len(body) < _SMALL:
            self._passes_over -= 1
        super().on_body(body)
        cycle = self.cycle
        if len(cycle.body) > READ // 2 and not cycle.response_complete:
            # Until it is taken: a thousand clients may send bodies in the same moment.
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        self._silent = 0
        self._passes_over = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            self._passes_over = _PASSED_OVER
        if not self.pipeline and self._is_refused and self.cycle.response_complete:
            self._linger()
        elif self._unread:
            self._read_unread()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._transport.watch()

    def shutdown(self) -> None:
        super().shutdown()
        self._transport.hurry(STOP_PATIENCE)
        if self._waits_for_body():
            self.loop.call_later(STOP_BODY_SECONDS, self._give_up_body)

    def _count(self, size: int) -> None:
        self._silent = 0
        self._bytes += size
        if self._bytes > self.limits.head_bytes:
            raise _TooLarge

    def _refuse(self, answer: bytes) -> None:
        """Answer what cannot be taken, and close. Where an answer to an earlier request is under way, close alone."""
        self._stop_waiting()
        self._is_refused = True
        cycle = self.cycle
        if self.pipeline or (cycle and cycle.response_started and not cycle.response_complete):
            self._transport.abort()
            return
        if cycle and not cycle.response_complete:
            # Its body does not come any more.
            cycle.disconnected = True
            cycle.message_event.set()
        self._transport.write(answer)
        self._linger()

    def _end_after_answers(self) -> None:
        """Take nothing more; close when all that was taken is answered."""
        self._is_refused = True
        if not self.cycle or self.cycle.response_complete:
            self._linger()

    def _linger(self) -> None:
        self._transport.finish()
        self.flow.resume_reading()
        self._stop_waiting()
        self._head_timer = self.loop.call_later(self.linger_seconds, self._give_up)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _waits_for_body(self) -> bool:
        cycle = self.cycle
        return bool(cycle and cycle.more_body and not cycle.response_started)

    def _give_up_body(self) -> None:
        if self._waits_for_body():
            self._transport.abort()

    def _give_up(self) -> None:
        self._head_timer = None
        self._transport.abort()
