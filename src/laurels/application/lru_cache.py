"""A cache of the most recently used values, kept in memory within bounds.

Processes cache the data that they read often; without a bound their memory would grow with the number of users.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def _one(_: object) -> int:
    return 1


class LruCache(Generic[T]):
    """Values by key. The least recently used are dropped first while the sum of their sizes exceeds `limit`.

    `size_of` returns the size of a value, in bytes or another unit; without it the limit is a number of values.
    """

    def __init__(self, limit: int, size_of: Callable[[T], int] = _one) -> None:
        self._limit = limit
        self._size_of = size_of
        self._size = 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def keep(self, key: Hashable, value: T) -> None:
        """Store a value, as the most recently used one, replacing any value with that key."""
        self.discard(key)
        size = self._size_of(value)
        self._items[key] = (value, size)
        self._size += size
        while self._size > self._limit:
            _, (_, size) = self._items.popitem(last=False)
            self._size -= size

    def discard(self, key: Hashable) -> None:
        """Drop the value of a key, if there is one."""
        _, size = self._items.pop(key, (None, 0))
        self._size -= size

    def clear(self) -> None:
        """Drop all values."""
        self._items.clear()
        self._size = 0

    def get(self, key: Hashable) -> T | None:
        """The value of a key, which becomes the most recently used one; None if there is none."""
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def __len__(self) -> int:
        return len(self._items)

    def values(self) -> Iterator[T]:
        """All values, least recently used first."""
        return (value for value, _ in self._items.values())
