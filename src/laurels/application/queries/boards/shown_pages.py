"""The top of boards as bytes, given again as long as nothing that boards show was changed.

Boards are read far more often than they change. What was encoded once is sent to whoever asks, after one question:
is the version of the boards still the same? All who ask at once share that question, and the making of a page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from hashlib import blake2b
from time import monotonic

import msgspec
from msgspec import Struct

from laurels.application.coalescing_reader import CoalescingReader
from laurels.application.lru_cache import LruCache
from laurels.application.ports.boards import BoardStore
from laurels.application.queries.board_views import Leaderboard

KEPT_BYTES = 8 * 1024 * 1024
# Seconds after which a page is made anew whatever the version says: a process that died while it wrote may
# not have lived to change it.
OLDEST = 1.0


class ShownPage(Struct, frozen=True):
    """A page as JSON, and what tells it from every other one."""

    body: bytes
    tag: str


class _Kept(Struct, frozen=True):
    version: int
    made_at: float
    page: ShownPage


class ShownPages:
    """Pages of one store's boards by what they were asked by."""

    def __init__(self, boards: BoardStore) -> None:
        self._boards = boards
        self._versions = CoalescingReader(self._ask_version)
        self._kept: LruCache[_Kept] = LruCache(KEPT_BYTES, lambda kept: len(kept.page.body) + 500)
        self._making: dict[tuple[Hashable, int], asyncio.Task[ShownPage]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Leaderboard]]) -> ShownPage:
        """The page for `key`, which `make` makes where it is not here. Raises what that raises, and StoreError."""
        # Before the page: one that is made while the boards change is then made anew for the next who asks.
        version = await self._versions.ask(None)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version and monotonic() - kept.made_at < OLDEST:
            return kept.page
        task = self._making.get((key, version))
        if task is None:
            task = self._making[key, version] = asyncio.create_task(self._make(key, version, make), name="laurels-page")
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _ask_version(self, _: Sequence[None]) -> int:
        return await self._boards.version()

    async def _make(self, key: Hashable, version: int, make: Callable[[], Awaitable[Leaderboard]]) -> ShownPage:
        made_at = monotonic()
        try:
            page = await make()
            body = msgspec.json.encode(page)
            shown = ShownPage(body, blake2b(body, digest_size=12).hexdigest())
            # One that shows the last known state is not kept: the store may be there again.
            if page.stale is msgspec.UNSET:
                self._kept.keep(key, _Kept(version, made_at, shown))
            return shown
        finally:
            del self._making[key, version]

    def forget(self) -> None:
        """Show nothing again that was shown before now."""
        self._kept.clear()
