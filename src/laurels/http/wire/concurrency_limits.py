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
from weakref import finalize

from laurels.counts import counted
from laurels.http.auth.access import Caller
from laurels.http.wire.refusal import Refusal

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

    def held(self, caller: Caller, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces of an answer that counts from now on until its last piece, or until nobody can ask for a further
        one. Others get their turn between two. Raises Refusal: many may have been let through by `check` at once."""
        self.check(caller)
        return _Held(pieces, self._count(caller))

    def _count(self, caller: Caller) -> Callable[[], None]:
        """Count one in; the result counts it out again."""
        name = caller.name or ""
        self._taken[name] += 1

        def leave() -> None:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

        return leave


class _Held:
    """The pieces of an answer. `leave` is called once, at their end or when they are let go: nobody takes the first one
    of an answer to HEAD."""

    def __init__(self, pieces: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        self._pieces = pieces
        self._leave = finalize(self, leave)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        try:
            return await anext(self._pieces)
        except BaseException:
            self._leave()
            raise


def _refusal(status: int, detail: str) -> Refusal:
    return Refusal(status, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
