"""`Client` and `AsyncClient`: the verbs of `calls`, sent with and without `await`, and one `track` for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from laurels.arguments import event_of
from laurels.client import calls
from laurels.client.answers import Outcome
from laurels.client.calls import Call
from laurels.client.tracking.backoff import Backoff
from laurels.client.tracking.sender import Listeners
from laurels.client.tracking.tracker import Tracker
from laurels.client.transport import AsyncConnections, Connections, Token, Transport
from laurels.domain.events import LearningEvent
from laurels.errors import LaurelsError
from laurels.results import HistoryEntry, Queued, Recorded

P = ParamSpec("P")
R = TypeVar("R")

MAX_EVENTS = 100_000
FLUSH_INTERVAL = 1.0
RETRY_INTERVAL = 1.0
TIMEOUT = 30.0


class _Tracking:
    """The common part of both clients: the address, and the queue of tracked events."""

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        storage: str | Path | None = None,
        max_events: int = MAX_EVENTS,
        flush_interval: float = FLUSH_INTERVAL,
        retry_interval: float = RETRY_INTERVAL,
        timeout: float = TIMEOUT,
        on_accepted: Callable[[Recorded | Queued], object] | None = None,
        on_rejected: Callable[[LearningEvent, LaurelsError], object] | None = None,
        on_dropped: Callable[[list[LearningEvent]], object] | None = None,
        on_error: Callable[[LaurelsError, float | None], object] | None = None,
    ) -> None:
        """`url` is the address of Laurels, with its path if it has one. `token` is an API key, or a function that
        returns a token: it is called before the first request and after each 401. `timeout` is the number of seconds
        that a request may wait for an answer.

        The other arguments are for `track`. `storage` is a folder on this machine's disk, for one service only; None
        keeps events in memory. Up to `max_events` may wait; beyond that the oldest are dropped. An event waits
        `flush_interval` seconds for others. After a failure the client waits `retry_interval` seconds, and twice as
        long after each further one, up to sixty times that. `on_accepted` gets the result of each event; `on_rejected`
        gets an event that was refused for good, and why; `on_dropped` gets the dropped events. `on_error` gets the
        reason why sending failed, and the seconds until the next attempt (None if the disk failed). The last three are
        also logged as laurels.client. Raises SettingsError, or StoreUnavailable if the folder cannot be used.
        """
        self._transport = Transport(url, token, timeout)
        listeners = Listeners(
            on_accepted=on_accepted, on_rejected=on_rejected, on_dropped=on_dropped, on_error=on_error
        )
        folder = None if storage is None else Path(storage)
        self._tracker = Tracker(
            self._transport, folder, max_events, flush_interval, listeners, backoff=Backoff(retry_interval)
        )

    @property
    def url(self) -> str:
        """The address of Laurels."""
        return self._transport.url

    @property
    def pending(self) -> int:
        """The number of tracked events that wait to be recorded."""
        return self._tracker.pending

    def track(
        self,
        user_id: str,
        event_type: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        language: str | None = None,
        code_length: int | None = None,
        session_duration: float | None = None,
        event_id: str | None = None,
        timestamp: datetime | None = None,
        once_key: str | None = None,
    ) -> str:
        """Record that something happened. Returns the event's id at once; the event is sent soon, together with others.

        With a `storage` it survives the end of this process from here on. The arguments are those of `record`;
        `timestamp` defaults to now. Raises InvalidEvent.
        """
        event = event_of(
            user_id,
            event_type,
            metadata,
            language=language,
            code_length=code_length,
            session_duration=session_duration,
            event_id=event_id,
            timestamp=timestamp,
            once_key=once_key,
        )
        return self._tracker.track(event)


def _sync(build: Callable[P, Call[R]]) -> Callable[Concatenate[Client, P], R]:
    """Make the verb that sends a call and waits for its answer."""

    @wraps(build)
    def verb(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.send(build(*args, **kwargs))

    return verb


def _async(build: Callable[P, Call[R]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    @wraps(build)
    async def verb(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.send(build(*args, **kwargs))

    return verb


class Client(_Tracking):
    """Laurels over HTTP, for code without `await`. May be used from many threads; each process makes its own.

    Answers and errors are those of the library; RequestRefused and ServiceUnreachable concern the connection. A `with`
    block closes it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _connections(self) -> Connections:
        return self._transport.open()

    def send(self, call: Call[R]) -> R:
        """Send a call and return its value; for calls without a verb of their own. Raises LaurelsError."""
        return self._connections.send(call)

    record = _sync(calls.record)
    dashboard = _sync(calls.dashboard)
    profile = _sync(calls.profile)
    badges = _sync(calls.badges)
    card = _sync(calls.card)
    activity = _sync(calls.activity)
    goals = _sync(calls.goals)
    leaderboard = _sync(calls.leaderboard)
    rank = _sync(calls.rank)
    set_profile = _sync(calls.set_profile)
    set_goal = _sync(calls.set_goal)
    spend = _sync(calls.spend)
    repair_streak = _sync(calls.repair_streak)
    delete_user = _sync(calls.delete_user)

    def record_many(self, events: Iterable[LearningEvent]) -> list[Outcome]:
        """Record events in order, in requests of a thousand; one result each, an error if an event is refused.

        A wrong event does not affect the others. If a request fails, its error is raised, and events sent before it
        stay recorded: give each event an `event_id`, and all can be sent again.
        """
        return [outcome for call in calls.record_many(events) for outcome in self.send(call)]

    def history(self, user_id: str) -> Iterator[HistoryEntry]:
        """Every line of the user's ledger, newest first; read page by page, so memory does not grow with the lines."""
        cursor = None
        while True:
            page = self.send(calls.history_page(user_id, cursor))
            yield from page.entries
            cursor = page.next
            if cursor is None:
                return

    def flush(self, timeout: float | None = None) -> int:
        """Send the tracked events now, and return how many still wait.

        Without a `timeout` (seconds) it returns when none waits any more, or after the first failure; with one,
        failures are retried until the time is over.
        """
        return self._tracker.flush(timeout)

    def close(self, timeout: float | None = None) -> int:
        """Send the tracked events, as `flush` does, then stop. Events that still wait are in the storage, for the next
        process.

        Returns the number of events that still wait.
        """
        left = self._tracker.close(timeout)
        if "_connections" in self.__dict__:
            self._connections.close()
        return left


