"""Limits how many requests are processed at once, and how long each may take until its answer begins.

Without a limit, more requests than the process can serve would fill its memory and slow all of them down.
"""

from __future__ import annotations

import asyncio

from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Scope, Send

from laurels.http.server.deadlines import Deadlines
from laurels.http.server.routing import address_of, is_probe, route_of
from laurels.http.wire.bodies import BODY_IS_READ
from laurels.http.wire.http_error import HttpError
from laurels.plurals import counted


class _Slots:
    __slots__ = ("most", "taken")

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0


class Capacity:
    """Lets `requests` requests at a time through to `app`, each for `seconds`. `under_way` and `shed` count the running
    and the refused ones.

    A request holds its place while it is processed, not while its client sends the body or reads the answer: otherwise
    a client could hold a place with a byte now and then. Each kind of probe has `probes` places of its own: a busy
    server is alive, and so is one whose store delays readiness probes.
    """

    def __init__(self, app: ASGIApp, *, requests: int, seconds: float, probes: int = 32) -> None:
        self._app = app
        self._of_requests = _Slots(requests)
        self._probes = probes
        self._of_probes: dict[str, _Slots] = {}
        self._seconds = seconds
        self._deadlines = Deadlines(seconds)
        self.shed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # noqa: S101  nothing else comes here
        route = route_of(scope)
        places = self._places_of_probe(scope) if is_probe(scope) else self._of_requests
        if places.taken >= places.most:
            self.shed += 1
            raise HttpError(503, "The server has as much to do as it takes; try again in a moment.")
        # Streams have a limit of their own, from their start on.
        is_stream = route is not None and route.is_stream
        has_begun, holds_place = False, True
        places.taken += 1
        deadline = self._deadlines.begin()

        async def take() -> ReceiveMessage:
            nonlocal holds_place
            # While it is answered, it only checks whether the client is still there.
            if has_begun or not holds_place:
                return await receive()
            holds_place = False
            places.taken -= 1
            try:
                return await receive()
            finally:
                holds_place = True
                places.taken += 1

        async def answer(message: Message) -> None:
            nonlocal has_begun, holds_place
            if message["type"] == "http.response.start":
                has_begun = True
                self._deadlines.end(deadline)
                goes_on = not is_stream
            else:
                goes_on = holds_place and message.get("more_body", False)
            if holds_place:
                holds_place = False
                places.taken -= 1
            await send(message)
            if goes_on:
                # More work follows. Exceeding the limit for such a short time does no harm.
                holds_place = True
                places.taken += 1

        try:
            # A stream has no body to wait for, and reaches its connection through `receive`.
            await self._app(scope, receive if is_stream else take, answer)
        except asyncio.CancelledError:
            # Others may have cancelled it as well, for example a stopping server.
            if not deadline.passed or deadline.task.uncancel() or has_begun:
                raise
            raise self._too_slow(scope) from None
        finally:
            self._deadlines.end(deadline)
            if holds_place:
                places.taken -= 1

    @property
    def under_way(self) -> int:
        """The number of running requests."""
        return self._of_requests.taken + sum(places.taken for places in self._of_probes.values())

    def _places_of_probe(self, scope: HTTPScope) -> _Slots:
        address = address_of(scope)
        assert address is not None  # noqa: S101  a route has one
        return self._of_probes.setdefault(address.template, _Slots(self._probes))

    def close(self) -> None:
        """End all limits."""
        self._deadlines.close()

    def _too_slow(self, scope: HTTPScope) -> HttpError:
        closing = {"Connection": "close"}
        if scope["method"] in ("GET", "HEAD") or BODY_IS_READ in scope["state"]:
            detail = f"The request was not carried out within {counted(self._seconds, 'second')}; try again."
            return HttpError(503, detail, headers=closing)
        return HttpError(
            408, f"The body did not arrive within {counted(self._seconds, 'second')}; send it again.", headers=closing
        )
