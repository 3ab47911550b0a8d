"""Refusals and faults of the layers around the framework, in the same form as those of routes."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from laurels.errors import LaurelsError
from laurels.http.wire.problems import on_fault, on_http_exception, on_laurels_error


class ErrorResponses:
    """Answers with the error's own document if `app` raises one before its answer began."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def answer(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except (Exception, asyncio.CancelledError) as error:
            # A cancelled request has nobody left to answer. Otherwise the task that it waited for was cancelled, which
            # is a fault of ours.
            task = asyncio.current_task()
            if has_begun or (isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling()):
                raise
            request = Request[Any, Any, Any](scope, receive, send)
            match error:
                case LaurelsError():
                    response = on_laurels_error(request, error)
                case HTTPException():
                    response = on_http_exception(request, error)
                case Exception():
                    response = on_fault(request, error)
                case _:
                    response = on_fault(request, RuntimeError("What the request waited for was cancelled."))
            refuse = response.to_asgi_response(None, request)  # pyright: ignore[reportUnknownMemberType]  untyped there
            await refuse(scope, receive, send)