class AsyncClient(_Tracking):
    """Laurels over HTTP, for code with `await`; the verbs are those of `Client`. Belongs to one event loop.

    `track` does not wait, so it is not a coroutine; callbacks come from the thread that sends.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @cached_property
    def _connections(self) -> AsyncConnections:
        return self._transport.open_async()

    async def send(self, call: Call[R]) -> R:
        """Send a call and return its value; for calls without a verb of their own. Raises LaurelsError."""
        return await self._connections.send(call)

    record = _async(calls.record)
    dashboard = _async(calls.dashboard)
    profile = _async(calls.profile)
    badges = _async(calls.badges)
    card = _async(calls.card)
    activity = _async(calls.activity)
    goals = _async(calls.goals)
    leaderboard = _async(calls.leaderboard)
    rank = _async(calls.rank)
    set_profile = _async(calls.set_profile)
    set_goal = _async(calls.set_goal)
    spend = _async(calls.spend)
    repair_streak = _async(calls.repair_streak)
    delete_user = _async(calls.delete_user)

    async def record_many(self, events: Iterable[LearningEvent]) -> list[Outcome]:
        """See `Client.record_many`."""
        outcomes: list[Outcome] = []
        for call in calls.record_many(events):
            outcomes += await self.send(call)
        return outcomes

    async def history(self, user_id: str) -> AsyncIterator[HistoryEntry]:
        """See `Client.history`; for `async for`."""
        cursor = None
        while True:
            page = await self.send(calls.history_page(user_id, cursor))
            for entry in page.entries:
                yield entry
            cursor = page.next
            if cursor is None:
                return

    async def flush(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  how long it tries, not how long it may take
        """See `Client.flush`."""
        return await asyncio.to_thread(self._tracker.flush, timeout)

    async def close(self, timeout: float | None = None) -> int:  # noqa: ASYNC109
        """See `Client.close`."""
        left = await asyncio.to_thread(self._tracker.close, timeout)
        if "_connections" in self.__dict__:
            await self._connections.close()
        return left
