"""The acknowledged path: reading the known state, and appending.

One document, a bundle, holds the entries of one user in one batch. A document is written whole or not at all, so a user
whose second entry collides does not keep the first. This needs no transaction, and only one write per batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from itertools import islice
from time import monotonic

import msgspec
from bson import Timestamp
from pymongo.errors import BulkWriteError

from laurels.application.ports.ledger import LATER_LIMIT, Loaded, Written
from laurels.domain.ledger.entries import Entry
from laurels.errors import StoreUnavailable
from laurels.storage.mongodb import changes
from laurels.storage.mongodb.connection import Concern, Database, Document, Session, duplicates, operation
from laurels.storage.mongodb.documents import bundle_of, entry_of, progress_of
from laurels.storage.mongodb.projections.watermark import WRITTEN_INDEX, before_margin, mark_of, newest, time_of
from laurels.storage.mongodb.tombstones import DeletionCache

# A document holds 16 MiB. An entry takes its JSON, the fields for people and space for both. A bundle ends before it
# would grow beyond this size, which happens only with the largest metadata.
SLIP_BYTES = 12 * 1024 * 1024
SLIP_ENTRIES = 4_096
_LINE_BYTES = 1_024

# The hint is needed: the server would otherwise try both indexes on the first users, and stay with the best for those.
LATER_INDEX = "ledger_user"
KNOWN_INDEX = "ledger_user_event"
USERS_INDEX = "ledger_users"

# Branches of one query: the server's planning time grows faster than their number.
_BRANCHES = 100
# Seconds for which the ledger is always asked after another process was seen to write to the same users.
_SHARED_FOR = 10.0


class MongoLedger(Concern):
    """See `LedgerStore`."""

    def __init__(self, database: Database, session: Session, deletions: DeletionCache) -> None:
        super().__init__(database, session)
        self._deletions = deletions
        # How many users had been deleted at the last `load`.
        self._checked_at = 0
        # How often others were seen to write, and until when (seconds, monotonic) they may continue.
        self._others = 0
        self._others_until = float("-inf")

    @property
    def mark(self) -> object | None:
        """See `Store.mark`. It also changes when a user is deleted, because the server would not refuse an append."""
        number = self._deletions.number
        if number is None or number != self._checked_at or monotonic() < self._others_until:
            return None
        return self._others, number

    def _note_others(self) -> None:
        self._others += 1
        self._others_until = monotonic() + _SHARED_FOR

    @operation()
    async def load(
        self, known_seqs: Mapping[str, int | None], event_ids: Collection[tuple[str, str]], version: str
    ) -> Loaded:
        loaded, number = await load(self.database, known_seqs, event_ids, (version,), self._deletions)
        if known_seqs:
            self._checked_at = number
        if loaded.later:
            self._note_others()
        return loaded

    @operation()
    async def read(self, known_seqs: Mapping[str, int | None], *versions: str) -> Loaded:
        return (await load(self.database, known_seqs, (), versions, self._deletions))[0]

    @operation()
    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        """If the server refuses a bundle because of another one, it still waits until a majority holds that other one:
        the refused caller finds it at the next `load`."""
        refused, is_shared = await append(self.database, entries)
        if is_shared:
            self._note_others()
        # With a recent number the next append needs no `load`.
        await self._deletions.keep_recent()
        return refused

    @operation()
    async def entries(self, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        last = after + limit
        is_asked = {"$and": [{"$gt": ["$$this.seq", after]}, {"$lte": ["$$this.seq", last]}]}
        # A bundle of an import holds thousands, so the server picks those that are asked for: a client that reads its
        # whole history page by page would otherwise fetch each bundle again for every page.
        bundles = await self.database["ledger"].aggregate(
            [
                {"$match": {"userId": user_id, "lastSeq": {"$gt": after}, "firstSeq": {"$lte": last}}},
                {"$sort": {"lastSeq": 1}},
                {"$project": {"_id": 0, "userId": 1, "entries": {"$filter": {"input": "$entries", "cond": is_asked}}}},
            ],
            hint=LATER_INDEX,
        )
        return [entry_of(bundle, line) async for bundle in bundles for line in bundle["entries"]]

    @operation()
    async def users(self, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Two walks along indexes with one key per user, whatever the number of entries."""
        above = {"userId": {"$gt": after}}
        only_id = {"_id": 0, "userId": 1}
        found = await asyncio.gather(
            self.database["ledger"]
            .find({"firstSeq": 1, **above}, only_id, hint=USERS_INDEX)
            .sort("userId")
            .limit(limit)
            .to_list(),
            self.database["users"].find(above, only_id).sort("userId").limit(limit).to_list(),
        )
        return sorted({document["userId"] for documents in found for document in documents})[:limit]

    def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        return changes.watch(self.database, self.session)

    @operation()
    async def written_since(self, mark: str, limit: int) -> Written:
        """A bundle gets its time when its insertion begins, and becomes visible when it is done; before the margin all
        are visible."""
        since = time_of(mark)
        latest = await newest(self.database)
        keys = {"_id": 0, "writtenAt": 1, "userId": 1, "firstSeq": 1, "lastSeq": 1}
        ledger = self.database["ledger"]
        found = (
            await ledger.find({"writtenAt": {"$gt": since}}, keys, hint=WRITTEN_INDEX)
            .sort("writtenAt", 1)
            .limit(limit)
            .to_list()
        )
        is_all = len(found) < limit
        if not is_all:
            # The servers of a cluster count separately: several bundles may have this exact time.
            found += await ledger.find({"writtenAt": found[-1]["writtenAt"]}, keys, hint=WRITTEN_INDEX).to_list()
        users: dict[str, tuple[int, int]] = {}
        for bundle in found:
            first, last = users.get(bundle["userId"], (bundle["firstSeq"], bundle["lastSeq"]))
            users[bundle["userId"]] = min(first, bundle["firstSeq"]), max(last, bundle["lastSeq"])
        reached: Timestamp = found[-1]["writtenAt"] if found else since
        return Written(
            users,
            mark_of(reached),
            mark_of(max(since, min(reached, before_margin(latest)))),
            is_all,
        )


