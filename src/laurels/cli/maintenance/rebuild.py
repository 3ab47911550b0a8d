"""`laurels rebuild`: make snapshots, cards and boards again from the ledger.

Projections may be dropped at any time; this command restores them.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from laurels.application.maintenance import rebuild as repair
from laurels.bootstrap import open_store, rulebook_of, system_clock
from laurels.cli.importing.worker import tune_collector
from laurels.cli.maintenance.process_pool import ProcessesOption, over_users
from laurels.cli.maintenance.verify import count_users
from laurels.cli.options import RulebookOption, StoreOption, store_settings
from laurels.cli.terminal import progress_bar, say
from laurels.plurals import counted
from laurels.settings import Settings


def rebuild(store: StoreOption = None, rulebook: RulebookOption = None, processes: ProcessesOption = None) -> None:
    """Drop all projections and make them again from the ledger, which stays as it is."""
    settings = store_settings(store, rulebook)
    tune_collector()
    users = asyncio.run(_rebuild(settings, processes))
    say(f"Rebuilt the projections of {counted(users, 'user')}.")


async def _rebuild(settings: Settings, processes: int | None) -> int:
    store = await open_store(settings.store)
    try:
        rulebook = await rulebook_of(store, settings)
        await repair.set_board_horizon(store, rulebook, system_clock())
        await store.snapshots.clear()
        users = await count_users(store)
        with progress_bar("Rebuilding", total=users) as bar:
            parts = over_users(
                repair.rebuild_users,
                store,
                rulebook,
                url=settings.store,
                users=users,
                processes=processes,
                most=repair.USERS,
            )
            done = entries = 0
            async with aclosing(parts):
                async for part in parts:
                    done += part.users
                    entries += part.entries
                    bar.show(done, f"{counted(done, 'user')}, {counted(entries, 'entry', 'entries')}")
        return done
    finally:
        await store.close()
