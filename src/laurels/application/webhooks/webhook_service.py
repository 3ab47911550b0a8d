"""Webhooks as use cases, and the task of a server that delivers their messages.

None of this runs while an event is recorded. Without endpoints, a server queries one number per second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from laurels.application.background import BackgroundTask
from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import SetAside
from laurels.application.ports.store import Store
from laurels.application.ports.webhooks import Backlog, WebhookStore
from laurels.application.queries.learners.progress_reader import ProgressReader, recent_progress
from laurels.application.webhooks.delivery_attempts import Answer, DeliveryCounts, Sender
from laurels.application.webhooks.endpoint_worker import EndpointWorker
from laurels.application.webhooks.messages import NOBODY, body_of, deletion_of, setting_aside_of
from laurels.domain.periods import iso
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import (
    BOARD_CLOSED,
    EVENT_SET_ASIDE,
    ROTATION,
    TEST,
    USER_DELETED,
    Delivery,
    Endpoint,
    State,
    check_types,
    check_url,
    headers_of,
    message_id_of,
    new_secret,
)
from laurels.errors import InvalidInput, StoreError, UnknownWebhook
from laurels.validation import FieldFault, faults_of

LIMIT = 50
"""The maximum number of endpoints."""

# Seconds between two looks for messages to deliver.
INTERVAL = 0.5
# Seconds between two queries whether endpoints changed.
FRESH = 1.0
# Seconds after which every process has seen a change.
SETTLED = 2.25 * FRESH
# Seconds after which endpoints are read again even if no change was reported.
_REREAD = 60.0
_GIVE_BACK = 2.0


class Webhooks:
    """Makes, shows and removes endpoints. `allow_private` also permits endpoints on this machine and in private
    networks. `rotation`: milliseconds for which a replaced secret still signs."""

    def __init__(
        self,
        store: WebhookStore,
        clock: Clock,
        *,
        sender: Sender,
        allow_private: bool = False,
        rotation: int = ROTATION,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sender = sender
        self._allow_private = allow_private
        self._rotation = rotation

    async def add(self, url: str, types: Collection[str] = ()) -> Endpoint:
        """Make an endpoint for everything that is recorded from now on. Returns it with its id and its secret, which
        only this method and `rotate` show. An empty `types` means all types. Raises InvalidInput or StoreError."""
        if faults := self.faults_of({"url": url, "types": types}):
            raise InvalidInput.of(faults)
        wanted = check_types(types)
        if len(await self._store.all()) >= LIMIT:
            raise InvalidInput("url", f"There are {LIMIT} webhooks already; remove one first.")
        endpoint = Endpoint(
            id=f"wh_{uuid4().hex[:20]}", url=url, types=wanted, secret=new_secret(), created_at=self._clock()
        )
        await self._store.add(endpoint)
        if BOARD_CLOSED in wanted:
            await self._store.remind(endpoint.id, {NOBODY: endpoint.created_at})
        return endpoint

    def faults_of(self, values: Mapping[str, Any]) -> list[FieldFault]:
        """The faults of a requested endpoint, by wire name: `url` and `types`."""
        checks: dict[str, Callable[[Any], object]] = {
            "url": partial(check_url, allow_private=self._allow_private),
            "types": check_types,
        }
        return faults_of(*(partial(check, values[name]) for name, check in checks.items() if name in values))

    async def all(self) -> list[Endpoint]:
        """Every endpoint, in order of creation."""
        return await self._store.all()

    async def get(self, endpoint_id: str) -> Endpoint:
        """One endpoint. Raises UnknownWebhook."""
        for endpoint in await self._store.all():
            if endpoint.id == endpoint_id:
                return endpoint
        raise UnknownWebhook(endpoint_id)

    async def remove(self, endpoint_id: str) -> None:
        """Remove an endpoint and its pending messages. Raises UnknownWebhook."""
        if not await self._store.remove(endpoint_id):
            raise UnknownWebhook(endpoint_id)

    async def rotate(self, endpoint_id: str, *, is_forced: bool = False) -> Endpoint:
        """Give an endpoint a new secret; the present one still signs beside it for a day (`rotation`).

        When this returns, every process signs with both. Raises UnknownWebhook. Raises InvalidInput if the secret
        before the present one still signs, because it would end at once; `is_forced` ends it.
        """
        known = await self.get(endpoint_id)
        now = self._clock()
        if len(known.secrets_at(now)) > 1 and not is_forced:
            raise InvalidInput(
                "force",
                f"The secret before the present one signs until {iso(known.previous_until or 0)}, and a receiver may "
                "know only that one. Rotate after that, or force it to end now.",
            )
        rotated = replace(known, secret=new_secret(), previous_secret=known.secret, previous_until=now + self._rotation)
        if not await self._store.replace(rotated):
            raise UnknownWebhook(endpoint_id)
        await asyncio.sleep(SETTLED)
        return rotated

    async def deliveries(self, endpoint_id: str, *, state: State | None = None, limit: int = 100) -> list[Delivery]:
        """An endpoint's messages and their results, the last attempt first. Raises UnknownWebhook."""
        await self.get(endpoint_id)
        return await self._store.deliveries(endpoint_id, state=state, limit=limit)

    async def backlogs(self) -> dict[str, Backlog]:
        """The messages that did not arrive, by the id of their endpoint."""
        return await self._store.backlogs()

    async def replay(self, endpoint_id: str, message_id: str | None = None) -> int:
        """Send messages again that were given up, one or all. Returns their number. Raises UnknownWebhook."""
        await self.get(endpoint_id)
        return await self._store.revive(endpoint_id, message_id, now=self._clock())

    async def test(self, endpoint_id: str) -> Answer:
        """Send an endpoint one test message now, without retries. Raises UnknownWebhook."""
        endpoint = await self.get(endpoint_id)
        now = self._clock()
        body = body_of(TEST, now, {"endpoint": endpoint.id})
        headers = headers_of(message_id_of(endpoint.id, TEST, now), body, endpoint.secrets_at(now), now)
        return await self._sender.send(endpoint.url, headers, body.encode())


