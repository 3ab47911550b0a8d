"""What was read or shown last, kept in memory within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from laurels.domain.progress import Progress

T = TypeVar("T")

USERS_BYTES = 32 * 1024 * 1024


class LruCache(Generic[T]):
    """Values by key, least recently used out first while the sum of their sizes is beyond `limit` bytes."""

    def __init__(self, limit: int, size_of: Callable[[T], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._bytes = 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def keep(self, key: Hashable, value: T) -> None:
        _, size = self._items.pop(key, (None, 0))
        self._bytes -= size
        size = self._size_of(value)
        self._items[key] = (value, size)
        self._bytes += size
        while self._bytes > self._limit:
            _, (_, size) = self._items.popitem(last=False)
            self._bytes -= size

    def discard(self, key: Hashable) -> None:
        _, size = self._items.pop(key, (None, 0))
        self._bytes -= size

    def clear(self) -> None:
        self._items.clear()
        self._bytes = 0

    def get(self, key: Hashable) -> T | None:
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]


def recent_progress() -> LruCache[Progress]:
    """Progress by user id, as it was read. Whoever reads a user again folds on what is here, so it only moves forward;
    it is to be used before the next await."""
    return LruCache(USERS_BYTES, _progress_bytes)


def _progress_bytes(progress: Progress) -> int:
    return 4_000 + 300 * len(progress.days) + 150 * len(progress.awards) + 150 * sum(map(len, progress.parts.values()))
