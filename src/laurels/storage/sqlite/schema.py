"""The tables, and the migrations of a database from one version to the next.

`ledger` is the record; `progress`, `standings` and `counts` are projections and can be dropped at any time.
"""

from __future__ import annotations

import apsw

from laurels.domain.boards.point_ranges import LEVELS, WIDTH
from laurels.errors import StoreIncompatible
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.packed_bodies import repacked
from laurels.storage.sqlite.packed_cards import packed_from_json as packed_card
from laurels.storage.sqlite.packed_lines import packed_from_json as packed_lines
from laurels.storage.sqlite.projections.holders import MAKE as MAKE_HOLDERS
from laurels.storage.sqlite.projections.holders import MAKE_EARNED, MAKE_NUMBERED
from laurels.storage.sqlite.projections.lines import MAKE as MAKE_LINES

_MAKE_COUNTS = f"""
    -- How many users of a board have points in a range: those for which points >> ({WIDTH} * level) = bucket.
    CREATE TABLE counts (
        board  TEXT    NOT NULL,
        level  INTEGER NOT NULL,
        bucket INTEGER NOT NULL,
        users  INTEGER NOT NULL,
        PRIMARY KEY (board, level, bucket)
    ) STRICT, WITHOUT ROWID;
    -- Ranges that have just become empty, to be removed: holds nothing between transactions.
    CREATE INDEX counts_empty ON counts (users) WHERE users = 0;
    INSERT INTO counts SELECT board, 0, points, count(*) FROM standings GROUP BY board, points;
    """
_FILL_LEVELS = "".join(
    f"INSERT INTO counts SELECT board, {level}, bucket >> {WIDTH}, sum(users) "
    f"FROM counts WHERE level = {level - 1} GROUP BY 1, 3;\n"
    for level in range(1, LEVELS)
)

_LEDGER_INDEXES = """
    -- A user's entries in order; two writers cannot both make a user's next entry.
    CREATE UNIQUE INDEX ledger_user_seq ON ledger (user_id, seq);
    -- Is this event recorded already? (Entries that are no events have no id and do not collide.)
    CREATE UNIQUE INDEX ledger_user_event ON ledger (user_id, event_id) WHERE event_id IS NOT NULL;
    """
_LEDGER_ENDS = """
    CREATE TRIGGER ledger_end_deleted AFTER DELETE ON ledger
    WHEN old.pos > (SELECT coalesce(max(pos), 0) FROM ledger)
    BEGIN
        INSERT INTO ledger_ends (pos) SELECT coalesce(max(pos), 0) FROM ledger;
    END;
    """

_PACK_CARDS = """
    -- Cards are packed from now on.
    CREATE TABLE packed (
        user_id TEXT    PRIMARY KEY,
        seq     INTEGER NOT NULL,
        version TEXT    NOT NULL,
        card    BLOB    NOT NULL,
        state   BLOB    NOT NULL
    ) STRICT;
    INSERT INTO packed SELECT user_id, seq, version, packed_card(card), state FROM progress;
    DROP TABLE progress;
    ALTER TABLE packed RENAME TO progress;
    """

