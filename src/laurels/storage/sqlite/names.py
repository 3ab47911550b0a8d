"""Numbers for names that stand in very many rows, where a number is far shorter: boards and badges in those of each
learner, event types and rules in that of each event.

A name keeps its number for ever, also where nothing uses it any more. So what a process remembers stays true, whatever
others write. The ledger cannot be read without these names: nothing removes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import apsw
import msgspec

from laurels.storage.sqlite.connection import rows

MAKE = """
    -- Numbers of boards, badges, event types and rules.
    CREATE TABLE names (
        number INTEGER PRIMARY KEY,
        name   TEXT    NOT NULL UNIQUE
    ) STRICT;
    """
OF_NAME = "(SELECT number FROM names WHERE name = ?1)"
"""The number of the first binding, as part of a statement; NULL, which no column holds, if the name has none."""
NAMES = "SELECT number, name FROM names"
_FIND = "SELECT n.name, n.number FROM json_each(?) AS asked CROSS JOIN names AS n ON n.name = asked.value"
_ADD = "INSERT INTO names (name) SELECT value FROM json_each(?) RETURNING name, number"

_encode = msgspec.json.Encoder().encode


class NameNumbers:
    """Remembers the numbers of names, for one thread that writes."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    @property
    def known(self) -> Mapping[str, int]:
        """The numbers that are remembered."""
        return self._known

    def of(self, connection: apsw.Connection, names: Iterable[str]) -> Mapping[str, int]:
        """The numbers of at least these names; new names get one. Call it in a transaction that writes, and call
        `forget` if that is rolled back."""
        missing = set(names) - self._known.keys()
        if missing:
            self._known.update(_query(connection, _FIND, missing))
            if missing := missing - self._known.keys():
                self._known.update(_query(connection, _ADD, missing))
        return self._known

    def forget(self) -> None:
        """Forget all numbers: some may have been taken back."""
        self._known.clear()


def number_of(connection: apsw.Connection, name: str) -> int | None:
    """The number of a name, None if it has none."""
    found = rows(connection, "SELECT number FROM names WHERE name = ?", (name,))
    return found[0][0] if found else None


def names_of(connection: apsw.Connection) -> Mapping[int, str]:
    """All names by their numbers. A number whose row was lost has a name that nothing else has."""
    return _Names(rows(connection, NAMES))


class _Names(dict[int, str]):
    def __missing__(self, number: int) -> str:
        return f"number {number}"


def _query(connection: apsw.Connection, statement: str, names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, number) for name, number in rows(connection, statement, (_encode(sorted(names)).decode(),))]
