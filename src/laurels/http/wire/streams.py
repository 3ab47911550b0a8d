"""Server-sent events on the wire: how many streams may be open, how a feed is framed, and how a stream ends.

It writes raw ASGI messages. The server's own buffer of a connection (64 KiB) is all that is held for a client: a piece
is only made once the buffer has taken the one before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from random import randint
from typing import Any

from litestar import Response
from litestar.types import HTTPScope, Receive, Send
from msgspec import Struct

from laurels.application.live.feeds import Feed
from laurels.application.live.messages import Message
from laurels.http.auth.access import caller_of
from laurels.http.server.addresses import client_of, networks_of
from laurels.http.wire.http_error import HttpError
from laurels.plurals import counted

MEDIA_TYPE = "text/event-stream"
# Heartbeats that a client may leave unread before it is disconnected.
PATIENCE = 4
# Seconds that a client has to read the end of its stream when the server stops.
_LAST = 1.0
_RETRY_AFTER_SECONDS = 10
# Streams without a key, token or session of a /56 and of a /48 of IPv6: so many times those of one address.
_OF_NETWORKS = (4, 8)
# One of so many places is kept for callers who have one of these.
_RESERVED = 4

_HEADERS = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    # Tells proxies not to buffer the answer.
    (b"x-accel-buffering", b"no"),
]
_HEARTBEAT = b":\n\n"
_BYE = b"event: bye\ndata: {}\n\n"


class StreamRefused(HttpError):
    """No further stream may be opened, by this client (429) or by anybody (503)."""

    def __init__(self, status_code: int, detail: str) -> None:
        super().__init__(status_code, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})


class StreamLimits(Struct, frozen=True):
    """`in_all` and `per_address`: how many streams may be open in this process. `heartbeat`: seconds between two
    heartbeats on a silent stream."""

    in_all: int = 2_000
    per_address: int = 100
    heartbeat: float = 15.0


class Streams:
    """The open streams of this process."""

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._by_address: Counter[str] = Counter()
        self._by_user: Counter[str] = Counter()
        # Of anonymous callers, who also may not have the last places.
        self._by_network: Counter[str] = Counter()
        self._anonymous = 0
        self.refused = 0

    def enter(self, scope: HTTPScope) -> Callable[[], None]:
        """Count a stream of the caller of `scope`; call the result to end the count. Raises StreamRefused."""
        client = scope["client"]
        host = "" if client is None else client[0]
        caller = caller_of(scope)
        address, is_anonymous = client_of(host), caller.is_anonymous
        networks = networks_of(host) if is_anonymous else ()
        users = () if caller.user_id is None else (caller.user_id,)
        try:
            self._check(address, networks, users, is_anonymous=is_anonymous)
        except StreamRefused:
            self.refused += 1
            raise
        self._by_address[address] += 1
        self._by_network.update(networks)
        self._by_user.update(users)
        self._anonymous += is_anonymous

        def leave() -> None:
            _count_off(self._by_address, (address,))
            _count_off(self._by_network, networks)
            _count_off(self._by_user, users)
            self._anonymous -= is_anonymous

        return leave

    @property
    def open(self) -> int:
        """The number of open streams."""
        return self._by_address.total()

    def _check(self, address: str, networks: Sequence[str], users: Sequence[str], *, is_anonymous: bool) -> None:
        limits = self.limits
        # `get`, since reading a missing one would keep it.
        if self._by_address.get(address, 0) >= limits.per_address:
            raise StreamRefused(429, f"One client may have {counted(limits.per_address, 'stream')} open; close one.")
        # Whatever the number of addresses that a learner has.
        if any(self._by_user.get(user_id, 0) >= limits.per_address for user_id in users):
            raise StreamRefused(429, f"One user may have {counted(limits.per_address, 'stream')} open; close one.")
        for network, times in zip(networks, _OF_NETWORKS, strict=False):
            most = times * limits.per_address
            if self._by_network.get(network, 0) >= most:
                raise StreamRefused(
                    429, f"The network {network} may have {counted(most, 'stream')} open without a key or token."
                )
        if self.open >= limits.in_all:
            raise StreamRefused(503, "As many streams are open as this server takes; try again later.")
        if is_anonymous and self._anonymous >= limits.in_all - limits.in_all // _RESERVED:
            raise StreamRefused(
                503, "As many streams are open as this server takes without a key or token; try again later."
            )

    @contextmanager
    def entering(self, scope: HTTPScope) -> Generator[Callable[[], None]]:
        """`enter`, undone if the block fails."""
        leave = self.enter(scope)
        try:
            yield leave
        except BaseException:
            leave()
            raise


def _count_off(counter: Counter[str], names: Sequence[str]) -> None:
    for name in names:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]


class EventStream(Response[bytes]):
    """Sends the messages of `feed` until it ends, the client leaves, the server stops or the caller loses the right.
    Then `leave` is called."""

    def __init__(
        self,
        feed: Feed,
        leave: Callable[[], None],
        *,
        heartbeat: float,
        is_still_valid: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        super().__init__(b"", media_type=MEDIA_TYPE)
        self._feed = feed
        self._leave = leave
        self._heartbeat = heartbeat
        self._still_counts = is_still_valid

    def to_asgi_response(self, *_args: Any, **_options: Any) -> Any:
        return self._send

    async def _send(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        del scope
        feed = self._feed
        vanishing = asyncio.create_task(_close_when_gone(feed, receive), name="laurels-stream-client")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            # Spread out, so that clients do not all reconnect at the same moment after a restart.
            piece = b"retry: %d\n\n" % randint(1_000, 3_000)  # noqa: S311  no secret depends on it
            while not vanishing.done():
                await self._give(piece, send)
                if feed.is_ended:
                    break
                messages = await feed.take(self._heartbeat)
                if self._still_counts is not None and not await self._still_counts():
                    break
                piece = b"".join(map(_frame, messages)) or _HEARTBEAT
            if not vanishing.done():
                async with asyncio.timeout(_LAST):
                    await send({"type": "http.response.body", "body": _BYE, "more_body": False})
                    while _is_unsent(receive):  # noqa: ASYNC110  nobody tells when it was taken
                        await asyncio.sleep(_LAST / 20)
        except TimeoutError:
            _abort(receive)
            # The server would treat an answer without an end as a fault until it learns that the client is gone.
            await asyncio.wait({vanishing}, timeout=_LAST)
        finally:
            feed.close()
            self._leave()
            vanishing.cancel()
            with suppress(asyncio.CancelledError):
                await vanishing

    async def _give(self, piece: bytes, send: Send) -> None:
        """Send a piece. Raises TimeoutError if the client reads nothing for too long, or at the end of the feed."""
        sending = asyncio.ensure_future(send({"type": "http.response.body", "body": piece, "more_body": True}))
        try:
            # Usually immediate: the connection's buffer has room.
            await asyncio.sleep(0)
            until = asyncio.get_running_loop().time() + PATIENCE * self._heartbeat
            while not sending.done():
                left = until - asyncio.get_running_loop().time()
                if left <= 0:
                    raise TimeoutError
                await asyncio.wait({sending}, timeout=min(left, _LAST))
                if self._feed.is_ended and not sending.done():
                    raise TimeoutError
            await sending
        finally:
            sending.cancel()


async def _close_when_gone(feed: Feed, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    feed.close()


def _frame(message: Message) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (message.id.encode(), message.kind.encode(), message.data)


def _is_unsent(receive: Receive) -> bool:
    """Whether the buffer of the connection still holds data."""
    size = getattr(_connection_of(receive), "get_write_buffer_size", None)
    return size is not None and size() > 0


def _abort(receive: Receive) -> None:
    """Cut the connection of a client that reads nothing: an orderly close would first wait for the buffer to empty."""
    abort = getattr(_connection_of(receive), "abort", None)
    if abort is not None:
        abort()


def _connection_of(receive: Receive) -> Any:
    """The transport below, which ASGI does not expose: uvicorn's `receive` has it. None on other servers."""
    return getattr(getattr(receive, "__self__", None), "transport", None)
