"""Limits how many expensive answers one caller may have at once, and all callers together.

PDF documents are made one after the other, each in a tenth of a second of processor time. A long download holds its
data in memory until its client reads it. Without a limit, one caller with hundreds of requests would delay everybody
else, and take the memory and the places of cheap requests.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from weakref import finalize

from litestar import Response
from litestar.response import Stream
from litestar.types import ASGIApp, Receive, Scope, Send

from laurels.http.auth.access import Caller
from laurels.http.wire.http_error import HttpError
from laurels.http.wire.user_rests import UserRests
from laurels.plurals import counted

_RETRY_AFTER_SECONDS = 2


class ConcurrencyLimit:
    """At most `in_all` answers of a kind at once, and at most `of_key` or `of_user` of one caller. `kind`: its name.
    `rests`: the turns of end users, shared with other kinds."""

    def __init__(self, kind: str, *, in_all: int, of_key: int, of_user: int, rests: UserRests | None = None) -> None:
        self._kind = kind
        self._rests = rests or UserRests()
        self._in_all = in_all
        self._of_key = of_key
        self._of_user = of_user
        self._taken: Counter[str] = Counter()

    def check(self, caller: Caller) -> None:
        """Raise HttpError if `caller` may not have another one now."""
        most = self._of_key if caller.user_id is None else self._of_user
        if self._taken[caller.name or ""] >= most:
            raise _refusal(429, f"One caller may have {counted(most, self._kind)} at once; take those first.")
        if self._taken.total() >= self._in_all:
            raise _refusal(503, f"This server has {counted(self._in_all, self._kind)} to make; try again in a moment.")

    @contextmanager
    def entering(self, caller: Caller) -> Generator[None]:
        """Count one while the block runs. Raises HttpError."""
        self.check(caller)
        leave = self._count(caller)
        try:
            yield
        finally:
            leave()

    def stream(self, caller: Caller, pieces: AsyncIterator[bytes], headers: dict[str, str]) -> Response[Any]:
        """An answer in pieces that counts from now on until it was sent, or its client is gone. Other tasks get their
        turn between two pieces. Raises HttpError: `check` may have let in many at once."""
        self.check(caller)
        return _Counted(_with_turns(self._rests.each(caller, pieces)), self._count(caller), headers)

    @asynccontextmanager
    async def making(self, caller: Caller) -> AsyncGenerator[None]:
        """Count one while the block runs, in a turn of the caller. Raises HttpError."""
        with self.entering(caller):
            async with self._rests.turn(caller):
                yield

    def _count(self, caller: Caller) -> Callable[[], None]:
        """Count one; call the result to end the count."""
        name = caller.name or ""
        self._taken[name] += 1

        def leave() -> None:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

        return leave


class _Counted(Stream):
    """Calls `leave` once: after the answer was sent or interrupted, even before its first piece, or if nobody sends
    it."""

    def __init__(self, pieces: AsyncIterator[bytes], leave: Callable[[], None], headers: dict[str, str]) -> None:
        super().__init__(pieces, headers=headers)
        self._leave = finalize(self, leave)

    def to_asgi_response(self, *args: Any, **options: Any) -> Any:
        answer: ASGIApp = super().to_asgi_response(*args, **options)  # pyright: ignore[reportUnknownMemberType]  untyped there

        async def send_it(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await answer(scope, receive, send)
            finally:
                self._leave()

        return send_it


async def _with_turns(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece
        await asyncio.sleep(0)


def _refusal(status: int, detail: str) -> HttpError:
    return HttpError(status, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
