"""The application as the server holds it: composed when serving starts, and closed when it ends.

A server creates the application before its event loop runs, so composing it waits for the start.
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar.types import ASGIApp, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from laurels.errors import LaurelsError


class Lifespan:
    """Passes requests to the application that `compose` makes, which runs for the duration of its context."""

    def __init__(self, compose: Callable[[], AbstractAsyncContextManager[ASGIApp]]) -> None:
        self._compose = compose
        self._app: ASGIApp | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Accept requests while the block runs; a server does the same with messages."""
        async with self._compose() as app:
            self._app = app
            try:
                yield
            finally:
                self._app = None

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)  # pyright: ignore[reportArgumentType]  they belong to the scope
        elif self._app is None:
            raise RuntimeError("The server sent a request before the application had started: turn its lifespan on.")
        else:
            await self._app(scope, receive, send)  # pyright: ignore[reportArgumentType]  they belong to the scope

    async def _live(self, receive: LifeSpanReceive, send: LifeSpanSend) -> None:
        await receive()
        has_started = False
        try:
            async with self.lifespan():
                await send({"type": "lifespan.startup.complete"})
                has_started = True
                await receive()
        except Exception as error:
            message = str(error) if isinstance(error, LaurelsError) else traceback.format_exc()
            if has_started:
                await send({"type": "lifespan.shutdown.failed", "message": message})
            else:
                await send({"type": "lifespan.startup.failed", "message": message})
        else:
            await send({"type": "lifespan.shutdown.complete"})
