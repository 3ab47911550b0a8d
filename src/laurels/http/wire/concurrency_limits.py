"""How many answers that cost much one caller may have at once, and all together.

PDF documents are made one after the other, each in a tenth of a second of a processor; a long download holds what was
read for it until its client takes it. Without a bound one caller who asks for hundreds at once holds up everybody
else's, and takes the memory and the places of requests that cost next to nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

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
        with self._counted(caller):
            yield

    async def held(self, caller: Caller, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces of an answer that counts from its first piece to its last. Others get their turn between two."""
        with self._counted(caller):
            async for piece in pieces:
                yield piece
                await asyncio.sleep(0)

    @contextmanager
    def _counted(self, caller: Caller) -> Generator[None]:
        name = caller.name or ""
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


def _refusal(status: int, detail: str) -> Refusal:
    return Refusal(status, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
