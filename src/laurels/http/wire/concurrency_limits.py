"""How many answers that cost much one caller may have at once, and all together.

PDF documents are made one after the other, each in a tenth of a second of a processor; a long download holds what was
read for it until its client takes it. Without a bound one caller who asks for hundreds at once holds up everybody
else's, and takes the memory and the places of requests that cost next to nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from typing import Any
from weakref import finalize

from litestar import Response
from litestar.response import Stream
from litestar.types import ASGIApp, Receive, Scope, Send

from laurels.http.auth.access import Caller
from laurels.http.wire.refusal import Refusal
from laurels.plurals import counted

_RETRY_AFTER_SECONDS = 2


class ConcurrencyLimit:
    """At most `in_all` answers of a kind at once, of them so many `of_key` or `of_user`. `kind`: its name."""

    def __init__(self, kind: str, *, in_all: int, of_key: int, of_user: int) -> None:
        self._kind = kind
        self._in_all = in_all
        self._of_key = of_key
        self._of_user = of_user
        self._taken: Counter[str] = Counter()

    def check(self, caller: Caller) -> None:
        """Raise Refusal where `caller` may not have one more now."""
        most = self._of_key if caller.user_id is None else self._of_user
        if self._taken[caller.name or ""] >= most:
            raise _refusal(429, f"One caller may have {counted(most, self._kind)} at once; take those first.")
        if self._taken.total() >= self._in_all:
            raise _refusal(503, f"This server has {counted(self._in_all, self._kind)} to make; try again in a moment.")

    @contextmanager
    def entering(self, caller: Caller) -> Generator[None]:
        """Count one in while the block runs. Raises Refusal."""
        self.check(caller)
        leave = self._count(caller)
        try:
            yield
        finally:
            leave()

    def stream(self, caller: Caller, pieces: AsyncIterator[bytes], headers: dict[str, str]) -> Response[Any]:
        """An answer of pieces that counts from now on until it was sent, or its client is gone. Others get their turn
        between two. Raises Refusal: many may have been let through by `check` at once."""
        self.check(caller)
        return _Counted(_with_turns(pieces), self._count(caller), headers)

    def _count(self, caller: Caller) -> Callable[[], None]:
        """Count one in; the result counts it out again."""
        name = caller.name or ""
        self._taken[name] += 1

        def leave() -> None:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

        return leave


class _Counted(Stream):
    """Calls `leave` once: when it was sent or broke off, also before its first piece, or when nobody sends it."""

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


def _refusal(status: int, detail: str) -> Refusal:
    return Refusal(status, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
