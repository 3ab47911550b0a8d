"""What was read is kept and folded on: never behind the ledger, and no entry counted twice, whoever reads meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from laurels.application.queries.learners.progress_reader import ProgressReader, recent_progress
from laurels.bootstrap import open_service


async def test_a_user_who_is_read_again_is_shown_up_to_the_last_entry_of_any_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'laurels.db'}"
    async with open_service(url) as writer, open_service(url) as reader:
        for number in range(1, 41):
            await writer.record("ada", "code_run", {"language": f"language-{number % 7}"})
            dashboard = await reader.learners.dashboard("ada")
            assert dashboard.total_events == number
        await writer.change_profile("ada", {"displayName": "Ada"})
        assert (await reader.learners.dashboard("ada")).user.display_name == "Ada"
        async with open_service(url) as fresh:
            assert await fresh.learners.badges("ada") == await reader.learners.badges("ada")


async def test_readers_who_fold_the_same_entries_at_once_count_them_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'laurels.db'}"
    async with open_service(url, projection_interval=3_600.0) as writer, open_service(url) as reader:
        recorded = 0
        for _ in range(30):
            for _ in range(5):
                await writer.record("ada", "code_run")
                recorded += 1
            shown = await asyncio.gather(*(reader.learners.dashboard("ada") for _ in range(8)))
            assert {dashboard.total_events for dashboard in shown} == {recorded}


async def test_what_is_kept_stays_bounded(tmp_path: Path) -> None:
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}") as laurels:
        recent = recent_progress(50_000)
        reader = ProgressReader(laurels.store, laurels.rulebook, recent)
        for number in range(40):
            await laurels.record(f"user-{number}", "code_run")
            await reader.progress(f"user-{number}")
        assert 0 < len(recent) < 15
