"""The contract's part on imported lines: `laurels.application.ports.imports.ImportStore`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from laurels.domain.imported_lines import BLOCK, ImportedLines, digest_of
from laurels.testing.handles import OpenStore


def lines_of(numbers: Iterable[int]) -> ImportedLines:
    """Lines with these numbers; the text of each is its number."""
    lines = ImportedLines()
    for number in numbers:
        lines.add(number, b"%d" % number)
    return lines


class ImportContract:
    """Lines that all handles see alike."""

    async def test_lines_are_found_as_they_were_noted(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        assert not await one.imports.lines("monday")
        await one.imports.add("monday", lines_of([1, 3, BLOCK - 1, BLOCK, 5 * BLOCK + 7]))
        found = await other.imports.lines("monday")
        assert [n for n in range(6 * BLOCK) if n in found] == [1, 3, BLOCK - 1, BLOCK, 5 * BLOCK + 7]
        assert found.end == (5 * BLOCK + 7, digest_of(b"%d" % (5 * BLOCK + 7)))
        for name in ("Monday", "monda", "monday ", "mondaz", "$monday"):
            assert not await other.imports.lines(name)

    async def test_what_is_noted_adds_to_what_was(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.imports.add("monday", lines_of([10, 12]))
        await other.imports.add("monday", lines_of([2, 10]))
        await other.imports.add("monday", lines_of([2, 10]))
        found = await one.imports.lines("monday")
        assert [n for n in range(20) if n in found] == [2, 10, 12]
        assert found.end == (12, digest_of(b"12"))

    async def test_of_many_who_note_at_once_nothing_is_lost(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(3)]
        await asyncio.gather(*(handles[n % 3].imports.add("monday", lines_of([n, n + BLOCK])) for n in range(12)))
        found = await handles[0].imports.lines("monday")
        assert [n for n in range(2 * BLOCK) if n in found] == [*range(12), *range(BLOCK, BLOCK + 12)]
