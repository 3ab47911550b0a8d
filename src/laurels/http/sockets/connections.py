"""Limits connections: their number, the data that they send before a body, and their duration.

uvicorn waits for the head of a request without a limit, and keeps any number of headers and trailers. It queues all
data that a client sends ahead, and waits for ever for a client that does not read.
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
from laurels.http.server.addresses import client_of, networks_of
from laurels.http.sockets.head_waits import HeadWaits
from laurels.http.sockets.read_scheduler import SHARE, TURN, ReadScheduler
from laurels.http.sockets.transport import READ, BoundedReads, CoalescingTransport
from laurels.http.wire.problems import plain_refusal

# The parts of uvicorn's classes used here that are not public. `pyproject.toml` lists the versions that have them.
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

# Data that a client sends ahead is read in pieces of this size, so that no more requests are queued than allowed.
_PIECE = 512
_WHOLE = 1_024
_MOST_UNREAD = 1024 * 1024
# The rest of a body is skipped once its request has been answered, but only a limited number of chunks smaller than
# this: skipping one takes as long as a request.
_SMALL = 64
_PASSED_OVER = 4_000
# The connections of an address, and of a /56 and a /48 of IPv6: so many times those of one address.
_OF_NETWORKS = (1, 4, 8)
# Seconds for which further data of a refused client is discarded, so that the client gets to read the refusal.
LINGER = 1.0
# Seconds in which a client must read something when the server stops.
STOP_PATIENCE = 1.0
# Seconds that then remain for the rest of a body.
STOP_BODY_SECONDS = 3.0

_BAD = plain_refusal(400, "This is not a request that can be read.")
_TOO_LARGE = plain_refusal(431, "The head of a request, or what follows its body, is too large.")
_BUSY = plain_refusal(503, "As many connections are open as this server takes; try again later.")
_CROWDED = plain_refusal(503, "As many connections are open from this address as it may have; close one.")


class ConnectionLimits(Struct, frozen=True):
    """For one process, the same for all connections.

    `connections` and `per_address`: how many may be open (of an IPv6 /56 four times as many as of an address, of a /48
    eight times); `exempt` addresses (of proxies) may use all. `head_bytes` and
    `headers`: the maximum size of a request's head, its first line included, and the maximum number of its fields; the
    same limits apply to trailers. `ahead`: requests that wait for the answers to those before them; further data of the
    client is not read until then. Seconds: `head_seconds` for a head to arrive, `write_seconds` in which a client must
    read something.
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
    """A head or a trailer exceeds its limits."""


