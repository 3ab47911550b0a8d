"""The tables of a spool's file, and the search for events that are already in it.

An event whose id is here must not be added again: with different content it would only be noticed while draining.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import apsw
import msgspec

from laurels.application.ports.spool import Spooled
from laurels.domain.events import LearningEvent
from laurels.storage.sqlite.connection import rows

SCHEMA = """
    CREATE TABLE queue (
        position   INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id    TEXT    NOT NULL,
        arrived_at INTEGER NOT NULL,
        size       INTEGER NOT NULL,
        event      TEXT    NOT NULL
    ) STRICT;
    -- Has this user events waiting?
    CREATE INDEX queue_user ON queue (user_id);
    CREATE TABLE set_aside (
        position   INTEGER PRIMARY KEY,
        arrived_at INTEGER NOT NULL,
        size       INTEGER NOT NULL,
        event      TEXT    NOT NULL,
        reason     TEXT    NOT NULL
    ) STRICT;
    -- One row. waiting, aside and bytes are of now; queued and drained count since the beginning.
    CREATE TABLE totals (
        waiting INTEGER NOT NULL,
        aside   INTEGER NOT NULL,
        bytes   INTEGER NOT NULL,
        queued  INTEGER NOT NULL,
        drained INTEGER NOT NULL,
        checks  INTEGER NOT NULL
    ) STRICT;
    INSERT INTO totals VALUES (0, 0, 0, 0, 0, 0);
    PRAGMA user_version = 1;
"""

decode = msgspec.json.Decoder(LearningEvent).decode
encode = msgspec.json.Encoder().encode
# User, arrival, size, event and the event's id.
Row = tuple[str, int, int, str, str | None]
# Created if missing: an older spool also has events in it.
INDEXES = """
    CREATE INDEX IF NOT EXISTS queue_event ON queue (user_id, event ->> 'eventId');
    CREATE INDEX IF NOT EXISTS aside_event ON set_aside (event ->> 'userId', event ->> 'eventId');
"""
# Finds earlier events of some users and ids.
_EARLIER = """
    WITH asked AS MATERIALIZED (SELECT value ->> 0 AS user_id, value ->> 1 AS event_id FROM json_each(?))
    SELECT position, arrived_at, event FROM asked CROSS JOIN queue
    ON queue.user_id = asked.user_id AND event ->> 'eventId' = asked.event_id
    UNION ALL
    SELECT position, arrived_at, event FROM asked CROSS JOIN set_aside
    ON event ->> 'userId' = asked.user_id AND event ->> 'eventId' = asked.event_id
"""

UNREADABLE = "What lies in the spool is no event: somebody has edited it, or the disk is damaged."
_SHOWN = 500

Kept = list[Spooled | None]
Key = tuple[str, str | None]


def read_event(text: str) -> LearningEvent | None:
    """The event of a row; None where it holds none."""
    try:
        return decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def read(found: Iterable[tuple[int, int, str]]) -> list[Spooled]:
    """The events of rows, which are positions, arrivals and texts. What is no event is left out."""
    return [
        Spooled(event, arrived_at, position)
        for position, arrived_at, text in found
        if (event := read_event(text)) is not None
    ]


def shown(text: str) -> LearningEvent:
    """The event of a row that was set aside; where it holds none, an event without user that shows what it holds."""
    return read_event(text) or LearningEvent(user_id="?", event_type="?", metadata={"text": text[:_SHOWN]})


def earlier_of(connection: apsw.Connection, shares: Sequence[Sequence[Row]]) -> dict[Key, Spooled]:
    """The earlier events with the ids of some shares, by user and id."""
    asked = encode([(row[0], row[4]) for share in shares for row in share]).decode()
    found = read(rows(connection, _EARLIER, (asked,)))
    return {(each.event.user_id, each.event.event_id): each for each in found}


def split_known(share: Sequence[Row], here: Mapping[Key, Spooled]) -> tuple[Kept, list[Row]]:
    """For each row the earlier event, in the spool or in the share, and the rows that have none."""
    earlier: Kept = []
    new: dict[Key, Row] = {}
    for row in share:
        key = (row[0], row[4])
        twin = new.get(key)
        before = here.get(key) if twin is None else spooled_of(twin)
        earlier.append(before)
        if before is None:
            new[key] = row
    return earlier, list(new.values())


def spooled_of(row: Row) -> Spooled:
    """The event of a row that is about to be stored."""
    return Spooled(decode(row[3]), row[1])
