"""Telling one endpoint what it asked for: at least once, and in order for each user.

The ledger is the queue: an endpoint has a place in it, and nothing is kept of what is still ahead. A message that did
not arrive is kept, holds up later ones of the same user, and is tried again ever more seldom. Where an endpoint fails
altogether, its place stays where it is, and it is asked now and then whether it is back.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.ports.webhooks import Cursor
from laurels.application.queries.learners import Learners
from laurels.application.webhooks.messages import messages_of
from laurels.application.webhooks.reminders import Reminders
from laurels.domain.ledger import Entry, EventRecorded
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.webhooks import ATTEMPTS, DELAYS, STREAK_EXTENDED, Delivery, Endpoint, headers_of, is_delivered

logger = logging.getLogger(__name__)

# Messages that are on their way to one endpoint at once, each about another user.
WIDTH = 16
# Entries that one look takes.
PAGE = 200
# Messages to be tried again that one look takes.
DUE = 100
# After so many failures in a row an endpoint is taken to be away.
AWAY_AFTER = 5
# Milliseconds between two questions whether it is back.
PROBE_INTERVAL = 60_000
# Milliseconds for which a process claims an endpoint; it claims again when a third has passed.
LEASE = 15_000
# Milliseconds until what may have come into sight late is looked for.
LOOK_BACK = 60_000
# Entries of one user that are read at once.
_READ = 200
# Entries that are looked through at once for the event before.
_STEP = 20
# Users whose last streak is remembered.
_STREAKS = 50_000


class Answer(Struct, frozen=True):
    """What came back: the status of an answer, or why there was none that counts."""

    status: int | None = None
    error: str | None = None


class Sender(Protocol):
    """Sends messages to addresses of strangers."""

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post `body`. Raises nothing."""
        ...


