"""Rejected lines take no memory once they are reported, though the collector does not run during an import."""

from __future__ import annotations

import asyncio
import gc

from laurels.cli.importing.worker import local_worker
from laurels.cli.importing.worker_tasks import Share
from laurels.errors import LaurelsError
from laurels.settings import Settings
from tests.cli.conftest import event, ndjson


async def test_no_error_of_a_rejected_line_is_kept(store_url: str) -> None:
    good = ndjson([event(1)])
    wrong = [{"codeLength": -1}, {"language": 5}, "text", {"sessionDuration": "long"}]
    lines = [good, *(ndjson([event(number, metadata=wrong[number % 4])]) for number in range(2, 39)), b"{\n"]
    async with local_worker(Settings(store=store_url)) as worker:
        assert not gc.isenabled()
        taken = await worker.take(Share("events", list(range(1, 40)), lines))
        assert (taken.recorded, len(taken.refused)) == (1, 38)
        # Lets the loop drop what it has just handed over.
        await asyncio.sleep(0)
        assert [each for each in gc.get_objects() if isinstance(each, LaurelsError)] == []
    assert gc.isenabled()
