"""A store that may be away: opened when it can be, and asked by readers for a limited time only.

Nothing waits for what is known to be away, so no caller is held up by it, at the start of a process or later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from laurels.application.outage.availability import Availability
from laurels.application.ports.keys import Bucket, Grant
from laurels.application.ports.store import Card, Loaded, Projected, Projection, Store
from laurels.application.ports.webhooks import Told, Written
from laurels.domain.keys import ApiKey
from laurels.domain.ledger import Entry
from laurels.domain.ranking import Place, Ranking, Standing
from laurels.domain.rules.rulebook_data import Badge
from laurels.domain.tombstones import Tombstone
from laurels.domain.webhooks import Delivery, Endpoint, State
from laurels.errors import StoreUnavailable

T = TypeVar("T")
logger = logging.getLogger(__name__)


class GuardedStore:
    """`Store` over the one that `open_store` opens, which is closed with this one.

    `check` opens it where it is not open yet. Reads take `availability.limit` seconds at the most.
    """

    def __init__(self, open_store: Callable[[], Awaitable[Store]], availability: Availability) -> None:
        self._open_store = open_store
        self._availability = availability
        self._opened: Store | None = None

    @property
    def mark(self) -> object | None:
        return None if self._opened is None else self._opened.mark

    async def load(
        self, known_seqs: Mapping[str, int | None], event_ids: Collection[tuple[str, str]], version: str
    ) -> Loaded:
        return await self._store.load(known_seqs, event_ids, version)

    async def append(self, entries: Sequence[Entry]) -> frozenset[str]:
        return await self._store.append(entries)

    def project(self, projections: Sequence[Projection], *, cards: Sequence[Card]) -> Awaitable[None]:
        # Before the first opening there is nothing to project.
        return self._store.project(projections, cards=cards)

    async def behind(self, limit: int, *, before: int) -> list[str]:
        return await self._store.behind(limit, before=before)

    def watch(self) -> AsyncGenerator[Mapping[str, int] | None]:
        return self._store.watch()

    async def read(self, known_seqs: Mapping[str, int | None], version: str) -> Loaded:
        return await self._ask(lambda store: store.read(known_seqs, version))

    async def entries(self, user_id: str, *, after: int = 0, limit: int = 1_000) -> list[Entry]:
        return await self._ask(lambda store: store.entries(user_id, after=after, limit=limit))

    async def cards(self, user_ids: Collection[str]) -> dict[str, Card]:
        return await self._ask(lambda store: store.cards(user_ids))

    async def standings(
        self, board: str, *, limit: int, after: Place | None = None, before: Place | None = None
    ) -> list[Standing]:
        return await self._ask(lambda store: store.standings(board, limit=limit, after=after, before=before))

    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        return await self._ask(lambda store: store.standings_of(board, user_ids))

    async def standing(self, board: str, user_id: str) -> Standing | None:
        return await self._ask(lambda store: store.standing(board, user_id))

    async def count(self, board: str, *, above: int | None = None) -> int:
        return await self._ask(lambda store: store.count(board, above=above))

    async def counts_above(self, board: str, points: Collection[int]) -> dict[int, int]:
        return await self._ask(lambda store: store.counts_above(board, points))

    async def users(self, *, after: str = "", limit: int = 1_000) -> list[str]:
        return await self._store.users(after=after, limit=limit)

    async def projected(self, user_ids: Collection[str]) -> dict[str, Projected]:
        return await self._store.projected(user_ids)

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        return await self._ask(lambda store: store.ranking(board, user_id))

    async def miscounted(self) -> list[str]:
        return await self._store.miscounted()

    async def clear_projections(self) -> None:
        await self._store.clear_projections()

    async def publish(self, badges: Sequence[Badge]) -> bool:
        return await self._store.publish(badges)

    async def add_key(self, key: ApiKey) -> bool:
        return await self._ask(lambda store: store.add_key(key))

    async def revoke_key(self, prefix: str, at: int) -> bool:
        return await self._ask(lambda store: store.revoke_key(prefix, at))

    async def keys(self) -> list[ApiKey]:
        return await self._ask(lambda store: store.keys())

    async def keys_version(self) -> int:
        return await self._ask(lambda store: store.keys_version())

    async def touch_keys(self, used: Mapping[str, int]) -> None:
        await self._ask(lambda store: store.touch_keys(used))

    async def take_tokens(self, name: str, bucket: Bucket, wanted: int, now: int) -> Grant:
        return await self._ask(lambda store: store.take_tokens(name, bucket, wanted, now))

    async def mark_deleted(self, user_id: str, at: int) -> Tombstone:
        return await self._ask(lambda store: store.mark_deleted(user_id, at))

    async def purge(self, user_ids: Collection[str]) -> frozenset[str]:
        # As long as it takes: whose caller gives up is erased all the same.
        return await self._store.purge(user_ids)

    async def tombstones(self, user_ids: Collection[str]) -> dict[str, Tombstone]:
        return await self._ask(lambda store: store.tombstones(user_ids))

    async def open_tombstones(self) -> list[str]:
        return await self._ask(lambda store: store.open_tombstones())

    async def close_tombstones(self, user_ids: Collection[str]) -> None:
        await self._ask(lambda store: store.close_tombstones(user_ids))

    async def remains(self) -> dict[str, list[str]]:
        return await self._store.remains()

    async def add_webhook(self, endpoint: Endpoint) -> None:
        await self._ask(lambda store: store.add_webhook(endpoint))

    async def replace_webhook(self, endpoint: Endpoint) -> bool:
        return await self._ask(lambda store: store.replace_webhook(endpoint))

    async def remove_webhook(self, endpoint_id: str) -> bool:
        return await self._ask(lambda store: store.remove_webhook(endpoint_id))

    async def webhooks(self) -> list[Endpoint]:
        return await self._ask(lambda store: store.webhooks())

    async def webhooks_version(self) -> int:
        return await self._store.webhooks_version()

    async def claim_webhook(self, endpoint_id: str, owner: str, *, now: int, until: int) -> str | None:
        return await self._store.claim_webhook(endpoint_id, owner, now=now, until=until)

    async def keep_place(self, endpoint_id: str, mark: str) -> None:
        await self._store.keep_place(endpoint_id, mark)

    async def written_since(self, mark: str, limit: int) -> Written:
        return await self._store.written_since(mark, limit)

    async def told(self, endpoint_id: str, user_ids: Collection[str]) -> dict[str, Told]:
        return await self._store.told(endpoint_id, user_ids)

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        await self._store.settle(deliveries)

    async def due_deliveries(self, endpoint_id: str, *, now: int, limit: int) -> list[Delivery]:
        return await self._store.due_deliveries(endpoint_id, now=now, limit=limit)

    async def hasten_deliveries(self, endpoint_id: str, *, now: int) -> None:
        await self._store.hasten_deliveries(endpoint_id, now=now)

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        return await self._ask(lambda store: store.deliveries(endpoint_id, state=state, limit=limit))

    async def revive_deliveries(self, endpoint_id: str, message_id: str | None, *, now: int) -> int:
        return await self._ask(lambda store: store.revive_deliveries(endpoint_id, message_id, now=now))

    async def remind(self, endpoint_id: str, reminders: Mapping[str, int | None]) -> None:
        await self._ask(lambda store: store.remind(endpoint_id, reminders))

    async def due_reminders(self, endpoint_id: str, *, now: int, limit: int) -> dict[str, int]:
        return await self._store.due_reminders(endpoint_id, now=now, limit=limit)

    async def forget_deliveries(self, user_id: str) -> None:
        await self._ask(lambda store: store.forget_deliveries(user_id))

    async def check(self) -> None:
        if self._opened is None:
            self._opened = await self._open_store()
        else:
            await self._opened.check()

    async def close(self) -> None:
        """Close the store. One that hangs is not waited for longer than a reader would."""
        if self._opened is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._opened.close(), self._availability.limit)

    @property
    def _store(self) -> Store:
        if self._opened is None:
            raise StoreUnavailable("The database could not be reached yet; the server's log has the cause.")
        return self._opened

    async def _ask(self, question: Callable[[Store], Awaitable[T]]) -> T:
        if not self._availability.is_available:
            raise StoreUnavailable("The database is away.")
        try:
            async with asyncio.timeout(self._availability.limit):
                return await question(self._store)
        except TimeoutError as error:
            self._availability.doubt()
            raise StoreUnavailable("The database did not answer in time.") from error
        except StoreUnavailable:
            self._availability.doubt()
            raise
