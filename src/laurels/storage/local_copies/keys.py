"""The keys on the local disk, beside the spool: their hashes, never the keys themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from laurels.domain.keys import ApiKey
from laurels.storage.local_copies.replacing import replace_file

NAME = "keys.json"

_decode = msgspec.json.Decoder(list[ApiKey]).decode


class KeyFile:
    """See `RememberedKeys`. A file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    async def load(self) -> list[ApiKey] | None:
        """See `RememberedKeys.load`."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> list[ApiKey] | None:
        try:
            return _decode(self._path.read_bytes())
        except (OSError, msgspec.MsgspecError):
            return None

    async def save(self, keys: Sequence[ApiKey]) -> None:
        """See `RememberedKeys.save`."""
        await asyncio.to_thread(replace_file, self._path, msgspec.json.encode(keys))