# Forward only: each step runs once, in one transaction, under the write lock; PRAGMA user_version counts them.
MIGRATIONS = (
    """
    -- pos: order of writing over all users.
    CREATE TABLE ledger (
        pos         INTEGER PRIMARY KEY,
        user_id     TEXT    NOT NULL,
        seq         INTEGER NOT NULL,
        event_id    TEXT,
        recorded_at INTEGER NOT NULL,
        body        TEXT    NOT NULL
    ) STRICT;
    """
    + _LEDGER_INDEXES
    + """
    CREATE TABLE progress (
        user_id TEXT    PRIMARY KEY,
        seq     INTEGER NOT NULL,
        version TEXT    NOT NULL,
        card    TEXT    NOT NULL,
        state   TEXT    NOT NULL
    ) STRICT;

    CREATE TABLE standings (
        board      TEXT    NOT NULL,
        user_id    TEXT    NOT NULL,
        points     INTEGER NOT NULL,
        events     INTEGER NOT NULL,
        reached_at INTEGER NOT NULL,
        seq        INTEGER NOT NULL,
        -- By user first: a user's lines are written together, and found together to be checked.
        PRIMARY KEY (user_id, board)
    ) STRICT, WITHOUT ROWID;
    -- The order of a board, with all that a page shows of a line.
    CREATE INDEX standings_order ON standings (board, points DESC, reached_at, user_id, events);

    -- One row: every entry up to pos is in the projections.
    CREATE TABLE projected (pos INTEGER NOT NULL) STRICT;
    INSERT INTO projected VALUES (0);
    """,
    """
    -- The badges of the rulebook, for people: nothing is read back from here.
    CREATE TABLE achievements (
        position    INTEGER PRIMARY KEY,
        badge_id    TEXT    NOT NULL UNIQUE,
        name        TEXT    NOT NULL,
        description TEXT    NOT NULL,
        icon        TEXT    NOT NULL,
        category    TEXT    NOT NULL,
        rarity      TEXT    NOT NULL,
        points      INTEGER NOT NULL,
        criterion   TEXT    NOT NULL
    ) STRICT;
    """,
    _MAKE_COUNTS + _FILL_LEVELS,
    """
    -- Lines of who leaves the boards stay, not shown: an older one that another process writes late finds a newer one.
    ALTER TABLE standings ADD COLUMN shown INTEGER NOT NULL DEFAULT 1;
    DROP INDEX standings_order;
    CREATE INDEX standings_order ON standings (board, points DESC, reached_at, user_id, events) WHERE shown = 1;
    """,
    """
    -- API keys: never the key, only its SHA-256. Rows stay when a key is revoked.
    CREATE TABLE keys (
        prefix       TEXT    PRIMARY KEY,
        name         TEXT    NOT NULL,
        scopes       TEXT    NOT NULL,
        digest       TEXT    NOT NULL,
        created_at   INTEGER NOT NULL,
        expires_at   INTEGER,
        revoked_at   INTEGER,
        last_used_at INTEGER
    ) STRICT;
    -- One row: counts the changes, so that looking for one costs next to nothing.
    CREATE TABLE keys_version (version INTEGER NOT NULL) STRICT;
    INSERT INTO keys_version VALUES (0);

    -- What is left of limits. Names are hashes: no address of a person is kept.
    CREATE TABLE buckets (
        name   TEXT    PRIMARY KEY,
        tokens REAL    NOT NULL,
        at     INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX buckets_at ON buckets (at);
    """,
    """
    -- Who was deleted: a hash of the id, and the id itself only until nothing can come of it any more.
    CREATE TABLE tombstones (
        digest     TEXT    PRIMARY KEY,
        deleted_at INTEGER NOT NULL,
        user_id    TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tombstones_open ON tombstones (user_id) WHERE user_id IS NOT NULL;
    -- One row: how many were deleted, so that an append which knows them all need not look.
    CREATE TABLE burials (number INTEGER NOT NULL) STRICT;
    INSERT INTO burials VALUES (0);
    """,
    """
    -- Who is told of what happened. place: a mark in the ledger; owner: the process that delivers, until an instant.
    CREATE TABLE webhooks (
        id         TEXT    PRIMARY KEY,
        created_at INTEGER NOT NULL,
        endpoint   TEXT    NOT NULL,
        place      TEXT    NOT NULL,
        owner      TEXT,
        until      INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE webhooks_version (version INTEGER NOT NULL) STRICT;
    INSERT INTO webhooks_version VALUES (0);

    -- How far an endpoint has been told of a user.
    CREATE TABLE webhook_cursors (
        endpoint TEXT    NOT NULL,
        user_id  TEXT    NOT NULL,
        seq      INTEGER NOT NULL,
        part     INTEGER NOT NULL,
        PRIMARY KEY (user_id, endpoint)
    ) STRICT, WITHOUT ROWID;

    -- Messages that are tried again, those that were given up, and the last ones that arrived, in order of attempts.
    CREATE TABLE webhook_deliveries (
        turn     INTEGER PRIMARY KEY,
        endpoint TEXT    NOT NULL,
        id       TEXT    NOT NULL,
        type     TEXT    NOT NULL,
        user_id  TEXT    NOT NULL,
        body     TEXT    NOT NULL,
        seq      INTEGER NOT NULL,
        part     INTEGER NOT NULL,
        state    TEXT    NOT NULL,
        attempts INTEGER NOT NULL,
        next_at  INTEGER NOT NULL,
        at       INTEGER NOT NULL,
        status   INTEGER,
        error    TEXT,
        UNIQUE (endpoint, id)
    ) STRICT;
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint, state, next_at);
    CREATE INDEX webhook_deliveries_log ON webhook_deliveries (endpoint, state, turn);
    CREATE INDEX webhook_deliveries_user ON webhook_deliveries (user_id, endpoint, state);

    -- A position at the end of the ledger is given again once its entry is deleted: whoever went on from there has to
    -- know. Costs what is recorded nothing.
    CREATE TABLE ledger_ends (number INTEGER PRIMARY KEY AUTOINCREMENT, pos INTEGER NOT NULL) STRICT;
    """
    + _LEDGER_ENDS,
    """
    -- When to look whether there is something to tell an endpoint of a user because time has passed.
    CREATE TABLE webhook_reminders (
        endpoint TEXT    NOT NULL,
        user_id  TEXT    NOT NULL,
        at       INTEGER NOT NULL,
        PRIMARY KEY (user_id, endpoint)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX webhook_reminders_due ON webhook_reminders (endpoint, at);
    """,
    """
    -- Random keys of the service's own, by what they are for: the one in use, and the one before it.
    CREATE TABLE secrets (
        name     TEXT PRIMARY KEY,
        newest   BLOB NOT NULL,
        previous BLOB
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- The rulebook that is in force is the last one. content: its data as JSON.
    CREATE TABLE rulebooks (
        version      INTEGER PRIMARY KEY,
        name         TEXT    NOT NULL,
        digest       TEXT    NOT NULL,
        fingerprint  TEXT    NOT NULL,
        published_at INTEGER NOT NULL,
        published_by TEXT,
        content      BLOB    NOT NULL
    ) STRICT;
    -- Long work on the whole ledger. owner: the process that does it, until an instant.
    CREATE TABLE jobs (
        number  INTEGER PRIMARY KEY,
        id      TEXT    NOT NULL UNIQUE,
        is_open INTEGER NOT NULL,
        owner   TEXT,
        until   INTEGER NOT NULL DEFAULT 0,
        body    TEXT    NOT NULL
    ) STRICT;
    """,
    """
    -- A number that grows with every change of what boards show.
    CREATE TABLE board_version (number INTEGER NOT NULL) STRICT;
    INSERT INTO board_version VALUES (0);
    """,
    """
    -- Snapshots are packed from now on; those that are there are read as the JSON that they are.
    CREATE TABLE packed (
        user_id TEXT    PRIMARY KEY,
        seq     INTEGER NOT NULL,
        version TEXT    NOT NULL,
        card    TEXT    NOT NULL,
        state   BLOB    NOT NULL
    ) STRICT;
    INSERT INTO packed SELECT user_id, seq, version, card, CAST(state AS BLOB) FROM progress;
    DROP TABLE progress;
    ALTER TABLE packed RENAME TO progress;
    """,
    """
    -- Which lines of an input were recorded, where events are known by their line. lines: a packed bit for each line.
    CREATE TABLE imported_lines (
        source TEXT    NOT NULL,
        block  INTEGER NOT NULL,
        lines  BLOB    NOT NULL,
        PRIMARY KEY (source, block)
    ) STRICT;
    """,
    """
    -- The first day and the first week whose boards are kept.
    CREATE TABLE board_horizon (day INTEGER NOT NULL, week INTEGER NOT NULL) STRICT;
    INSERT INTO board_horizon VALUES (0, 0);
    """,
    MAKE_HOLDERS,
    MAKE_EARNED,
    """
    -- Entry bodies are packed from now on.
    CREATE TABLE packed (
        pos         INTEGER PRIMARY KEY,
        user_id     TEXT    NOT NULL,
        seq         INTEGER NOT NULL,
        event_id    TEXT,
        recorded_at INTEGER NOT NULL,
        body        BLOB    NOT NULL
    ) STRICT;
    INSERT INTO packed SELECT pos, user_id, seq, event_id, recorded_at, packed_body(body) FROM ledger;
    DROP TABLE ledger;
    ALTER TABLE packed RENAME TO ledger;
    """
    + _LEDGER_INDEXES
    + _LEDGER_ENDS,
    MAKE_LINES + MAKE_NUMBERED + _PACK_CARDS,
)


