"""Requests as the layers around the framework see them, without a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar.types import ASGIApp, Message

from laurels.http.auth.access import Access
from laurels.http.server.routing import Address, Route

ANYBODY = Access(is_open=True)
THING = Address("/api/thing", {"GET": Route(ANYBODY), "POST": Route(ANYBODY)})


def scope_of(method: str = "GET", address: Address | None = THING, **headers: Any) -> Any:
    """The scope of a request; the name of a header is written with `_` for `-`."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    state = {"address": address, "route": address.routes.get(method)} if address else {}
    shown = {"path": address.template if address else "/api/thing", "query_string": b""}
    return {"type": "http", "method": method, "headers": given, "state": state, **shown}


async def body() -> Any:
    """A request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def ask(
    app: ASGIApp, scope: Any, receive: Callable[..., Any] = body
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """The status, headers and body with which a request is answered."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    assert start["type"] == "http.response.start"
    content = b""
    for part in parts:
        assert part["type"] == "http.response.body"
        content += part["body"]
    return start["status"], [(name, value) for name, value in start["headers"]], content


def answering(content: bytes = b"thing", *, headers: tuple[tuple[bytes, bytes], ...] = ((b"x-app", b"1"),)) -> ASGIApp:
    """An application that answers everything alike and names the method that it was asked with."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del receive
        named = [*headers, (b"x-method", scope["method"].encode())]
        await send({"type": "http.response.start", "status": 200, "headers": named})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    return app
