"""The top of boards as bytes, served again while no shown data of the boards changes.

Boards are read far more often than they change. A page is encoded once and served to all readers after one query: is
the version of the boards still the same? Simultaneous readers share that query, and the encoding of the page.
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
# Seconds after which a page is made again even if the version is the same: a process that died while it wrote may not
# have changed it.
OLDEST = 1.0


class ShownPage(Struct, frozen=True):
    """A page as JSON, and a tag that distinguishes it from every other one."""

    body: bytes
    tag: str


class _Kept(Struct, frozen=True):
    version: int
    made_at: float
    page: ShownPage


class ShownPages:
    """Pages of one store's boards, by their query."""

    def __init__(self, boards: BoardStore) -> None:
        self._boards = boards
        self._versions = CoalescingReader(self._ask_version)
        self._kept: LruCache[_Kept] = LruCache(KEPT_BYTES, lambda kept: len(kept.page.body) + 500)
        self._making: dict[tuple[Hashable, int], asyncio.Task[ShownPage]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Leaderboard]]) -> ShownPage:
        """The page for `key`; if it is not cached, `make` makes it. Raises the errors of `make`, and StoreError."""
        # Read before the page: a page that is made while the boards change is then made again for the next reader.
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
            # A stale page is not cached: the store may be back already.
            if page.stale is msgspec.UNSET:
                self._kept.keep(key, _Kept(version, made_at, shown))
            return shown
        finally:
            del self._making[key, version]

    def forget(self) -> None:
        """Drop all cached pages."""
        self._kept.clear()
