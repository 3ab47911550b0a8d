"""The published rulebook in SQL, and a table of its badges for people who read the file."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from laurels.application.ports.rulebook import PublishedRulebook
from laurels.domain.rules.rulebook_data import Badge
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, reading, writing

_ABOUT = "version, name, digest, fingerprint, published_at, published_by"


class SQLiteRulebook(Concern):
    """See `RulebookStore`."""

    @reading
    def newest(self, connection: apsw.Connection) -> PublishedRulebook | None:
        found = rows(connection, f"SELECT {_ABOUT}, content FROM rulebooks ORDER BY version DESC LIMIT 1")
        return PublishedRulebook(*found[0]) if found else None

    @reading
    def version(self, connection: apsw.Connection) -> int:
        return rows(connection, "SELECT coalesce(max(version), 0) FROM rulebooks")[0][0]

    @writing
    def add(self, connection: apsw.Connection, rulebook: PublishedRulebook) -> bool:
        with transaction(connection, "IMMEDIATE"):
            if rows(connection, "SELECT coalesce(max(version), 0) FROM rulebooks")[0][0] != rulebook.version - 1:
                return False
            rows(connection, "INSERT INTO rulebooks VALUES (?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(rulebook))
        return True

    @reading
    def versions(self, connection: apsw.Connection, *, limit: int) -> list[PublishedRulebook]:
        found = rows(connection, f"SELECT {_ABOUT}, x'' FROM rulebooks ORDER BY version DESC LIMIT ?", (limit,))
        return [PublishedRulebook(*row) for row in found]

    @reading
    def get(self, connection: apsw.Connection, version: int) -> PublishedRulebook | None:
        found = rows(connection, f"SELECT {_ABOUT}, content FROM rulebooks WHERE version = ?", (version,))
        return PublishedRulebook(*found[0]) if found else None

    @writing
    def describe(self, connection: apsw.Connection, badges: Sequence[Badge]) -> bool:
        wanted = [(position, *_row(badge)) for position, badge in enumerate(badges, 1)]
        with transaction(connection, "IMMEDIATE"):
            if rows(connection, "SELECT * FROM achievements ORDER BY position") == wanted:
                return False
            rows(connection, "DELETE FROM achievements")
            for row in wanted:
                rows(connection, "INSERT INTO achievements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return True


def _row(badge: Badge) -> tuple[object, ...]:
    criterion = msgspec.json.encode(badge.criterion, order="deterministic").decode()
    return (
        badge.id,
        badge.name,
        badge.description,
        badge.icon,
        badge.category,
        badge.rarity,
        badge.points,
        criterion,
    )
