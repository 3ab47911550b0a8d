"""`laurels verify`: recompute everything from the ledger and tell what differs.

The promise that totals can be proven is only worth something with a command that proves them.
"""

from __future__ import annotations

import asyncio

import typer

from laurels.application import rebuild as proof
from laurels.application.ports import Store
from laurels.bootstrap import open_store
from laurels.cli.options import RulebookOption, StoreOption, check_exists, settings_for
from laurels.cli.terminal import complain, progress_bar, say
from laurels.domain.rulebook import Rulebook
from laurels.rulebooks.loader import load_rulebook

SHOWN = 50


def verify(store: StoreOption = None, rulebook: RulebookOption = None) -> None:
    """Replay the ledger and compare it with every point, badge, snapshot and board. Changes nothing.

    Works while a server runs on the same store. Exits with 0 when clean, 1 when something differs.
    """
    settings = settings_for(store, rulebook)
    check_exists(settings.store)
    rules = load_rulebook(settings.rulebook)
    found = asyncio.run(_verify(settings.store, rules))
    say(
        f"{found.users:,} users, {found.entries:,} entries, {found.events:,} events, "
        f"{found.awards:,} badges, {found.points:,} points"
    )
    if found.behind:
        say(f"{found.behind:,} users' projections are on their way (no difference)")
    if found.is_clean:
        say("clean")
        return
    for difference in found.differences[:SHOWN]:
        where = f"entry {difference.seq}" if difference.seq else "projection"
        complain(f"user {difference.user_id!r}, {where}: {difference.what}")
    if len(found.differences) > SHOWN:
        complain(f"and {len(found.differences) - SHOWN:,} more")
    say(f"{len(found.differences):,} differences")
    raise typer.Exit(1)


async def _verify(url: str, rulebook: Rulebook) -> proof.Verification:
    store = await open_store(url)
    try:
        with progress_bar("Verifying", total=await count_users(store)) as bar:
            users = entries = 0

            def on_progress(more_users: int, more_entries: int) -> None:
                nonlocal users, entries
                users += more_users
                entries += more_entries
                bar.show(users, f"{users:,} users, {entries:,} entries")

            return await proof.verify(store, rulebook, on_progress=on_progress)
    finally:
        await store.close()


async def count_users(store: Store) -> int:
    """How many users a store knows."""
    count = 0
    after = ""
    while users := await store.users(after=after):
        count += len(users)
        after = users[-1]
    return count
