"""The store that a spool belongs to: its events must never be recorded in another store, nor its keys be used there.

All servers of a system user share one data folder, so a second server, on another store, would find the first one's
spool.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from laurels.application.ports.spool import Spool, SpoolStats
from laurels.errors import SettingsError
from laurels.plurals import counted
from laurels.storage.local_copies import keys, rulebook
from laurels.storage.local_copies.replacing import replace_file

NAME = "store"


async def claim(folder: Path, store: str, spool: Spool) -> None:
    """Assign the spool in `folder` to the store of that name. Raises SettingsError if it still has events for another
    store; otherwise the copies of that store's data are deleted."""
    owner = await asyncio.to_thread(owner_of, folder)
    if owner == store:
        return
    if owner is not None:
        refuse_other(folder, owner, store, await spool.stats())
        for remembered in (keys.NAME, rulebook.NAME):
            await asyncio.to_thread((folder / remembered).unlink, missing_ok=True)
    await asyncio.to_thread(replace_file, folder / NAME, store.encode())


def refuse_other(folder: Path, owner: str | None, store: str, stats: SpoolStats) -> None:
    """Raise SettingsError if the spool in `folder` has events for a store other than `store`."""
    if owner in (None, store) or not (stats.waiting or stats.set_aside):
        return
    raise SettingsError(
        f"The spool in {folder} has {counted(stats.waiting + stats.set_aside, 'event')} for the store {owner}, "
        f"and this is {store}. Name another folder in LAURELS_SPOOL. "
        f"If both are the same database, delete {folder / NAME} first."
    )


def owner_of(folder: Path) -> str | None:
    """The name of the store that the spool in `folder` belongs to; None if it belongs to none."""
    try:
        return (folder / NAME).read_text("utf-8")
    except OSError:
        return None
