"""Live streams: the followers of users and boards, and how they learn of new entries.

The recorder reports the commits of this process at once. The store reports the writes of other processes (`watch`).
Both only say that there is something new: followers read from their own place in the ledger, so a notice may come
twice, late or out of order. Without followers none of this costs anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Mapping, Sequence
from contextlib import aclosing, suppress
from time import monotonic

from laurels.application.background import BackgroundTask, wait_at_most
from laurels.application.live.board_feeds import BoardChannel, BoardFeed
from laurels.application.live.board_turns import in_turn
from laurels.application.live.feeds import Backlog, Feed, UserChannel, UserFeed
from laurels.application.live.messages import board_message, place_of
from laurels.application.ports.clock import Clock
from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.store import Store
from laurels.application.queries.boards.leaderboards import Leaderboards
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.application.recording.recorder import Recorder
from laurels.domain.events import check_id
from laurels.domain.ledger.entries import Entry
from laurels.domain.periods import Timeframe
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery, StoreError

logger = logging.getLogger(__name__)

# Seconds between two reads of the followed boards, while anything is being written.
BOARD_INTERVAL = 0.25
# Seconds of a turn for reading boards; those that are left wait for the next one.
_BOARD_SECONDS = BOARD_INTERVAL / 4
# Boards lag behind the ledger: for this many seconds after the last notice they are still read that often.
BOARD_SETTLES = 3.0
# Seconds between two reads otherwise. A new day may have begun, and with it another board.
BOARD_IDLE = 2.0

_Board = tuple[Timeframe | None, str | None, int]


class LiveStreams:
    """Feeds of users and boards over one store, until `end`."""

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        *,
        recorder: Recorder,
        learners: LearnerQueries,
        leaderboards: Leaderboards,
    ) -> None:
        self._store = store
        self._backlog = Backlog(store)
        self._rulebook = rulebook
        self._clock = clock
        self._recorder = recorder
        self._learners = learners
        self._leaderboards = leaderboards
        self._users: dict[str, UserChannel] = {}
        self._boards: dict[_Board, BoardChannel] = {}
        self._feeds: set[Feed] = set()
        self._watching: BackgroundTask | None = None
        self._showing: BackgroundTask | None = None
        self._stirred = asyncio.Event()
        self._stirred_at = float("-inf")
        self._is_ended = False

    @property
    def followers(self) -> int:
        """The number of open feeds."""
        return len(self._feeds)

    @property
    def tasks(self) -> list[BackgroundTask]:
        """The tasks that run now."""
        return [task for task in (self._watching, self._showing) if task is not None]

    def follow_user(self, user_id: str, *, last_id: str | None = None) -> Feed:
        """The messages of a user after the one with the id `last_id`; without an id, the user's present state and then
        all new messages.

        The user need not be known yet. Raises InvalidQuery.
        """
        check_id(user_id, "userId", InvalidQuery)
        place = None if last_id is None else place_of(last_id)
        channel = self._users.setdefault(user_id, UserChannel())
        channel.feeds += 1

        def leave() -> None:
            channel.feeds -= 1
            if not channel.feeds:
                del self._users[user_id]
            self._leave(feed)

        feed = UserFeed(
            user_id,
            place,
            channel,
            backlog=self._backlog,
            learners=self._learners,
            rulebook=self._rulebook,
            clock=self._clock,
            on_close=leave,
        )
        self._join(feed)
        return feed

    async def follow_board(
        self,
        timeframe: Timeframe | None = None,
        *,
        period: str | None = None,
        limit: int = 10,
        last_id: str | None = None,
        follower: str = "",
    ) -> Feed:
        """The top of a board, each time it differs from the last one sent, or at first from the one with the id
        `last_id`. `follower` names who follows: where there are many boards, each follower has a share of the reads.

        See `Leaderboards.page` for the arguments and for InvalidQuery.
        """
        key: _Board = (timeframe, period, limit)
        message, read_at = None, float("-inf")
        if key not in self._boards:
            read_at = monotonic()
            # Rejects invalid arguments at once; a store that is away is waited for.
            with suppress(StoreError):
                message = board_message(await self._leaderboards.page(timeframe, period=period, limit=limit))
        channel = self._boards.setdefault(key, BoardChannel())
        if message is not None:
            channel.show(message)
            channel.read_at = max(channel.read_at, read_at)
        channel.followers[follower] += 1

        def leave() -> None:
            channel.followers[follower] -= 1
            if not channel.followers[follower]:
                del channel.followers[follower]
            if not channel.followers:
                del self._boards[key]
            self._leave(feed)

        feed = BoardFeed(last_id or "", channel, on_close=leave)
        self._join(feed)
        if self._showing is None and not self._is_ended:
            self._showing = BackgroundTask("laurels-boards", self._show_boards)
            self._showing.start()
        return feed

    def end_users(self, user_ids: Container[str]) -> None:
        """End the feeds of deleted users."""
        for feed in list(self._feeds):
            if isinstance(feed, UserFeed) and feed.user_id in user_ids:
                feed.close()

    def end(self) -> None:
        """End all feeds, and every feed that is opened later."""
        self._is_ended = True
        for feed in list(self._feeds):
            feed.close()

    async def close(self) -> None:
        """End all feeds and stop watching."""
        self.end()
        tasks = self.tasks
        self._stop()
        for task in tasks:
            await task.close()

    def _join(self, feed: Feed) -> None:
        self._feeds.add(feed)
        if self._is_ended:
            feed.close()
            return
        if self._watching is None:
            self._recorder.committer.on_commit.subscribe(self._on_commit)
            self._watching = BackgroundTask("laurels-watch", self._watch)
            self._watching.start()

    def _leave(self, feed: Feed) -> None:
        self._feeds.discard(feed)
        if not self._feeds:
            self._stop()
        elif not self._boards and self._showing is not None:
            self._showing.cancel()
            self._showing = None

    def _stop(self) -> None:
        self._recorder.committer.on_commit.unsubscribe(self._on_commit)
        for task in self.tasks:
            task.cancel()
        self._watching = self._showing = None

    def _on_commit(self, entries: Sequence[Entry]) -> None:
        self._stir()
        if self._users:
            for entry in entries:
                channel = self._users.get(entry.user_id)
                if channel is not None:
                    channel.note(entry)

    def _stir(self) -> None:
        self._stirred_at = monotonic()
        self._stirred.set()

    async def _watch(self) -> float:
        """Follow the store's notices for as long as it sends them."""
        async with aclosing(self._store.ledger.watch()) as changes:
            async for reached in changes:
                self._stir()
                await self._look(reached)
        return 0

    async def _look(self, reached: Mapping[str, int] | None) -> None:
        """Find new entries of followed users, with one query for all of them."""
        known_seqs: dict[str, int | None] = {}
        for user_id in self._users if reached is None else reached.keys() & self._users.keys():
            channel = self._users[user_id]
            if channel.head is None:
                channel.doubt()
            elif reached is None or reached[user_id] > channel.head:
                known_seqs[user_id] = channel.head
        if not known_seqs:
            return
        try:
            found = await self._store.ledger.read(known_seqs, self._rulebook.measures_version)
        except StoreError:
            # This notice will not come again.
            for user_id in known_seqs.keys() & self._users.keys():
                self._users[user_id].doubt()
            raise
        self.end_users(found.deleted)
        for user_id, entries in found.later.items():
            channel = self._users.get(user_id)
            if channel is None:
                continue
            for entry in entries:
                channel.note(entry)
            if len(entries) >= LATER_LIMIT:
                channel.doubt()

    async def _show_boards(self) -> float:
        """Send the followed boards, as many as there is time for, and wait until the next turn."""
        started = monotonic()
        for (timeframe, period, limit), channel in in_turn(self._boards):
            now = monotonic()
            if now - started > _BOARD_SECONDS:
                break
            channel.read_at = now
            if not channel.followers:
                # Nobody follows it any more since the turn began.
                continue
            try:
                page = await self._leaderboards.page(timeframe, period=period, limit=limit)
            except StoreError:
                continue
            except Exception:
                # The others are still sent.
                logger.exception("a followed board cannot be shown")
                continue
            channel.show(board_message(page))
        # Even with slow reads, most of the time is left for other work.
        await asyncio.sleep(max(BOARD_INTERVAL, 3 * (monotonic() - started)))
        settled_at = self._stirred_at + BOARD_SETTLES
        if monotonic() > settled_at and all(channel.read_at > settled_at for channel in self._boards.values()):
            self._stirred.clear()
            await wait_at_most(self._stirred, BOARD_IDLE)
        return 0