def check_server() -> None:
    """Raise SettingsError if the installed uvicorn does not have the structure that this module needs."""
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
    """The end callback of a request that nobody answers."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol within `limits`, which are set once for the process."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()
    share_seconds: ClassVar[float] = SHARE
    turn_seconds: ClassVar[float] = TURN
    linger_seconds: ClassVar[float] = LINGER
    _of_address: ClassVar[Counter[str]] = Counter()
    _head_waits: ClassVar[HeadWaits] = HeadWaits()
    _turns: ClassVar[ReadScheduler | None] = None

    # The address and the wider networks that it is counted for.
    _counted_for: tuple[str, ...] = ()
    _head_timer: asyncio.TimerHandle | None = None
    # Of the present head or trailer.
    _bytes = 0
    _fields = 0
    # Bytes since the last complete part of a request: the parser itself has no limit for them.
    _silent = 0
    _is_in_head = False
    # Received data that was not parsed yet, starting at an offset; and how many bytes of the present body are still to
    # come.
    _unread = b""
    _at = 0
    _body_left = 0
    _waits_for_turn = False
    # Small chunks that may still come of a body that nobody reads any more.
    _passes_over: int | None = None
    # The request that is being answered, which is not the last one if a client sends ahead.
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
        if len(self.connections) > limits.connections and not self._head_waits.end_oldest():
            self._refuse(_BUSY)
            return
        if self.client is not None and not (limits.exempt and limits.exempt(self.client[0])):
            self._counted_for = (client_of(self.client[0]), *networks_of(self.client[0]))
            self._of_address.update(self._counted_for)
            for name, times in zip(self._counted_for, _OF_NETWORKS, strict=False):
                if self._of_address[name] > times * limits.per_address:
                    self._refuse(_CROWDED)
                    return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unread = b""
        self._transport.end()
        counted, self._counted_for = self._counted_for, ()
        for name in counted:
            self._of_address[name] -= 1
            if not self._of_address[name]:
                del self._of_address[name]
        super().connection_lost(exc)
        self._tell_of_loss()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _tell_of_loss(self) -> None:
        """Notify the request that is being answered that its client is gone: the server notifies only the last one.
        Waiting requests are released, because they and the connection hold references to each other."""
        answered, self._answered = self._answered, None
        if answered is not None and not answered.response_complete:
            answered.disconnected = True
            answered.message_event.set()
        for waiting, _ in self.pipeline:
            waiting.on_response = _ignored
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            # Discarded, until the client has read the refusal.
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
        # Another request on an idle connection: the server's own timer has ended with its first byte.
        if self._head_timer is None and self.cycle and self.cycle.response_complete and not self._is_refused:
            self._wait_for_head()

    def _is_in_chunks(self) -> bool:
        """Whether the next data belongs to a chunked body, of which a kilobyte may hold a hundred chunks."""
        cycle = self.cycle
        return bool(cycle and cycle.more_body and not self._body_left)

    def _read_unread(self) -> None:
        """Parse the received data: a little at once if no other connection waits for its turn, the rest in turns."""
        if self._waits_for_turn:
            return
        turns = self._turns
        if turns is None or turns.loop is not self.loop:
            turns = type(self)._turns = ReadScheduler(self.loop, share=self.share_seconds, turn=self.turn_seconds)
        if not turns.are_free or self._read_until(monotonic() + turns.share):
            self._waits_for_turn = True
            self._transport.hold_reading()
            turns.wait(self)

    def take_turn(self, until: float) -> bool:
        """Continue to parse; while there is more, nothing else is read from this client."""
        if self._read_until(until):
            return True
        self._waits_for_turn = False
        self._transport.release_reading()
        return False

    def _read_until(self, until: float) -> bool:
        """Parse the received data piece by piece, while not too many requests wait. Returns whether time ended it."""
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
            # Only HTTP is spoken here: this request is answered, and none after it.
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
            # Until it is read: a thousand clients may send bodies at the same moment.
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
        elif not self.pipeline and not self._is_refused and not self._waits_for_body() and self._head_timer is None:
            # Idle until its next request.
            self._head_waits.add(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._transport.watch()

    def shutdown(self) -> None:
        super().shutdown()
        self._transport.force_close(STOP_PATIENCE)
        if self._waits_for_body():
            self.loop.call_later(STOP_BODY_SECONDS, self._give_up_body)

    def _count(self, size: int) -> None:
        self._silent = 0
        self._bytes += size
        if self._bytes > self.limits.head_bytes:
            raise _TooLarge

    def _refuse(self, answer: bytes) -> None:
        """Send a refusal, and close. If an answer to an earlier request is running, only close."""
        self._stop_waiting()
        self._is_refused = True
        cycle = self.cycle
        if self.pipeline or (cycle and cycle.response_started and not cycle.response_complete):
            self._transport.abort()
            return
        if cycle and not cycle.response_complete:
            # The rest of its body will not come.
            cycle.disconnected = True
            cycle.message_event.set()
        self._transport.write(answer)
        self._linger()

    def _end_after_answers(self) -> None:
        """Read nothing more; close once all accepted requests are answered."""
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
        self._head_waits.add(self)

    def give_up_place(self) -> None:
        """Close: all places are taken, and no other connection has waited as long for a request. What was answered is
        still sent."""
        if self._head_timer is None:
            self._transport.close()
        else:
            self._transport.abort()

    def _stop_waiting(self) -> None:
        self._head_waits.discard(self)
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
