"""Imported lines in SQL, a row for each block."""

from __future__ import annotations

import apsw

from laurels.domain.imported_lines import ImportedLines, pack, unpack
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, reading, writing


class SQLiteImports(Concern):
    """See `ImportStore`."""

    @reading
    def lines(self, connection: apsw.Connection, source: str) -> ImportedLines:
        query = "SELECT block, lines FROM imported_lines WHERE source = ?"
        return ImportedLines((number, unpack(packed)) for number, packed in rows(connection, query, (source,)))

    @writing
    def add(self, connection: apsw.Connection, source: str, lines: ImportedLines) -> None:
        query = "SELECT lines FROM imported_lines WHERE source = ? AND block = ?"
        written = "INSERT OR REPLACE INTO imported_lines VALUES (?, ?, ?)"
        with transaction(connection, "IMMEDIATE"):
            for number, block in lines.blocks.items():
                found = rows(connection, query, (source, number))
                whole = block.merged(unpack(found[0][0])) if found else block
                rows(connection, written, (source, number, pack(whole)))