class DeliveryCounts(Struct):
    """Attempts of one process since its start: messages that arrived, attempts that failed, messages given up."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


class Courier:
    """Delivers for one endpoint, as long as this process holds the claim to do so."""

    def __init__(
        self,
        endpoint: Endpoint,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        sender: Sender,
        *,
        learners: Learners,
        owner: str,
        counts: DeliveryCounts | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._reminders = Reminders(store, rulebook, clock, learners)
        self._sender = sender
        self._owner = owner
        self._counts = counts or DeliveryCounts()
        self._claimed_at: int | None = None
        self._next = self._kept = ""
        self._looked_back_at = 0
        self._failures = 0
        self._probed_at = 0
        self._streaks: OrderedDict[str, tuple[int, int]] = OrderedDict()

    async def work(self) -> bool:
        """Deliver what there is to be delivered, up to a page; whether there may be more at once. Raises StoreError."""
        if not await self._claim():
            return False
        round_ = asyncio.create_task(self._round(), name="laurels-webhook-round")
        try:
            while not (await asyncio.wait({round_}, timeout=LEASE / 3_000))[0]:
                if not await self._claim():
                    break
        finally:
            round_.cancel()
            await asyncio.wait({round_})
        return not round_.cancelled() and round_.result()

    async def give_back(self) -> None:
        """Let another process deliver at once."""
        if self._claimed_at is not None:
            now = self._clock()
            await self._store.webhooks.claim(self.endpoint.id, self._owner, now=now, until=now)
            self._claimed_at = None

    async def _claim(self) -> bool:
        now = self._clock()
        if self._claimed_at is not None and 0 <= now - self._claimed_at < LEASE / 3:
            return True
        place = await self._store.webhooks.claim(self.endpoint.id, self._owner, now=now, until=now + LEASE)
        if place is None:
            # Whoever has it moves the place on.
            self._claimed_at = None
            return False
        was_without = self._claimed_at is None or now - self._claimed_at >= LEASE
        self._claimed_at, self._kept = now, place
        if was_without or not 0 <= now - self._looked_back_at < LOOK_BACK:
            self._next, self._looked_back_at = place, now
        return True

    @property
    def is_away(self) -> bool:
        """Whether the endpoint took none of the last messages."""
        return self._failures >= AWAY_AFTER

    async def _round(self) -> bool:
        due = await self._store.webhooks.due(self.endpoint.id, now=self._clock(), limit=DUE)
        by_user: dict[str, list[Delivery]] = {}
        for each in due:
            by_user.setdefault(each.user_id, []).append(each)
        await self._side_by_side(iter(by_user), lambda user_id: self._retry(by_user[user_id]), stops=False)
        is_probe = self.is_away
        if is_probe and 0 <= self._clock() - self._probed_at < PROBE_INTERVAL:
            return False
        return await self._look(is_probe=is_probe) or len(due) >= DUE

    async def _look(self, *, is_probe: bool) -> bool:
        found = await self._store.ledger.written_since(self._next, PAGE)
        told = await self._store.webhooks.cursors(self.endpoint.id, found.users.keys()) if found.users else {}
        # Who is blocked is gone on with when the message that waits has arrived, or is given up.
        waiting = iter([user_id for user_id in found.users if user_id not in told or not told[user_id].is_blocked])

        async def tell(user_id: str) -> None:
            first, last = found.users[user_id]
            known = told.get(user_id, Cursor())
            start = (known.seq, known.part) if known.seq >= first else (first, 0)
            await self._tell(user_id, start, last)

        if is_probe:
            # Who has something to tell is enough to know.
            for user_id in waiting:
                failures = self._failures
                await tell(user_id)
                if self._failures > failures:
                    return False
                if not self.is_away:
                    break
        await self._side_by_side(waiting, tell, stops=True)
        if next(waiting, None) is not None:
            # The page is taken again when the endpoint is back; nobody who has been told is told twice.
            return False
        if found.safe != self._kept:
            await self._store.webhooks.keep_place(self.endpoint.id, found.safe)
        self._next, self._kept = found.next, found.safe
        if not found.is_all:
            return True
        if self.is_away:
            # Where the ledger has nothing to ask with whether it is back, one user whose time has come will do.
            return is_probe and await self._reminders.ring(self.endpoint, limit=1)
        return await self._reminders.ring(self.endpoint)

    async def _side_by_side(self, users: Iterator[str], work: Callable[[str], Awaitable[None]], *, stops: bool) -> None:
        """Work for users, some at a time; where it `stops`, those are left who come after the endpoint went away."""

        async def run() -> None:
            while not (stops and self.is_away):
                user_id = next(users, None)
                if user_id is None:
                    return
                await work(user_id)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(WIDTH):
                    group.create_task(run())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _tell(self, user_id: str, start: tuple[int, int], last: int) -> None:
        """Tell what comes after `start`, up to entry `last`, until a message does not arrive."""
        async with aclosing(self._messages(user_id, start, last)) as messages:
            async for message in messages:
                tried = await self._attempt(message)
                await self._store.webhooks.record_attempts([tried])
                if tried.state == "pending":
                    return

    async def _retry(self, waiting: list[Delivery]) -> None:
        """Try a user's messages again; where they arrive or are given up, go on with what came after them."""
        for delivery in waiting:
            tried = await self._attempt(delivery)
            if tried.state == "pending":
                await self._store.webhooks.record_attempts([tried])
                return
            await self._go_on(tried)

    async def _go_on(self, tried: Delivery) -> None:
        """Settle a message that held up its user, and tell what came after it.

        The user stays blocked until all is told: whoever takes over, should this process end, knows of them by that.
        """
        user_id = tried.user_id
        told = (await self._store.webhooks.cursors(self.endpoint.id, [user_id])).get(user_id, Cursor())
        start = max((told.seq, told.part), (tried.seq, tried.part))
        async with aclosing(self._messages(user_id, start, None)) as messages:
            async for message in messages:
                await self._store.webhooks.record_attempts(
                    [replace(message, next_at=self._clock(), at=self._clock()), tried]
                )
                tried = await self._attempt(message)
                if tried.state == "pending":
                    break
        await self._store.webhooks.record_attempts([tried])

    async def _messages(self, user_id: str, start: tuple[int, int], last: int | None) -> AsyncGenerator[Delivery]:
        """What entries tell after part `start[1]` of entry `start[0]`, up to entry `last`, or all that there are."""
        after = max(0, start[0] - 1)
        while last is None or after < last:
            limit = _READ if last is None else min(_READ, last - after)
            entries = await self._store.ledger.entries(user_id, after=after, limit=limit)
            for entry in entries:
                after = entry.seq
                if entry.recorded_at < self.endpoint.created_at:
                    continue
                if (entry.seq, 0) >= start:
                    await self._reminders.note(self.endpoint, entry)
                streak_before = await self._streak_before(entry)
                for message in messages_of(self.endpoint, entry, self._rulebook, streak_before=streak_before):
                    if (message.seq, message.part) > start:
                        yield message
            if len(entries) < limit:
                return

    async def _streak_before(self, entry: Entry) -> int:
        """The streak that the event before this entry showed; 0 where it does not matter."""
        body = entry.body
        if STREAK_EXTENDED not in self.endpoint.types or not isinstance(body, EventRecorded):
            return 0
        seq, streak = self._streaks.get(entry.user_id, (0, 0))
        if seq != entry.seq - 1 and body.daily_streak > 1:
            streak = await self._read_streak(entry)
        self._streaks[entry.user_id] = (entry.seq, body.daily_streak)
        self._streaks.move_to_end(entry.user_id)
        if len(self._streaks) > _STREAKS:
            self._streaks.popitem(last=False)
        return streak

    async def _read_streak(self, entry: Entry) -> int:
        before = entry.seq
        while before > 1:
            after = max(0, before - 1 - _STEP)
            found = await self._store.ledger.entries(entry.user_id, after=after, limit=before - 1 - after)
            for each in reversed(found):
                if isinstance(each.body, EventRecorded):
                    return each.body.daily_streak
            before = after + 1
        return 0

    async def _attempt(self, delivery: Delivery) -> Delivery:
        """Send a message; what has become of it, which is kept nowhere yet."""
        now = self._clock()
        headers = headers_of(delivery.id, delivery.body, self.endpoint.secrets_at(now), now)
        answer = await self._sender.send(self.endpoint.url, headers, delivery.body.encode())
        now = self._clock()
        attempts = delivery.attempts + 1
        tried = replace(delivery, attempts=attempts, at=now, status=answer.status, error=answer.error)
        if answer.error is None and is_delivered(answer.status):
            self._counts.delivered += 1
            was_away, self._failures = self.is_away, 0
            if was_away:
                await self._store.webhooks.hasten(self.endpoint.id, now=now)
            return replace(tried, state="done")
        self._failures += 1
        self._counts.failed += 1
        if self.is_away:
            self._probed_at = now
        if self._failures == AWAY_AFTER:
            logger.warning("webhook %s does not take messages: %s", self.endpoint.id, answer.error or answer.status)
        if attempts >= ATTEMPTS:
            self._counts.given_up += 1
            return replace(tried, state="dead")
        pause = DELAYS[attempts - 1] * 1_000
        # Not all at the same moment.
        return replace(tried, state="pending", next_at=now + int(pause * random.uniform(0.9, 1.1)))  # noqa: S311
