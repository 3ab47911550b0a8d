"""How many users hold each badge or could have earned it: counted from their cards, in the transaction that writes
these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import apsw
import msgspec
from msgspec import Struct

from laurels.application.ports.boards import ELIGIBLE, EVERYBODY, Holders, badge_counted, counted_under
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
_MISCOUNTED = f"""
    SELECT badge FROM ({_COUNTED} EXCEPT SELECT * FROM ({_EXPECTED}))
    UNION SELECT badge FROM (SELECT * FROM ({_EXPECTED}) EXCEPT {_COUNTED})"""

# Fills the table from the cards that are there when it is made.
MAKE = f"""
    -- How many users hold each badge, under the empty id how many there are, and under "among:" and the id of a badge
    -- how many could have earned it.
    CREATE TABLE holders (
        badge TEXT    PRIMARY KEY,
        users INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO holders {_EXPECTED};
    """


class _Counted(Struct, rename="camel"):
    badges: list[str]
    is_counted: bool = True
    eligible: list[str] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Counted).decode


def changes(connection: apsw.Connection, states: Collection[tuple[str, int, str, str, bytes]]) -> Mapping[str, int]:
    """By badge, in how far its number of holders changes when `states` (user, seq, version, card and snapshot) are
    kept. Before they are kept."""
    asked = _encode([state[0] for state in states]).decode()
    kept: dict[str, tuple[int, str, str]] = {
        user_id: (seq, version, card) for user_id, seq, version, card in rows(connection, _BEFORE, (asked,))
    }
    changed: Counter[str] = Counter()
    for user_id, seq, version, card, _ in states:
        before = kept.get(user_id)
        if before is not None:
            # As the statement has it that keeps them.
            if not (seq > before[0] or (seq == before[0] and version != before[1])):
                continue
            changed.subtract(_of(before[2]))
        changed.update(_of(card))
        kept[user_id] = (seq, version, card)
    return {badge: change for badge, change in changed.items() if change}


def of_user(connection: apsw.Connection, user_id: str) -> Mapping[str, int]:
    """By badge, in how far its number of holders changes when a user's card goes."""
    found = rows(connection, "SELECT card FROM progress WHERE user_id = ?", (user_id,))
    return dict.fromkeys(_of(found[0][0]), -1) if found else {}


def apply(connection: apsw.Connection, changed: Mapping[str, int]) -> None:
    """Count the changes, in the transaction that makes them."""
    if changed:
        rows(connection, _APPLY, (_encode(changed).decode(),))


def holders(connection: apsw.Connection) -> Holders:
    """See `BoardStore.holders`."""
    return Holders.of(dict(rows(connection, _COUNTED)))


def miscounted(connection: apsw.Connection) -> list[str]:
    """See `BoardStore.miscounted_badges`. One statement, so one view of cards and counts."""
    return sorted({badge_counted(badge) for (badge,) in rows(connection, _MISCOUNTED)})


def _of(card: str) -> list[str]:
    counted = _decode(card)
    return counted_under(counted.badges, counted.eligible) if counted.is_counted else []
