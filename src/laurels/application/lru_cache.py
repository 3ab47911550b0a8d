"""What was used last, kept in memory within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def _one(_: object) -> int:
    return 1


class LruCache(Generic[T]):
    """Values by key, least recently used out first while the sum of their sizes is beyond `limit`.

    `size_of` says how much a value takes, in bytes or otherwise; without it the limit is a number of values.
    """

    def __init__(self, limit: int, size_of: Callable[[T], int] = _one) -> None:
        self._limit = limit
        self._size_of = size_of
        self._size = 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def keep(self, key: Hashable, value: T) -> None:
        """Keep a value, as the one used last, instead of what is kept by that key."""
        self.discard(key)
        size = self._size_of(value)
        self._items[key] = (value, size)
        self._size += size
        while self._size > self._limit:
            _, (_, size) = self._items.popitem(last=False)
            self._size -= size

    def discard(self, key: Hashable) -> None:
        """Forget what is kept by a key, if anything is."""
        _, size = self._items.pop(key, (None, 0))
        self._size -= size

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._size = 0

    def get(self, key: Hashable) -> T | None:
        """What is kept by a key, which is the one used last from now on."""
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def __len__(self) -> int:
        return len(self._items)

    def values(self) -> Iterator[T]:
        """Everything that is kept, least recently used first."""
        return (value for value, _ in self._items.values())
