"""Token buckets in SQL."""

from __future__ import annotations

from math import floor

import apsw

from laurels.application.ports.limits import Bucket, TokenGrant
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, projecting

# Milliseconds after which an unused bucket is forgotten.
_FORGET_AFTER = 3_600_000
# How many are forgotten with one request, so that no request pays for all.
_FORGET = 2


class SQLiteLimits(Concern):
    """See `LimitStore`. A power failure may lose tokens, as with projections, and they must not delay the writer."""

    @projecting
    def take(
        self, connection: apsw.Connection, name: str, bucket: Bucket, wanted: int, now: int, *, least: int = 1
    ) -> TokenGrant:
        with transaction(connection, "IMMEDIATE"):
            found = rows(connection, "SELECT tokens, at FROM buckets WHERE name = ?", (name,))
            tokens, at = found[0] if found else (float(bucket.size), now)
            tokens = min(float(bucket.size), tokens + max(0, now - at) / 1000 * bucket.rate)
            taken = min(wanted, floor(tokens))
            if taken < least:
                taken = 0
            rows(connection, "REPLACE INTO buckets VALUES (?, ?, ?)", (name, tokens - taken, max(at, now)))
            rows(
                connection,
                "DELETE FROM buckets WHERE name IN (SELECT name FROM buckets WHERE at < ? LIMIT ?)",
                (now - _FORGET_AFTER, _FORGET),
            )
        return TokenGrant(taken, tokens - taken)
