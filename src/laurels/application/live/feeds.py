"""The feed of one client of a live stream: its messages, page by page.

A client has no queue. It has a place: in the ledger, or at the last state of a board that it received. A slow client
gets the rest from the ledger page by page, or the present state of the board, whenever it reads again. Nobody waits for
slow clients, and they hold no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from time import monotonic
from typing import Protocol

from laurels.application.background import wait_at_most
from laurels.application.live.messages import Message, StreamPosition, messages_of, progress_message
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.domain.ledger.entries import Entry
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError, StoreUnavailable, UnknownUser

# Entries per read for a client that is behind, each with up to 16 KiB of metadata: one page stays in memory per slow
# client.
PAGE = 8
# Entries of a watched user that are kept for all clients that are up to date.
KEPT = 16
# Seconds until a store that is away is asked again.
AWAY_PAUSE = 0.5
# Pages that are read at once for all clients that are behind: a hundred streams that start together would delay all
# other reads. And the seconds that one client waits for its turn.
READS = 4
TURN_PATIENCE = 2.0
# A learner's history is read for at most a tenth of the time, in one read at a time, however many streams follow it: a
# stream is one request to the limits, whatever it reads.
_REST_PER_READ = 9
# Seconds: a slow database alone must not keep a learner from what is new.
_LONGEST_REST = 0.2
# Learners whose rests are kept before those whose rests are over are looked for.
_MOST_TURNS = 1_000


class Signal:
    """Wakes all its waiters, each time it is given."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def give(self) -> None:
        for woken in self._waiting:
            woken.set()
        self._waiting.clear()

    async def wait(self, woken: asyncio.Event, until: float) -> bool:
        """Whether it was given, or `woken` was set, before the instant `until` (monotonic seconds). `woken` belongs to
        this waiter, so that it can be woken alone."""
        woken.clear()
        self._waiting.add(woken)
        try:
            await wait_at_most(woken, max(0, until - monotonic()))
        finally:
            self._waiting.discard(woken)
        return woken.is_set()


class Feed(Protocol):
    """The messages for one client."""

    @property
    def is_ended(self) -> bool:
        """Whether there will be no more messages."""
        ...

    async def take(self, within: float) -> list[Message]:
        """The next messages, as soon as there are some; an empty list if none come within that many seconds, or at the
        end. Messages that were taken are not returned again. Raises no StoreError: it waits for a store that is
        away."""
        ...

    def close(self) -> None:
        """End it, also for a waiter in `take`."""
        ...


class UserChannel:
    """The known state of a watched user, shared by all their followers.

    `head` is the last `seq` known to be in the ledger. `doubts` counts writes whose users are unknown: after each,
    followers read the ledger themselves.
    """

    def __init__(self) -> None:
        self.signal = Signal()
        self.feeds = 0
        self.head: int | None = None
        self.doubts = 0
        self._recent: deque[Entry] = deque(maxlen=KEPT)

    def note(self, entry: Entry) -> None:
        """Note an entry that was written."""
        if self.head is not None and entry.seq <= self.head:
            return
        if self._recent and self._recent[-1].seq != entry.seq - 1:
            self._recent.clear()
        self._recent.append(entry)
        self.head = entry.seq
        self.signal.give()

    def reach(self, seq: int) -> None:
        """Note that the ledger was read up to entry `seq`."""
        self.head = max(self.head or 0, seq)

    def doubt(self) -> None:
        """Make every follower read the ledger."""
        self.doubts += 1
        self.signal.give()

    def after(self, seq: int) -> list[Entry]:
        """The entries after `seq`, if they are kept; else an empty list."""
        if not self._recent or self._recent[0].seq > seq + 1:
            return []
        return [entry for entry in self._recent if entry.seq > seq]


