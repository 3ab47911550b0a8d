"""The lines of one input that were recorded before, and those that are recorded now.

An event without an id is identified by the name of its input and its line. If lines move, for example because of new
ones at the top, they would all become other events. So the store keeps the numbers of the recorded lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from time import monotonic

from laurels.application.ports.imports import ImportStore
from laurels.domain.imported_lines import ImportedLines, digest_of

# Seconds after which recorded lines are noted. They must be recorded first: a noted line without an entry counts as
# moved. If an import is killed, its lines of these last seconds are not known to be recorded.
INTERVAL = 2.0


class SourceLines:
    """The lines of the input called `name`, None if it has no name; those in `known` were recorded before.

    `moved_after` is the last recorded line, set if it has a different text when it is read again; the lines after it
    may then be those that were before it.
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
        """Made with the data of `store`, if there is one; unless `is_kept`, recorded lines are not noted there. Raises
        StoreError."""
        known = ImportedLines() if name is None or store is None else await store.lines(key_of(name))
        return cls(name, known, store if is_kept else None)

    def read(self, number: int, line: bytes) -> None:
        """Read a line; each comes once and in order."""
        if number == self._end and digest_of(line) != self._digest:
            self.moved_after = number

    def known_among(self, numbers: Iterable[int]) -> list[int]:
        """Those among these lines that were recorded before."""
        return [number for number in numbers if number in self._known] if self._known else []

    def recorded(self, numbers: Iterable[int], lines: Mapping[int, bytes]) -> None:
        """Note that lines are recorded; `save` saves this in the store."""
        for number in numbers:
            self._recorded.add(number, lines[number])

    async def save(self, *, is_end: bool) -> None:
        """Save the recorded lines in the store; before the end only from time to time. Raises StoreError."""
        if self._store is None or self.name is None or not self._recorded:
            return
        if is_end or monotonic() - self._noted_at >= INTERVAL:
            added, self._recorded = self._recorded, ImportedLines()
            await self._store.add(key_of(self.name), added)
            self._noted_at = monotonic()


def key_of(source: str) -> str:
    """The stored form of an input's name: file names may reveal people."""
    return blake2b(source.encode(), digest_size=10).hexdigest()


def id_of(source: str, number: int) -> str:
    """The id for an event without one: the same whenever the same line of the same input is imported."""
    return f"line-{key_of(source)}-{number}"
