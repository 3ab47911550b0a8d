"""The work of `track`: an event gets its id and its time, is saved, and is sent by a thread."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from uuid_utils import uuid7

from laurels.client.events import encoded
from laurels.client.tracking.backoff import Backoff
from laurels.client.tracking.journal import GIVEN_TIME, OWN_TIME
from laurels.client.tracking.queue import Queue
from laurels.client.tracking.sender import LOOK_ROUND, Listeners, Sender
from laurels.client.transport import Transport
from laurels.domain.events import LearningEvent
from laurels.errors import StoreUnavailable

# Seconds that `close` waits for a running request beyond its timeout.
_LAST = 1.0


class Tracker:
    """The queue of a client and the thread that empties it. Belongs to the process that made it."""

    def __init__(
        self,
        transport: Transport,
        folder: Path | None,
        max_events: int,
        flush_interval: float,
        listeners: Listeners,
        *,
        backoff: Backoff,
        look_round: float = LOOK_ROUND,
    ) -> None:
        self._queue = Queue(folder, max_events, self._unstored)
        self._sender = Sender(self._queue, transport, listeners, flush_interval, backoff=backoff, look_round=look_round)
        self._process = os.getpid()
        self._is_closed = False
        # Events of an earlier process.
        if self._queue.size:
            self._sender.wake()

    @property
    def pending(self) -> int:
        """The number of events that wait or are in transit."""
        return self._queue.size

    def track(self, event: LearningEvent) -> str:
        """Keep an event to be sent, and return its id. Raises InvalidEvent, or StoreUnavailable after `close`."""
        if self._process != os.getpid():
            raise StoreUnavailable("This client was made before the process forked; make one in each process.")
        if self._is_closed:
            raise StoreUnavailable("The client is closed; make another one.")
        event_id = event.event_id or str(uuid7())
        origin = GIVEN_TIME
        timestamp = event.timestamp
        if timestamp is None:
            origin = OWN_TIME
            # Cut to milliseconds, as the service does.
            timestamp = datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1_000, UTC)
        line = encoded(replace(event, event_id=event_id, timestamp=timestamp))
        dropped = self._queue.add(b"%b%b\n" % (origin, line))
        if dropped:
            self._sender.dropped(dropped)
        self._sender.wake()
        return event_id

    def _unstored(self, error: OSError) -> None:
        self._sender.unstored(error)

    def flush(self, timeout: float | None) -> int:
        """See `Client.flush`."""
        return self._sender.flush(timeout)

    def close(self, timeout: float | None) -> int:
        """See `Client.close`."""
        if self._is_closed:
            return self.pending
        self._is_closed = True
        left = self._sender.flush(timeout)
        self._sender.stop(None if timeout is None else _LAST)
        self._queue.close()
        return left