async def load(
    database: Database,
    known_seqs: Mapping[str, int | None],
    event_ids: Collection[tuple[str, str]],
    versions: tuple[str, ...],
    deletions: DeletionCache,
) -> tuple[Loaded, int]:
    """See `LedgerStore.load`. Also returns how many users had been deleted."""
    loaded = Loaded()
    by_user: dict[str, list[str]] = {}
    for user_id, event_id in event_ids:
        by_user.setdefault(user_id, []).append(event_id)
    known, _, (loaded.deleted, number) = await asyncio.gather(
        _known(database, by_user), _fill_later(database, known_seqs, versions, loaded), deletions.check(known_seqs)
    )
    for user_id in loaded.deleted:
        # Part of their data may still exist while it is being removed.
        loaded.snapshots.pop(user_id, None)
        loaded.later.pop(user_id, None)
    asked = set(event_ids)
    for bundle in known:
        for line in bundle["entries"]:
            key = (bundle["userId"], line["eventId"])
            if key in asked:
                loaded.known[key] = entry_of(bundle, line)
    return loaded, number


async def _fill_later(
    database: Database, known_seqs: Mapping[str, int | None], versions: tuple[str, ...], loaded: Loaded
) -> None:
    """Reads snapshots first and entries second: an entry written in between is after the snapshot, and is seen."""
    unknown = [user_id for user_id, seq in known_seqs.items() if seq is None]
    from_seq = {user_id: seq or 0 for user_id, seq in known_seqs.items()}
    if unknown:
        async for user in database["users"].find(
            {"userId": {"$in": unknown}, "version": {"$in": versions}},
            {"userId": 1, "version": 1, "seq": 1, "state": 1},
        ):
            # An unreadable snapshot is ignored: the ledger has everything.
            try:
                loaded.snapshots[user["userId"]] = progress_of(user)
            except msgspec.MsgspecError:
                continue
            from_seq[user["userId"]] = user["seq"]
    queries = [later_query(user_id, seq) for user_id, seq in from_seq.items()]
    for bundle in await _any_of(database, queries, LATER_INDEX):
        head = from_seq[bundle["userId"]]
        entries = loaded.later.setdefault(bundle["userId"], [])
        entries += [entry_of(bundle, line) for line in bundle["entries"] if head < line["seq"] <= head + LATER_LIMIT]
    for entries in loaded.later.values():
        entries.sort(key=lambda entry: entry.seq)


