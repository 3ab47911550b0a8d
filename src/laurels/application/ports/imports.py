"""Imports: the recorded lines of each input, for events that are identified by their line.

Each sentence here is checked by a test of `laurels.testing.contracts.imports`.
"""

from __future__ import annotations

from typing import Protocol

from laurels.domain.imported_lines import ImportedLines


class ImportStore(Protocol):
    """Recorded lines, by the name of their source."""

    async def lines(self, source: str) -> ImportedLines:
        """The lines of a source that any handle passed to `add`; empty for an unknown source."""
        ...

    async def add(self, source: str, lines: ImportedLines) -> None:
        """Add lines to those noted before; several callers may do so at once. May be repeated."""
        ...
