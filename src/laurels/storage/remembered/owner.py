"""Which store a spool waits for: events of one must never be recorded in another, nor its keys be taken there.

All servers of a user share one data folder, so a second one, on another store, would find the first one's spool.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from laurels.application.ports.spool import Spool
from laurels.counts import counted
from laurels.errors import SettingsError
from laurels.storage.remembered import keys, rulebook
from laurels.storage.remembered.replacing import replace_file

NAME = "store"


async def claim(folder: Path, store: str, spool: Spool) -> None:
    """Have the spool in `folder` belong to the store of that name. Raises SettingsError where it belongs to another
    one that it still has events for; else what was remembered of that one is forgotten."""
    path = folder / NAME
    owner = await asyncio.to_thread(_read, path)
    if owner == store:
        return
    stats = await spool.stats()
    if owner is not None:
        if stats.waiting or stats.set_aside:
            raise SettingsError(
                f"The spool in {folder} has {counted(stats.waiting + stats.set_aside, 'event')} for the store {owner}, "
                f"and this is {store}. Name another folder in LAURELS_SPOOL. "
                f"If both are the same database, delete {path} first."
            )
        for remembered in (keys.NAME, rulebook.NAME):
            await asyncio.to_thread((folder / remembered).unlink, missing_ok=True)
    await asyncio.to_thread(replace_file, path, store.encode())


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None