def later_query(user_id: str, head: int) -> Document:
    """The bundles with entries after `head`: enough of them, and a bounded number even for the longest ledger."""
    return {
        "userId": user_id,
        "lastSeq": {"$gt": head, "$lte": head + LATER_LIMIT + SLIP_ENTRIES},
        "firstSeq": {"$lte": head + LATER_LIMIT},
    }


def known_query(user_id: str, event_ids: list[str]) -> Document:
    """The bundles with one of a user's events."""
    return {"userId": user_id, "eventIds": {"$in": event_ids}}


async def _known(database: Database, by_user: Mapping[str, list[str]]) -> list[Document]:
    return await _any_of(
        database, [known_query(user_id, event_ids) for user_id, event_ids in by_user.items()], KNOWN_INDEX
    )


async def _any_of(database: Database, queries: Sequence[Document], index: str) -> list[Document]:
    remaining = iter(queries)
    asked: list[Document] = []
    while branches := list(islice(remaining, _BRANCHES)):
        asked.append({"$or": branches} if len(branches) > 1 else branches[0])
    found = await asyncio.gather(*(database["ledger"].find(query, hint=index).to_list() for query in asked))
    return [bundle for bundles in found for bundle in bundles]


async def append(database: Database, entries: Sequence[Entry]) -> tuple[frozenset[str], bool]:
    """See `LedgerStore.append`. Also returns whether another writer had taken a `seq`."""
    by_user: dict[str, list[Entry]] = {}
    for entry in entries:
        by_user.setdefault(entry.user_id, []).append(entry)
    refused = {user_id for user_id, own in by_user.items() if not _is_sound(own)}
    firsts: list[Document] = []
    rests: dict[str, list[Document]] = {}
    for user_id, own in by_user.items():
        if user_id not in refused:
            first, *rest = [bundle_of(share) for share in _shares(own)]
            firsts.append(first)
            if rest:
                rests[user_id] = rest
    collided, is_shared = await _insert(database, firsts)
    refused |= collided
    for user_id, rest in rests.items():
        if user_id in refused:
            continue
        for bundle in rest:
            if (await _insert(database, [bundle]))[0]:
                # A write larger than one document: its beginning is already written, so it is not true that nothing
                # was.
                raise StoreUnavailable("Another writer came between the parts of a very large write; try again.")
    return frozenset(refused), is_shared


async def _insert(database: Database, bundles: Sequence[Document]) -> tuple[set[str], bool]:
    """Write bundles. Returns the users of those that were refused, and whether for another reason than a repeated
    event."""
    if not bundles:
        return set(), False
    try:
        await database["ledger"].insert_many(bundles, ordered=False)
    except BulkWriteError as error:
        refused = {bundles[position]["userId"] for position in duplicates(error)}
        failures: list[Document] = (error.details or {})["writeErrors"]
        return refused, any("eventIds" not in failure.get("keyPattern", ()) for failure in failures)
    return set(), False


def _is_sound(entries: Sequence[Entry]) -> bool:
    """Whether no two of a user's entries collide with each other: a unique index compares documents, and does not find
    duplicates within one."""
    event_ids = [entry.event_id for entry in entries if entry.event_id is not None]
    return len(set(event_ids)) == len(event_ids) and len({entry.seq for entry in entries}) == len(entries)


def _shares(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """A user's entries in as few runs as documents can hold: one, except in extreme cases."""
    if len(entries) <= 64:
        # Accepted entries have at most 16 KiB of metadata.
        yield list(entries)
        return
    share: list[Entry] = []
    size = 0
    for entry in entries:
        grows_by = len(msgspec.json.encode(entry.body)) + _LINE_BYTES
        if share and (size + grows_by > SLIP_BYTES or len(share) >= SLIP_ENTRIES):
            yield share
            share, size = [], 0
        share.append(entry)
        size += grows_by
    yield share
