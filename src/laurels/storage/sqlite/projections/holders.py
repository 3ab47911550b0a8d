"""How many users hold each badge or could have earned it, and who earned it when: kept from cards, in the transaction
that writes these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import apsw
import msgspec
from msgspec import Struct

from laurels.application.ports.boards import ELIGIBLE, EVERYBODY, Holder, Holders, badge_counted, counted_under
from laurels.storage.sqlite.connection import rows

_BEFORE = """
    SELECT p.user_id, p.seq, p.version, p.card
    FROM json_each(?) AS asked JOIN progress AS p ON p.user_id = asked.value"""
_APPLY = """
    INSERT INTO holders (badge, users) SELECT key, value FROM json_each(?) WHERE true
    ON CONFLICT (badge) DO UPDATE SET users = users + excluded.users"""
_COUNTED = "SELECT badge, users FROM holders WHERE users <> 0"
_CARDS = "FROM progress WHERE coalesce(card ->> 'isCounted', 1)"
_EXPECTED = f"""
    SELECT '{EVERYBODY}' AS badge, count(*) AS users {_CARDS} HAVING count(*) > 0
    UNION ALL SELECT held.value, count(*)
    FROM (SELECT card {_CARDS}) AS cards, json_each(cards.card, '$.badges') AS held GROUP BY held.value
    UNION ALL SELECT '{ELIGIBLE}' || could.value, count(*)
    FROM (SELECT card {_CARDS}) AS cards, json_each(cards.card, '$.eligible') AS could GROUP BY could.value"""
_EARNED = """
    SELECT badge.value AS badge, earned.value AS at, progress.user_id AS user_id
    FROM progress, json_each(progress.card, '$.badges') AS badge
    JOIN json_each(progress.card, '$.earnedAt') AS earned ON earned.key = badge.key"""
_MISCOUNTED = f"""
    WITH expected AS MATERIALIZED ({_EXPECTED}),
    kept_lines AS MATERIALIZED (SELECT badge, count(*) AS number FROM earned GROUP BY badge),
    -- Each line is expected once, so they are the same lines if these are as many and all of them are kept.
    expected_lines AS MATERIALIZED (
        SELECT e.badge, count(*) AS number, count(k.badge) AS found FROM ({_EARNED}) AS e
        LEFT JOIN earned AS k ON k.badge = e.badge AND k.at = e.at AND k.user_id = e.user_id GROUP BY e.badge)
    SELECT badge FROM ({_COUNTED} EXCEPT SELECT * FROM expected)
    UNION SELECT badge FROM (SELECT * FROM expected EXCEPT {_COUNTED})
    UNION SELECT badge FROM expected_lines WHERE found < number
    UNION SELECT k.badge FROM kept_lines AS k LEFT JOIN expected_lines AS e ON e.badge = k.badge
    WHERE k.number <> coalesce(e.number, 0)
    ORDER BY badge"""
_FORGET = """
    DELETE FROM earned WHERE (badge, at, user_id) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))"""
_REMEMBER = """
    INSERT OR IGNORE INTO earned SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)"""
FIRST = "SELECT user_id, at FROM earned WHERE badge = ? ORDER BY at, user_id LIMIT ?"
LATEST = "SELECT user_id, at FROM earned WHERE badge = ? ORDER BY at DESC, user_id DESC LIMIT ?"

# Fills the new table from the existing cards.
MAKE = f"""
    -- How many users hold each badge, under the empty id how many there are, and under "among:" and the id of a badge
    -- how many could have earned it.
    CREATE TABLE holders (
        badge TEXT    PRIMARY KEY,
        users INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO holders {_EXPECTED};
    """


# Filled by projections: snapshots of before have another layout.
MAKE_EARNED = """
    -- The holders of each badge and when they earned it; only users who appear as themselves.
    CREATE TABLE earned (
        badge   TEXT    NOT NULL,
        at      INTEGER NOT NULL,
        user_id TEXT    NOT NULL,
        PRIMARY KEY (badge, at, user_id)
    ) STRICT, WITHOUT ROWID;
    """

Line = tuple[str, int, str]
"""Of `earned`: the badge, the instant and the user."""


class _Counted(Struct, rename="camel"):
    badges: list[str]
    is_counted: bool = True
    eligible: list[str] = []
    earned_at: list[int] = []


class Changes(Struct):
    """By badge, in how far its number of holders changes; and the lines that go from `earned`, and those that come."""

    counts: Mapping[str, int]
    gone: Collection[Line]
    come: Collection[Line]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Counted).decode


def changes(connection: apsw.Connection, states: Collection[tuple[str, int, str, str, bytes]]) -> Changes:
    """What changes when `states` (user, seq, version, card and snapshot) are kept. Before they are kept."""
    asked = _encode([state[0] for state in states]).decode()
    kept: dict[str, tuple[int, str]] = {}
    held: dict[str, _Counted] = {}
    for user_id, seq, version, card in rows(connection, _BEFORE, (asked,)):
        kept[user_id], held[user_id] = (seq, version), _decode(card)
    # Of the users whose card changes in this: for nearly every event none does.
    first: dict[str, _Counted | None] = {}
    for user_id, seq, version, card, _ in states:
        known = kept.get(user_id)
        # The same condition as in the statement that stores them.
        if known is None or seq > known[0] or (seq == known[0] and version != known[1]):
            kept[user_id] = (seq, version)
            counted = _decode(card)
            if counted != held.get(user_id):
                first.setdefault(user_id, held.get(user_id))
                held[user_id] = counted
    counts: Counter[str] = Counter()
    before: set[Line] = set()
    after: set[Line] = set()
    for user_id, old in first.items():
        new = held[user_id]
        if old is not None:
            counts.subtract(_of(old))
            before.update(_lines(user_id, old))
        counts.update(_of(new))
        after.update(_lines(user_id, new))
    return Changes({badge: change for badge, change in counts.items() if change}, before - after, after - before)


def of_user(connection: apsw.Connection, user_id: str) -> Changes:
    """What changes when a user's card goes."""
    found = rows(connection, "SELECT card FROM progress WHERE user_id = ?", (user_id,))
    if not found:
        return Changes({}, (), ())
    counted = _decode(found[0][0])
    return Changes(dict.fromkeys(_of(counted), -1), _lines(user_id, counted), ())


def apply(connection: apsw.Connection, changed: Changes) -> None:
    """Write the changes, in the transaction that makes them."""
    for statement, values in ((_APPLY, changed.counts), (_FORGET, changed.gone), (_REMEMBER, changed.come)):
        if values:
            rows(connection, statement, (_encode(values).decode(),))


def first_holders(connection: apsw.Connection, badge: str, limit: int) -> list[Holder]:
    """See `BoardStore.first_holders`."""
    return [Holder(user_id, at) for user_id, at in rows(connection, FIRST, (badge, limit))]


def latest_holders(connection: apsw.Connection, badge: str, limit: int) -> list[Holder]:
    """See `BoardStore.latest_holders`."""
    return [Holder(user_id, at) for user_id, at in rows(connection, LATEST, (badge, limit))]


def holders(connection: apsw.Connection) -> Holders:
    """See `BoardStore.holders`."""
    return Holders.of(dict(rows(connection, _COUNTED)))


def miscounted(connection: apsw.Connection) -> list[str]:
    """See `BoardStore.miscounted_badges`. One statement, so one view of cards and counts."""
    return sorted({badge_counted(badge) for (badge,) in rows(connection, _MISCOUNTED)})


def _of(counted: _Counted) -> list[str]:
    return counted_under(counted.badges, counted.eligible) if counted.is_counted else []


def _lines(user_id: str, counted: _Counted) -> list[Line]:
    # Without instants there are no lines.
    return [(badge, at, user_id) for badge, at in zip(counted.badges, counted.earned_at, strict=False)]
