"""`laurels rebuild`: make snapshots, cards and boards again from the ledger.

Projections may be thrown away at any time; this is how they come back.
"""

from __future__ import annotations

import asyncio

from laurels.application import rebuild as repair
from laurels.bootstrap import open_store
from laurels.cli.options import RulebookOption, StoreOption, check_exists, settings_for
from laurels.cli.terminal import progress_bar, say
from laurels.cli.verify import count_users
from laurels.domain.rulebook import Rulebook
from laurels.rulebooks.loader import load_rulebook


def rebuild(store: StoreOption = None, rulebook: RulebookOption = None) -> None:
    """Drop all projections and make them again from the ledger, which stays as it is."""
    settings = settings_for(store, rulebook)
    check_exists(settings.store)
    users = asyncio.run(_rebuild(settings.store, load_rulebook(settings.rulebook)))
    say(f"Rebuilt the projections of {users:,} users.")


async def _rebuild(url: str, rulebook: Rulebook) -> int:
    store = await open_store(url)
    try:
        with progress_bar("Rebuilding", total=await count_users(store)) as bar:
            users = entries = 0

            def on_progress(more_users: int, more_entries: int) -> None:
                nonlocal users, entries
                users += more_users
                entries += more_entries
                bar.show(users, f"{users:,} users, {entries:,} entries")

            return await repair.rebuild(store, rulebook, on_progress=on_progress)
    finally:
        await store.close()
