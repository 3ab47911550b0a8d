"""Imported lines as documents, one for each block."""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from laurels.domain.imported_lines import Block, ImportedLines, pack, unpack
from laurels.storage.mongodb.connection import Concern, operation


class MongoImports(Concern):
    """See `ImportStore`."""

    @operation()
    async def lines(self, source: str) -> ImportedLines:
        first, beyond = {"source": source, "block": 0}, {"source": source, "block": 1 << 62}
        found = self.database["imported_lines"].find({"_id": {"$gte": first, "$lt": beyond}})
        return ImportedLines([(each["_id"]["block"], unpack(each["lines"])) async for each in found])

    async def add(self, source: str, lines: ImportedLines) -> None:
        for number, block in lines.blocks.items():
            while not await self._add(source, number, block):
                pass

    @operation()
    async def _add(self, source: str, number: int, block: Block) -> bool:
        """Add missing lines to a block; False if another handle has just done so too."""
        imported, key = self.database["imported_lines"], {"source": source, "block": number}
        found = await imported.find_one({"_id": {"$eq": key}})
        if found is None:
            try:
                await imported.insert_one({"_id": key, "lines": pack(block)})
            except DuplicateKeyError:
                return False
            return True
        before: bytes = found["lines"]
        merged = pack(block.merged(unpack(before)))
        if merged == before:
            return True
        done = await imported.update_one({"_id": {"$eq": key}, "lines": before}, {"$set": {"lines": merged}})
        return bool(done.matched_count)
