"""`Store` on a MongoDB database: a server alone, a replica set or a sharded cluster, by one protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping, Sequence

from laurels.application.ports.keys import Bucket, Grant
from laurels.application.ports.store import Card, Loaded, Projected, Projection
from laurels.application.ports.webhooks import Told, Written
from laurels.domain.keys import ApiKey
from laurels.domain.ledger import Entry
from laurels.domain.ranking import Place, Ranking, Standing
from laurels.domain.rules.rulebook_data import Badge
from laurels.domain.tombstones import Tombstone
from laurels.domain.webhooks import Delivery, Endpoint, State
from laurels.storage.mongodb import (
    achievements,
    boards,
    changes,
    counts,
    ledger,
    snapshots,
    tombstones,
    watermark,
    webhooks,
)
from laurels.storage.mongodb import keys as callers
from laurels.storage.mongodb.connection import EACH_OPERATION, PATIENCE, Client, Session, connect, database_of
from laurels.storage.mongodb.counting import Counting
from laurels.storage.mongodb.schema import LEASE, check_server, migrate

# Seconds for what goes through whole collections.
_LONG = 3_600.0


class MongoStore:
    """The ledger and its projections in the database of `client`. Made by `open`, to be closed by who opened it.

    Belongs to the event loop in which it was opened.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._database = database_of(client)
        self._session = Session(client.options.timeout)
        self._living = tombstones.DeletionCache(self._database)
        self._counting = Counting(self._database, self._session)

    @classmethod
    async def open(cls, url: str) -> MongoStore:
        """Open the database that the URL names, making its collections or bringing them up to date.

        Raises SettingsError for a URL that cannot be used, and StoreError.
        """
        store = cls(await connect(url))
        try:
            await store._session.run(lambda: check_server(store._database), within=PATIENCE)
            await store._session.run(lambda: migrate(store._database), within=3 * LEASE)
            await store.check()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def mark(self) -> object | None:
        """None: the server tells nobody of the writes of others."""
        return None

    async def load(
        self, known_seqs: Mapping[str, int | None], event_ids: Collection[tuple[str, str]], version: str
    ) -> Loaded:
        return await self._session.run(
            lambda: ledger.load(self._database, known_seqs, event_ids, version, self._living)
        )

    async def read(self, known_seqs: Mapping[str, int | None], version: str) -> Loaded:
        return await self._session.run(lambda: ledger.load(self._database, known_seqs, (), version, self._living))

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        return await self._session.run(lambda: ledger.append(self._database, entries))

    async def entries(self, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        return await self._session.run(lambda: ledger.entries(self._database, user_id, after, limit))

    def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        return changes.watch(self._database, self._session)

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        packed = snapshots.pack(projections, cards)
        return self._session.run(lambda: snapshots.keep(self._database, packed, self._living), within=EACH_OPERATION)

    async def behind(self, limit: int, *, before: int) -> list[str]:
        return await self._session.run(
            lambda: watermark.behind(self._database, limit, before, self._living), within=_LONG
        )

    async def cards(self, user_ids: Collection[str]) -> dict[str, Card]:
        return await self._session.run(lambda: snapshots.cards(self._database, user_ids))

    async def standings(
        self, board: str, *, limit: int, after: Place | None = None, before: Place | None = None
    ) -> list[Standing]:
        return await self._session.run(lambda: boards.standings(self._database, board, limit, after, before))

    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        return await self._session.run(lambda: boards.standings_of(self._database, board, user_ids))

    async def standing(self, board: str, user_id: str) -> Standing | None:
        return await self._session.run(lambda: boards.standing(self._database, board, user_id))

    async def count(self, board: str, *, above: int | None = None) -> int:
        return (await self._counting.counts_of(board, [above]))[above]

    async def counts_above(self, board: str, points: Collection[int]) -> dict[int, int]:
        counted = await self._counting.counts_of(board, points) if points else {}
        return {above: counted[above] for above in points}

    async def users(self, *, after: str = "", limit: int = 1_000) -> list[str]:
        return await self._session.run(lambda: ledger.users(self._database, after, limit))

    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        return await self._session.run(lambda: snapshots.projected(self._database, user_ids))

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        own = await self.standing(board, user_id)
        if own is None:
            return None
        counted, ahead = await asyncio.gather(
            self._counting.counts_of(board, [own.points, None]),
            self.standings(board, limit=1, before=Place(own.points, -1, "")),
        )
        return Ranking(own, counted[own.points], counted[None], ahead[0].points if ahead else None)

    async def miscounted(self) -> list[str]:
        return await self._session.run(lambda: counts.miscounted(self._database), within=_LONG)

    async def clear_projections(self) -> None:
        await self._session.run(lambda: snapshots.clear(self._database), within=_LONG)

    async def publish(self, badges: Sequence[Badge]) -> bool:
        return await self._session.run(lambda: achievements.publish(self._database, badges))

    async def add_key(self, key: ApiKey) -> bool:
        return await self._session.run(lambda: callers.add_key(self._database, key))

    async def revoke_key(self, prefix: str, at: int) -> bool:
        return await self._session.run(lambda: callers.revoke_key(self._database, prefix, at))

    async def keys(self) -> list[ApiKey]:
        return await self._session.run(lambda: callers.keys(self._database))

    async def keys_version(self) -> int:
        return await self._session.run(lambda: callers.keys_version(self._database))

    async def touch_keys(self, used: Mapping[str, int]) -> None:
        await self._session.run(lambda: callers.touch_keys(self._database, used))

    async def take_tokens(self, name: str, bucket: Bucket, wanted: int, now: int) -> Grant:
        return await self._session.run(lambda: callers.take_tokens(self._database, name, bucket, wanted, now))

    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        return await self._session.run(lambda: tombstones.mark_deleted(self._database, user_id, at))

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        return await self._session.run(lambda: tombstones.purge(self._database, user_ids), within=EACH_OPERATION)

    async def tombstones(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        return await self._session.run(lambda: tombstones.tombstones(self._database, user_ids))

    async def open_tombstones(self) -> list[str]:
        return await self._session.run(lambda: tombstones.open_tombstones(self._database))

    async def close_tombstones(self, user_ids: Collection[str]) -> None:
        await self._session.run(lambda: tombstones.close_tombstones(self._database, user_ids))

    async def remains(self) -> dict[str, list[str]]:
        return await self._session.run(lambda: tombstones.remains(self._database), within=_LONG)

    async def add_webhook(self, endpoint: Endpoint) -> None:
        await self._session.run(lambda: webhooks.add(self._database, endpoint))

    async def replace_webhook(self, endpoint: Endpoint) -> bool:
        return await self._session.run(lambda: webhooks.replace(self._database, endpoint))

    async def remove_webhook(self, endpoint_id: str) -> bool:
        return await self._session.run(lambda: webhooks.remove(self._database, endpoint_id))

    async def webhooks(self) -> list[Endpoint]:
        return await self._session.run(lambda: webhooks.endpoints(self._database))

    async def webhooks_version(self) -> int:
        return await self._session.run(lambda: webhooks.version(self._database))

    async def claim_webhook(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        return await self._session.run(lambda: webhooks.claim(self._database, endpoint_id, owner, now, until))

    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        await self._session.run(lambda: webhooks.keep_place(self._database, endpoint_id, mark))

    async def written_since(self, mark: str, limit: int) -> Written:
        return await self._session.run(lambda: webhooks.written_since(self._database, mark, limit))

    async def told(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Told]:
        return await self._session.run(lambda: webhooks.told(self._database, endpoint_id, user_ids))

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        await self._session.run(lambda: webhooks.settle(self._database, deliveries))

    async def due_deliveries(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        return await self._session.run(lambda: webhooks.due(self._database, endpoint_id, now, limit))

    async def hasten_deliveries(self, endpoint_id: str, *, now: int) -> None:
        await self._session.run(lambda: webhooks.hasten(self._database, endpoint_id, now))

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        return await self._session.run(lambda: webhooks.deliveries(self._database, endpoint_id, state, limit))

    async def revive_deliveries(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        return await self._session.run(lambda: webhooks.revive(self._database, endpoint_id, message_id, now))

    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        await self._session.run(lambda: webhooks.remind(self._database, endpoint_id, reminders))

    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        return await self._session.run(lambda: webhooks.due_reminders(self._database, endpoint_id, now, limit))

    async def forget_deliveries(self, user_id: str) -> None:
        await self._session.run(lambda: webhooks.forget(self._database, user_id))

    async def check(self) -> None:
        async def write() -> None:
            # What a commit would need: a majority of members that put a write on disk.
            await self._database["meta"].update_one({"_id": "check"}, {"$inc": {"times": 1}}, upsert=True)

        await self._session.run(write, within=PATIENCE)

    async def close(self) -> None:
        self._counting.close()
        if await self._session.close():
            await self._client.close()
