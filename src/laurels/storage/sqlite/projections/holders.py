"""How many users hold each badge or could have earned it, and who earned it when: kept from cards, in the transaction
that writes these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import apsw
import msgspec
from msgspec import Struct

from laurels.application.ports.boards import (
    ELIGIBLE,
    EVERYBODY,
    Card,
    Holder,
    Holders,
    badge_counted,
    counted_under,
)
from laurels.storage.sqlite.connection import MultiRowStatement, each_row, rows, rows_in_one_step
from laurels.storage.sqlite.names import OF_NAME, names_of
from laurels.storage.sqlite.packed_cards import unpack_card

_BEFORE = """
    SELECT json_group_array(json_array(asked.value, p.seq, p.version, hex(p.card)))
    FROM json_each(?) AS asked CROSS JOIN progress AS p ON p.user_id = asked.value"""
_APPLY = """
    INSERT INTO holders (badge, users) SELECT key, value FROM json_each(?) WHERE true
    ON CONFLICT (badge) DO UPDATE SET users = users + excluded.users"""
_COUNTED = "SELECT badge, users FROM holders WHERE users <> 0"
_FORGET = MultiRowStatement("DELETE FROM earned WHERE (badge, at, user_id) IN (", 3, ")")
_REMEMBER = MultiRowStatement("INSERT OR IGNORE INTO earned (badge, at, user_id)", 3)
FIRST = f"SELECT user_id, at FROM earned WHERE badge = {OF_NAME} ORDER BY at, user_id LIMIT ?2"
LATEST = f"SELECT user_id, at FROM earned WHERE badge = {OF_NAME} ORDER BY at DESC, user_id DESC LIMIT ?2"

_CARDS = "FROM progress WHERE coalesce(card ->> 'isCounted', 1)"
# Fills the new table from the existing cards, which were JSON.
MAKE = f"""
    -- How many users hold each badge, under the empty id how many there are, and under "among:" and the id of a badge
    -- how many could have earned it.
    CREATE TABLE holders (
        badge TEXT    PRIMARY KEY,
        users INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO holders
    SELECT '{EVERYBODY}' AS badge, count(*) AS users {_CARDS} HAVING count(*) > 0
    UNION ALL SELECT held.value, count(*)
    FROM (SELECT card {_CARDS}) AS cards, json_each(cards.card, '$.badges') AS held GROUP BY held.value
    UNION ALL SELECT '{ELIGIBLE}' || could.value, count(*)
    FROM (SELECT card {_CARDS}) AS cards, json_each(cards.card, '$.eligible') AS could GROUP BY could.value;
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

MAKE_NUMBERED = """
    -- The badges of `earned` are numbers.
    CREATE TABLE numbered (
        badge   INTEGER NOT NULL,
        at      INTEGER NOT NULL,
        user_id TEXT    NOT NULL,
        PRIMARY KEY (badge, at, user_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO numbered SELECT n.number, e.at, e.user_id
    FROM earned AS e CROSS JOIN names AS n ON n.name = e.badge ORDER BY 1, 2, 3;
    DROP TABLE earned;
    ALTER TABLE numbered RENAME TO earned;
    """

Line = tuple[str, int, str]
"""The badge, the instant and the user."""


class Changes(Struct):
    """By badge, in how far its number of holders changes; and the lines that go from `earned`, and those that come."""

    counts: Mapping[str, int]
    gone: Collection[Line]
    come: Collection[Line]

    @property
    def badges(self) -> set[str]:
        """Those of the lines."""
        return {badge for lines in (self.gone, self.come) for badge, _, _ in lines}


_encode = msgspec.json.Encoder().encode


def changes(
    connection: apsw.Connection, states: Iterable[tuple[str, int, str, bytes, bytes]], cards: Sequence[Card]
) -> Changes:
    """What changes when `states` (user, seq, version, card and snapshot) with these cards are kept. Before they are
    kept."""
    asked = _encode([card.user_id for card in cards]).decode()
    kept: dict[str, tuple[int, str]] = {}
    held: dict[str, Card] = {}
    for user_id, seq, version, packed in rows_in_one_step(connection, _BEFORE, (asked,)):
        kept[user_id], held[user_id] = (seq, version), unpack_card(bytes.fromhex(packed), user_id)
    # Of the users whose card changes in this: for nearly every event none does.
    first: dict[str, Card | None] = {}
    for (user_id, seq, version, _, _), card in zip(states, cards, strict=True):
        known = kept.get(user_id)
        # The same condition as in the statement that stores them.
        if known is None or seq > known[0] or (seq == known[0] and version != known[1]):
            kept[user_id] = (seq, version)
            old = held.get(user_id)
            if old is None or _counted(card) != _counted(old):
                first.setdefault(user_id, old)
                held[user_id] = card
    counts: Counter[str] = Counter()
    before: set[Line] = set()
    after: set[Line] = set()
    for user_id, old in first.items():
        new = held[user_id]
        if old is not None:
            counts.subtract(_of(old))
            before.update(_lines(old))
        counts.update(_of(new))
        after.update(_lines(new))
    return Changes({badge: change for badge, change in counts.items() if change}, before - after, after - before)


def purge(connection: apsw.Connection, user_id: str) -> None:
    """Take a user's card out of the counts and the lines, before it goes."""
    found = rows(connection, "SELECT card FROM progress WHERE user_id = ?", (user_id,))
    if found:
        card = unpack_card(found[0][0], user_id)
        numbers = {name: number for number, name in names_of(connection).items()}
        apply(connection, Changes(dict.fromkeys(_of(card), -1), _lines(card), ()), numbers)


def apply(connection: apsw.Connection, changed: Changes, numbers: Mapping[str, int]) -> None:
    """Write the changes, in the transaction that makes them. `numbers`: of the badges of their lines, by name."""
    if changed.counts:
        rows(connection, _APPLY, (_encode(changed.counts).decode(),))
    # In the order of the table: neighbours then visit its pages once.
    _FORGET.run(connection, sorted((numbers[badge], at, user_id) for badge, at, user_id in changed.gone))
    _REMEMBER.run(connection, sorted((numbers[badge], at, user_id) for badge, at, user_id in changed.come))


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
    """See `BoardStore.miscounted_badges`. In one transaction, so that cards, counts and lines are of one view."""
    counted: Counter[str] = Counter()
    # By badge: how many lines there are, and a sum that their sequence does not change.
    held: dict[str, tuple[int, int]] = {}
    for user_id, packed in each_row(connection, "SELECT user_id, card FROM progress"):
        card = unpack_card(packed, user_id)
        counted.update(_of(card))
        for badge, at, _ in _lines(card):
            count, total = held.get(badge, (0, 0))
            held[badge] = count + 1, total + hash((at, user_id))
    names = names_of(connection)
    for number, at, user_id in each_row(connection, "SELECT badge, at, user_id FROM earned"):
        badge = names[number]
        count, total = held.get(badge, (0, 0))
        held[badge] = count - 1, total - hash((at, user_id))
    stored: dict[str, int] = dict(rows(connection, _COUNTED))
    wrong = {name for name in stored.keys() | counted.keys() if stored.get(name, 0) != counted[name]}
    wrong.update(badge for badge, differs in held.items() if differs != (0, 0))
    return sorted({badge_counted(name) for name in wrong})


def _of(card: Card) -> list[str]:
    return counted_under(card.badges, card.eligible) if card.is_counted else []


def _counted(card: Card) -> tuple[object, ...]:
    return card.badges, card.is_counted, card.eligible, card.earned_at


def _lines(card: Card) -> list[Line]:
    # Without instants there are no lines.
    return [(badge, at, card.user_id) for badge, at in zip(card.badges, card.earned_at, strict=False)]
