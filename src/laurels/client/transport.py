"""Requests: the address, the token and its renewal, the time limit, and one kind of error for all failures.

Both clients use it, so that they fail and retry authentication in the same way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing, closing
from time import monotonic
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2

from laurels.client.answers import Answer, strange
from laurels.client.calls import Call
from laurels.client.errors import ServiceUnreachable, error_of
from laurels.errors import SettingsError

T = TypeVar("T")
Token = str | Callable[[], str] | None
"""An API key, or a function that returns a token; it is called before the first request and after each 401."""
UNAUTHORIZED = 401
# Bytes of an answer, unpacked. The largest, about a thousand events, has a few million.
MOST_BYTES = 64 * 1024 * 1024
# The time limit of a client is for each piece of an answer; all pieces together may take this many times as long.
_PIECES_SECONDS = 10
_UNREACHABLE = "The service {}; see that its address is right and that it runs."


class Credentials:
    """The token of a client, shared by its threads."""

    def __init__(self, token: Token) -> None:
        self._ask = None if token is None or isinstance(token, str) else token
        self._held = _checked(token) if isinstance(token, str) else None
        self._asking = threading.Lock()

    def current(self) -> str | None:
        """The token to send; the function is called if there is none yet. May block."""
        return self._held if self._held is not None or self._ask is None else self.renewed(None)

    def renewed(self, refused: str | None) -> str | None:
        """A token other than the refused one; None if there is no way to get one. May block."""
        if self._ask is None:
            return None
        with self._asking:
            # Another thread may have renewed it in the meantime.
            if self._held == refused:
                self._held = _checked(self._ask())
            return self._held


def _checked(token: str) -> str:
    """The token without the line end of the file that it may come from. Raises SettingsError if it is invalid."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError("The token must be an API key or a signed token; leave it out for a service without keys.")
    return token


class Transport:
    """The common part of a client's requests. Opens no connection until one is needed."""

    def __init__(self, url: str, token: Token, timeout: float) -> None:
        self.url = url.rstrip("/")
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise SettingsError("The address of the service must begin with http:// or https://, and name a host.")
        self.credentials = Credentials(token)
        self.timeout = timeout

    def open(self) -> Connections:
        """Connections for code without `await`."""
        return Connections(self)

    def open_async(self) -> AsyncConnections:
        """Connections for code with `await`; they belong to its loop."""
        return AsyncConnections(self)

    def request(self, http: httpx2.Client | httpx2.AsyncClient, call: Call[T], token: str | None) -> httpx2.Request:
        """The request of a call."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        return http.build_request(call.method, self.url + call.target, content=call.body, headers=headers)


class Connections:
    """Sends calls, and waits. May be used from many threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._http = httpx2.Client(timeout=transport.timeout)

    def send(self, call: Call[T]) -> T:
        """The value of a call's answer. Raises LaurelsError."""
        return value_of(call, self.answer(call))

    def answer(self, call: Call[T]) -> Answer:
        """The answer as received, including refusals. Raises ServiceUnreachable."""
        credentials = self._transport.credentials
        token = credentials.current()
        answer = self._once(call, token)
        if answer.status == UNAUTHORIZED and (other := credentials.renewed(token)) is not None:
            answer = self._once(call, other)
        return answer

    def _once(self, call: Call[T], token: str | None) -> Answer:
        try:
            response = self._http.send(self._transport.request(self._http, call, token), stream=True)
            with closing(response):
                body = _Body(response, self._transport.timeout)
                for piece in response.iter_bytes():
                    body.add(piece)
            return body.answer
        except httpx2.RequestError as error:
            raise _unreachable(error) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class AsyncConnections:
    """Sends calls from an event loop."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._http = httpx2.AsyncClient(timeout=transport.timeout)

    async def send(self, call: Call[T]) -> T:
        """The value of a call's answer. Raises LaurelsError."""
        credentials = self._transport.credentials
        # A function that returns a token may block.
        token = await asyncio.to_thread(credentials.current)
        answer = await self._once(call, token)
        if answer.status == UNAUTHORIZED:
            other = await asyncio.to_thread(credentials.renewed, token)
            if other is not None:
                answer = await self._once(call, other)
        return value_of(call, answer)

    async def _once(self, call: Call[T], token: str | None) -> Answer:
        try:
            response = await self._http.send(self._transport.request(self._http, call, token), stream=True)
            async with aclosing(response):
                body = _Body(response, self._transport.timeout)
                async for piece in response.aiter_bytes():
                    body.add(piece)
            return body.answer
        except httpx2.RequestError as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class _Body:
    """The body of an answer, as it arrives: something else may answer in the service's place, without an end."""

    def __init__(self, response: httpx2.Response, timeout: float) -> None:
        self._response = response
        self._until = monotonic() + _PIECES_SECONDS * timeout
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises ServiceUnreachable."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise strange(Answer(self._response.status_code, {}, b""))
        if monotonic() > self._until:
            raise ServiceUnreachable(_UNREACHABLE.format("did not answer in time"))

    @property
    def answer(self) -> Answer:
        """The whole answer."""
        return Answer(self._response.status_code, self._response.headers, b"".join(self._pieces))


def value_of(call: Call[T], answer: Answer) -> T:
    """The value of an answer. Raises the error that it refuses with, or ServiceUnreachable if it is not the
    service's."""
    try:
        if not httpx2.codes.is_success(answer.status):
            raise error_of(answer.status, answer.headers, answer.body, user_id=call.user_id, event_id=call.event_id)
        return call.read(answer)
    except RecursionError:
        # No answer of the service is that deep.
        raise strange(answer) from None


def _unreachable(error: httpx2.RequestError) -> ServiceUnreachable:
    what = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "could not be reached"
    return ServiceUnreachable(_UNREACHABLE.format(what))
