"""SQL functions by which tests read and change the entry bodies of a SQLite file: `readable(body)` is its JSON,
`packed` the reverse."""

from __future__ import annotations

import apsw
import msgspec

from laurels.domain.ledger.entries import EntryBody
from laurels.storage.sqlite.packed_bodies import UNNUMBERED, pack_body, unpack_body


def teach_bodies(connection: apsw.Connection) -> None:
    """Let statements of a connection use both functions."""

    def readable(*given: bytes) -> str:
        names = dict(connection.execute("SELECT number, name FROM names"))
        return msgspec.json.encode(unpack_body(bytes(given[0]), names)).decode()

    connection.create_scalar_function("readable", readable, 1)  # pyright: ignore  the driver's stubs
    connection.create_scalar_function("packed", lambda *given: _packed(str(given[0])), 1)


def _packed(body: str) -> bytes:
    return pack_body(msgspec.json.decode(body, type=EntryBody), UNNUMBERED)