class _Turn:
    """The reads of one learner's history: one at a time, with rests between them."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        # Reads that wait or run: nobody needs it once there are none and the rest is over.
        self.wanted = 0
        # In monotonic seconds.
        self.rests_until = 0.0


class Backlog:
    """Reads the ledger for clients that are behind, a few at once. A read waits up to `patience` seconds for its
    turn."""

    def __init__(self, store: Store, *, patience: float = TURN_PATIENCE) -> None:
        self._store = store
        self._patience = patience
        self._places = asyncio.Semaphore(READS)
        self._turns: dict[str, _Turn] = {}

    async def entries(self, user_id: str, *, after: int, limit: int) -> list[Entry]:
        """See `LedgerStore.entries`. Raises StoreError, also if its turn does not come in time: the client can then get
        a heartbeat."""
        turn = self._turns.setdefault(user_id, _Turn())
        turn.wanted += 1
        try:
            return await self._read(turn, user_id, after, limit)
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                self._forget_rested()

    async def _read(self, turn: _Turn, user_id: str, after: int, limit: int) -> list[Entry]:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._patience):
                    await held.enter_async_context(turn.lock)
                    await asyncio.sleep(max(0, turn.rests_until - monotonic()))
                    await held.enter_async_context(self._places)
            except TimeoutError:
                raise StoreUnavailable("Many streams read the ledger; this one tries again in a moment.") from None
            started = monotonic()
            try:
                return await self._store.ledger.entries(user_id, after=after, limit=limit)
            finally:
                ended = monotonic()
                turn.rests_until = ended + min(_LONGEST_REST, _REST_PER_READ * (ended - started))

    def _forget_rested(self) -> None:
        """Forget learners whose history nobody reads any more; those who rest stay, for who comes back at once."""
        now = monotonic()
        if len(self._turns) > _MOST_TURNS:
            self._turns = {who: turn for who, turn in self._turns.items() if turn.wanted or turn.rests_until > now}


class UserFeed:
    """The messages of one user after a place, or from now on without a place."""

    def __init__(
        self,
        user_id: str,
        place: StreamPosition | None,
        channel: UserChannel,
        *,
        backlog: Backlog,
        learners: LearnerQueries,
        rulebook: Rulebook,
        clock: Clock,
        on_close: Callable[[], None],
    ) -> None:
        self.is_ended = False
        self._woken = asyncio.Event()
        self.user_id = self._user_id = user_id
        self._place = place
        self._is_checked = False
        self._channel = channel
        self._doubts_seen = -1
        self._backlog = backlog
        self._learners = learners
        self._rulebook = rulebook
        self._clock = clock
        self._on_close = on_close

    async def take(self, within: float) -> list[Message]:
        until = monotonic() + within
        while not self.is_ended:
            try:
                if not self._is_checked:
                    messages = await self._begin()
                else:
                    messages = await self._next()
            except StoreError:
                await asyncio.sleep(max(0.0, min(AWAY_PAUSE, until - monotonic())))
                if monotonic() < until:
                    continue
                break
            if messages:
                return messages
            # The feed may have ended while the ledger was read: that signal was given before anybody waited for it.
            if self.is_ended or self._is_behind():
                continue
            if not await self._channel.signal.wait(self._woken, until):
                break
        return []

    def close(self) -> None:
        if not self.is_ended:
            self.is_ended = True
            self._on_close()
            self._woken.set()

    def _is_behind(self) -> bool:
        channel = self._channel
        if self._place is None or channel.doubts != self._doubts_seen:
            return True
        return channel.head is not None and channel.head > self._place.seq

    async def _begin(self) -> list[Message]:
        """Find the place: the given one if the ledger reaches that far, else its end."""
        place = self._place
        if place is not None and (
            place.seq == 0 or await self._backlog.entries(self._user_id, after=place.seq - 1, limit=1)
        ):
            self._is_checked = True
            return []
        # Noted before the read: later writes then cause another read.
        self._doubts_seen = self._channel.doubts
        try:
            progress = await self._learners.progress(self._user_id)
        except UnknownUser:
            progress = None
        seq = 0 if progress is None else progress.seq
        self._place = StreamPosition(seq)
        self._channel.reach(seq)
        self._is_checked = True
        return [progress_message(progress, self._rulebook, now=self._clock())]

    async def _next(self) -> list[Message]:
        """The messages of the next entries that have any."""
        assert self._place is not None  # noqa: S101  set by _begin
        while self._is_behind():
            channel, place = self._channel, self._place
            entries = channel.after(place.seq)
            if not entries:
                doubts, head = channel.doubts, channel.head
                entries = await self._backlog.entries(self._user_id, after=place.seq, limit=PAGE)
                if len(entries) < PAGE:
                    self._doubts_seen = doubts
                    channel.reach(entries[-1].seq if entries else place.seq)
                if not entries and channel.head == head and head is not None and head > place.seq:
                    # The entry is not there, although it was announced; never ask without end.
                    channel.head = place.seq
            messages = [message for entry in entries for message in messages_of(entry, self._rulebook)]
            if entries:
                self._place = StreamPosition(entries[-1].seq)
            if messages := messages[place.told :]:
                return messages
        return []