# Tables that exist in every version. No version has set SQLite's application_id.
_OURS = frozenset({"ledger", "standings", "projected"})


def is_laurels(connection: apsw.Connection) -> bool:
    """Whether this is a database of Laurels, of any version; False for an empty one.

    Raises StoreIncompatible for another program's database, which must not be changed.
    """
    # One view of the file: another process may be creating the tables.
    with transaction(connection, "DEFERRED"):
        found = {name for (name,) in rows(connection, "SELECT name FROM sqlite_schema")}
        marks = _version(connection), rows(connection, "PRAGMA application_id")[0][0]
    if found >= _OURS:
        return True
    if found or any(marks):
        raise StoreIncompatible("The SQLite file belongs to another program and was left alone; name another file.")
    return False


def migrate(connection: apsw.Connection) -> None:
    """Migrate the database to the present version. Several processes may do so at once; one does the work."""
    if _version(connection) == len(MIGRATIONS):
        return
    with transaction(connection, "IMMEDIATE"):
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise StoreIncompatible(
                f"The database has schema version {version}, this Laurels knows {len(MIGRATIONS)}. "
                "Use the newer Laurels that wrote it."
            )
        teach(connection)
        for step in MIGRATIONS[version:]:
            rows(connection, step)
        rows(connection, f"PRAGMA user_version = {len(MIGRATIONS)}")


def teach(connection: apsw.Connection) -> None:
    """Let the steps of a connection use `packed_body(text)`, `packed_card(text)` and `packed_lines(text)`."""
    for name, packed in (("packed_body", repacked), ("packed_card", packed_card), ("packed_lines", packed_lines)):
        # The driver's stubs leave the type of buffers open on this Python.
        connection.create_scalar_function(name, packed, 1, deterministic=True)  # pyright: ignore


def _version(connection: apsw.Connection) -> int:
    return rows(connection, "PRAGMA user_version")[0][0]
