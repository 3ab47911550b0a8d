"""Imports: which lines of which inputs were recorded, for events that are known by their line.

Each sentence here is held by a test of `laurels.testing.contracts.imports`.
"""

from __future__ import annotations

from typing import Protocol

from laurels.domain.imported_lines import ImportedLines


class ImportStore(Protocol):
    """Lines that were recorded, by the name of their source."""

    async def lines(self, source: str) -> ImportedLines:
        """The lines of a source, as `add` was given them by all handles; none of a source that is not known."""
        ...

    async def add(self, source: str, lines: ImportedLines) -> None:
        """Note lines beside those that were noted before, however many do so at once. May be repeated."""
        ...
