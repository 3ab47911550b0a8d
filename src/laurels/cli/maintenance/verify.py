"""`laurels verify`: recompute everything from the ledger and report the differences.

The promise that totals can be proven is only worth something with a command that proves them.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import typer

from laurels.application.maintenance import verification as proof
from laurels.application.ports.store import Store
from laurels.bootstrap import open_store, rulebook_of
from laurels.cli.importing.worker import tune_collector
from laurels.cli.maintenance.process_pool import ProcessesOption, over_users
from laurels.cli.options import RulebookOption, StoreOption, store_settings
from laurels.cli.terminal import complain, progress_bar, say
from laurels.plurals import counted
from laurels.settings import Settings

SHOWN = 50


def verify(store: StoreOption = None, rulebook: RulebookOption = None, processes: ProcessesOption = None) -> None:
    """Replay the ledger and compare it with every point, badge, snapshot and board. Changes nothing.

    Works while a server runs on the same store. Exits with 0 when clean, 1 when something differs.
    """
    settings = store_settings(store, rulebook)
    tune_collector()
    found = asyncio.run(_verify(settings, processes))
    say(
        f"{counted(found.users, 'user')}, {counted(found.entries, 'entry', 'entries')}, "
        f"{counted(found.events, 'event')}, {counted(found.awards, 'badge')}, {counted(found.points, 'point')}"
    )
    if found.behind:
        say(counted(found.behind, "user's projections are", "users' projections are") + " on their way (no difference)")
    if found.is_clean:
        say("clean")
        return
    for difference in found.differences[:SHOWN]:
        where = f"entry {difference.seq}" if difference.seq else "projection"
        whose = f"user {difference.user_id!r}, {where}" if difference.counted is None else difference.counted
        complain(f"{whose}: {difference.what}")
    if len(found.differences) > SHOWN:
        complain(f"and {len(found.differences) - SHOWN:,} more")
    say(counted(len(found.differences), "difference"))
    raise typer.Exit(1)


async def _verify(settings: Settings, processes: int | None) -> proof.Verification:
    store = await open_store(settings.store)
    try:
        rulebook = await rulebook_of(store, settings)
        users = await count_users(store)
        with progress_bar("Verifying", total=users) as bar:
            parts = over_users(
                proof.verify_users, store, rulebook, url=settings.store, users=users, processes=processes
            )
            found = proof.Verification()
            async with aclosing(parts):
                async for part in parts:
                    found.add(part)
                    bar.show(
                        found.users, f"{counted(found.users, 'user')}, {counted(found.entries, 'entry', 'entries')}"
                    )
        found.differences += await proof.verify_boards(store)
        found.differences += await proof.verify_deletions(store)
        # The processes that share the work do not finish in the order of the users.
        found.differences.sort(key=lambda difference: (difference.user_id, difference.seq))
        return found
    finally:
        await store.close()


async def count_users(store: Store) -> int:
    """The number of users in a store."""
    count = 0
    after = ""
    while users := await store.ledger.users(after=after):
        count += len(users)
        after = users[-1]
    return count
