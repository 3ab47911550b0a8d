"""The lines of one input that were recorded before, and those that are recorded now.

An event without an id is known by the name of its input and its line. What moves the lines, such as new ones on top,
would make other events of them all, so the store keeps which lines it was that were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from time import monotonic

from laurels.application.ports.imports import ImportStore
from laurels.domain.imported_lines import ImportedLines, digest_of

# Seconds after which what was recorded is noted. It must be recorded first: what was noted, and does not stand, has
# moved. So of what a killed import did in these last seconds it is not known that it stands on these lines.
INTERVAL = 2.0


class SourceLines:
    """The lines of the input called `name`, None where it has no name, of which `known` were recorded before.

    `moved_after`: the last of them, once it was read again and says something else than it did; what comes after it may
    be what stood before it.
    """

    def __init__(self, name: str | None, known: ImportedLines, store: ImportStore | None) -> None:
        self.name = name
        self.moved_after: int | None = None
        self._known = known
        self._end, self._digest = known.end or (0, b"")
        self._store = store
        self._recorded = ImportedLines()
        self._noted_at = monotonic()

    @classmethod
    async def of(cls, name: str | None, store: ImportStore | None, *, is_kept: bool = True) -> SourceLines:
        """With what `store` knows, if there is one; unless `is_kept`, what is recorded is not noted there. Raises
        StoreError."""
        known = ImportedLines() if name is None or store is None else await store.lines(key_of(name))
        return cls(name, known, store if is_kept else None)

    def read(self, number: int, line: bytes) -> None:
        """Take notice of a line, of which each comes once and in order."""
        if number == self._end and digest_of(line) != self._digest:
            self.moved_after = number

    def known_among(self, numbers: Iterable[int]) -> list[int]:
        """Those of these lines that were recorded before."""
        return [number for number in numbers if number in self._known] if self._known else []

    def recorded(self, numbers: Iterable[int], lines: Mapping[int, bytes]) -> None:
        """Note that lines are recorded; `save` tells the store."""
        for number in numbers:
            self._recorded.add(number, lines[number])

    async def save(self, *, is_end: bool) -> None:
        """Have the store know what was recorded; before the end only now and then. Raises StoreError."""
        if self._store is None or self.name is None or not self._recorded:
            return
        if is_end or monotonic() - self._noted_at >= INTERVAL:
            added, self._recorded = self._recorded, ImportedLines()
            await self._store.add(key_of(self.name), added)
            self._noted_at = monotonic()


def key_of(source: str) -> str:
    """What stands for the name of an input: file names may tell of people."""
    return blake2b(source.encode(), digest_size=10).hexdigest()


def id_of(source: str, number: int) -> str:
    """The id of an event that brings none: the same whenever the same line of the same input is imported."""
    return f"line-{key_of(source)}-{number}"
