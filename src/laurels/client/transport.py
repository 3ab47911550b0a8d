"""Requests: the address, the token and its renewal, the time limit, and one kind of error for all failures.

Both clients use it, so that they fail and retry authentication in the same way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2

from laurels.client.answers import Answer
from laurels.client.calls import Call
from laurels.client.errors import ServiceUnreachable, error_of
from laurels.errors import SettingsError

T = TypeVar("T")
Token = str | Callable[[], str] | None
"""An API key, or a function that returns a token; it is called before the first request and after each 401."""
UNAUTHORIZED = 401


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
            return _answer_of(self._http.send(self._transport.request(self._http, call, token)))
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
            return _answer_of(await self._http.send(self._transport.request(self._http, call, token)))
        except httpx2.RequestError as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def value_of(call: Call[T], answer: Answer) -> T:
    """The value of an answer. Raises the error that it refuses with, or ServiceUnreachable if it is not the
    service's."""
    if not httpx2.codes.is_success(answer.status):
        raise error_of(answer.status, answer.headers, answer.body, user_id=call.user_id, event_id=call.event_id)
    return call.read(answer)


def _answer_of(response: httpx2.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _unreachable(error: httpx2.RequestError) -> ServiceUnreachable:
    what = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "could not be reached"
    return ServiceUnreachable(f"The service {what}; see that its address is right and that it runs.")