async def enqueue_user_deleted(store: WebhookStore, user_id: str, at: int) -> None:
    """Forget the data that webhooks store of a user, and notify the subscribed endpoints that the user was deleted at
    the instant `at`.

    Call it when the user's entries are gone, and again if that was interrupted: the messages are the same. When it
    returns, they survive the end of the process.
    """
    await store.forget(user_id)
    for endpoint in await store.all():
        if USER_DELETED in endpoint.types:
            await store.record_attempts([deletion_of(endpoint, user_id, at)])


async def enqueue_set_aside(store: WebhookStore, refused: Sequence[SetAside], at: int) -> None:
    """Notify the subscribed endpoints of events that could not be recorded, as found at the instant `at`.

    Call it before the events are set aside, and again if that was interrupted: the messages are the same.
    """
    for endpoint in await store.all():
        if EVENT_SET_ASIDE in endpoint.types:
            await store.record_attempts([setting_aside_of(endpoint, each, at) for each in refused])


class Dispatcher:
    """Delivers for the endpoints of a store, from `start` to `close`; each endpoint is served by one process at a time.

    In seconds: `interval` is between two looks for messages to deliver, `fresh` between two queries whether endpoints
    changed.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        sender: Sender,
        *,
        interval: float = INTERVAL,
        fresh: float = FRESH,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._sender = sender
        self._interval = interval
        self._fresh = fresh
        # One for all workers, so that the users it remembers are bounded.
        self._reader = ProgressReader(store, rulebook, recent_progress())
        self._owner = uuid4().hex
        self._version: int | None = None
        self._asked_at = self._read_at = float("-inf")
        self.counts = DeliveryCounts()
        self._workers: dict[str, EndpointWorker] = {}
        self._tasks: dict[str, BackgroundTask] = {}
        self._following = BackgroundTask("laurels-webhooks", self._follow, retry=fresh)

    @property
    def tasks(self) -> list[BackgroundTask]:
        """The tasks that run now."""
        return [self._following, *self._tasks.values()]

    @property
    def endpoints(self) -> tuple[int, int]:
        """The number of endpoints, and of those that this process serves and that accept nothing now."""
        return len(self._workers), sum(worker.is_away for worker in self._workers.values())

    def forget_all(self) -> None:
        """Drop everything that was read before now: the rulebook has changed."""
        self._reader.forget_all()

    def start(self) -> None:
        """Begin to deliver."""
        self._following.start()

    async def close(self) -> None:
        """Stop; another process may continue at once. Messages in transit are sent again."""
        tasks = self.tasks
        for task in tasks:
            task.cancel()
        for task in tasks:
            await task.wait()
        # A store that hangs is not waited for: claims expire by themselves.
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_GIVE_BACK):
                for worker in self._workers.values():
                    await worker.give_back()

    async def work(self) -> None:
        """Deliver the pending messages once, for each endpoint in turn. Raises StoreError."""
        await self._refresh()
        for worker in list(self._workers.values()):
            while await worker.work():
                pass

    async def _follow(self) -> float:
        """Check whether endpoints were added, removed or changed."""
        if monotonic() - self._asked_at >= self._fresh:
            await self._refresh()
            self._sync_tasks()
        return self._fresh

    def _sync_tasks(self) -> None:
        """Run one task per worker: a slow endpoint delays no other."""
        for endpoint_id in self._tasks.keys() - self._workers.keys():
            self._tasks.pop(endpoint_id).cancel()
        for endpoint_id in self._workers.keys() - self._tasks.keys():
            work = partial(self._deliver, endpoint_id)
            task = BackgroundTask(f"laurels-webhook {endpoint_id}", work, retry=self._fresh)
            self._tasks[endpoint_id] = task
            task.start()

    async def _deliver(self, endpoint_id: str) -> float:
        return 0 if await self._workers[endpoint_id].work() else self._interval

    async def _refresh(self) -> None:
        asked_at = monotonic()
        version = await self._store.webhooks.version()
        if version != self._version or asked_at - self._read_at > _REREAD:
            endpoints = await self._store.webhooks.all()
            kept: dict[str, EndpointWorker] = {}
            for endpoint in endpoints:
                worker = self._workers.get(endpoint.id)
                if worker is None:
                    worker = EndpointWorker(
                        endpoint,
                        self._store,
                        self._rulebook,
                        self._clock,
                        self._sender,
                        reader=self._reader,
                        owner=self._owner,
                        counts=self.counts,
                    )
                worker.endpoint = endpoint
                kept[endpoint.id] = worker
            self._workers = kept
            self._version, self._read_at = version, asked_at
        self._asked_at = asked_at
