"""The keys on the local disk, beside the spool: their hashes, never the keys themselves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from laurels.domain.keys import ApiKey

NAME = "keys.json"

_decode = msgspec.json.Decoder(list[ApiKey]).decode


class KeyFile:
    """See `RememberedKeys`. A file in `folder` that only its owner reads, replaced as a whole."""

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
        await asyncio.to_thread(self._save, msgspec.json.encode(keys))

    def _save(self, content: bytes) -> None:
        try:
            # Made for its owner alone.
            with NamedTemporaryFile(dir=self._path.parent, prefix=NAME, delete=False) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self._path)
        except OSError:
            return
