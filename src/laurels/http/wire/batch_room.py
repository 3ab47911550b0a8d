"""Limits the memory that batches may take together, and how many are processed at once.

A batch is large, a compressed one costs its sender little, and its parsed form takes many times its bytes. Limited only
one by one, a hundred of them at once would exceed the memory of a machine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from laurels.http.auth.access import Caller
from laurels.http.wire.batches import Line
from laurels.http.wire.http_error import HttpError

# In multiples of the largest batch: the total of all running batches, of one key's, and of one end user's. All end
# users together may take half, so that keys have room.
IN_ALL = 8
OF_KEY = 4
OF_USER = 1
OF_USERS = 4
# Parts of this many bytes are read and recorded one after the other.
PART_BYTES = 2 * 1024 * 1024
_PARTS_AT_ONCE = 4
# Smaller batches do not wait for each other: many at a time share a commit.
_SMALL = 256 * 1024
_RETRY_AFTER_SECONDS = 2


class BatchRoom:
    """The bytes that batches hold in this process; `batch_bytes` is the maximum of one batch."""

    def __init__(self, batch_bytes: int) -> None:
        self._batch_bytes = batch_bytes
        # By keys, and by end users.
        self._held: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        self._parts = asyncio.Semaphore(_PARTS_AT_ONCE)

    @contextmanager
    def entering(self, caller: Caller) -> Generator[Callable[[int], None]]:
        """Within the block, a batch of `caller` reserves bytes with the yielded function, which raises HttpError if
        there is no room for more."""
        name, own = caller.name or "", 0
        is_user = caller.user_id is not None
        held = self._held[is_user]
        most = (OF_USER if is_user else OF_KEY) * self._batch_bytes
        most_of_kind = (OF_USERS if is_user else IN_ALL) * self._batch_bytes

        def take(size: int) -> None:
            nonlocal own
            if held[name] + size > most:
                raise _refusal(429, "The batches that this caller sends at once are too large together; send fewer.")
            in_all = sum(kind.total() for kind in self._held) + size
            if in_all > IN_ALL * self._batch_bytes or held.total() + size > most_of_kind:
                raise _refusal(503, "As many batches are under way as this server has memory for; send it again.")
            own += size
            held[name] += size

        try:
            yield take
        finally:
            held[name] -= own
            if not held[name]:
                del held[name]

    @asynccontextmanager
    async def working(self, size: int) -> AsyncGenerator[None]:
        """Wait for the turn of a part of this size, and hold it while the block runs."""
        if size <= _SMALL:
            yield
            return
        async with self._parts:
            yield


def parts_of(lines: Sequence[Line]) -> Iterator[tuple[Sequence[Line], int]]:
    """A batch in parts of about PART_BYTES, each with its number of bytes."""
    begin = size = 0
    for end, (_, text) in enumerate(lines, 1):
        size += 0 if text is None else memoryview(text).nbytes
        if size >= PART_BYTES:
            yield lines[begin:end], size
            begin, size = end, 0
    if begin < len(lines):
        yield lines[begin:], size


def _refusal(status: int, detail: str) -> HttpError:
    return HttpError(status, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
