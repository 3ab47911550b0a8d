"""A page of a history is bounded in bytes as well: for who reads slowly it is held in memory, once a connection."""

from __future__ import annotations

import msgspec
import pytest

from laurels.application.queries.learners.history import PAGE_BYTES, history_page
from laurels.application.service import Service
from laurels.domain.events import LearningEvent

ENTRY = 20 * 1024


async def pages_of(laurels: Service, limit: int) -> list[list[int]]:
    """The entries of each page, and that none is much larger than it may be."""
    found: list[list[int]] = []
    cursor: str | None = None
    while True:
        progress = await laurels.learners.progress("ada")
        page = await history_page(
            laurels.store, laurels.rulebook, laurels.cursors, progress, cursor=cursor, limit=limit
        )
        assert len(msgspec.json.encode(page)) < PAGE_BYTES + ENTRY
        found.append([line.seq for line in page.entries])
        if (cursor := page.next) is None:
            return found


@pytest.mark.parametrize("limit", [1, 7, 60, 500])
async def test_large_entries_come_in_more_pages(laurels: Service, limit: int) -> None:
    sizes = [15_000] * 30 + [1] * 55 + [15_000] * 35
    await laurels.record_many(
        [LearningEvent(user_id="ada", event_type="run", metadata={"text": "x" * size}) for size in sizes]
    )
    pages = await pages_of(laurels, limit)
    assert [seq for page in pages for seq in page] == list(range(len(sizes), 0, -1))
    assert all(0 < len(page) <= limit for page in pages)
    if limit == 500:
        assert [len(page) for page in pages] == [18, 43, 46, 13], pages
