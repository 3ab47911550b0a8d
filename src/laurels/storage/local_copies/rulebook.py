"""The rulebook in force on the local disk, beside the spool."""

from __future__ import annotations

import asyncio
from pathlib import Path

from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError
from laurels.storage.local_copies.replacing import replace_file

NAME = "rulebook.json"


class RulebookFile:
    """See `RememberedRulebook`. A file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    async def load(self) -> Rulebook | None:
        """See `RememberedRulebook.load`."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> Rulebook | None:
        try:
            return Rulebook.of_json(self._path.read_bytes())
        except (OSError, RulebookError):
            return None

    async def save(self, rulebook: Rulebook) -> None:
        """See `RememberedRulebook.save`."""
        await asyncio.to_thread(replace_file, self._path, rulebook.as_json)
