"""The published rulebook: a table for people who look into the file."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from laurels.domain.rules.rulebook_data import Badge
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, writing


class SQLiteRulebook(Concern):
    """See `RulebookStore`."""

    @writing
    def publish(self, connection: apsw.Connection, badges: Sequence[Badge]) -> bool:
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
