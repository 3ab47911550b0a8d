"""Sends the queued events from a thread of its own: in batches, in order, again after a failure. An event leaves the
queue when the service has accepted it or refused it for good, and never otherwise."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from math import ceil
from typing import Any

import httpx2
import msgspec
from msgspec import Struct

from laurels.client.answers import Answer, read_batch, read_results
from laurels.client.calls import Call
from laurels.client.errors import NotStored, ServiceUnreachable, error_of, retry_after_of
from laurels.client.tracking.backoff import Backoff
from laurels.client.tracking.clock import ServerClock
from laurels.client.tracking.journal import OWN_TIME, event_in
from laurels.client.tracking.queue import Entry, Queue
from laurels.client.transport import Connections, Transport
from laurels.domain.events import LearningEvent
from laurels.errors import LaurelsError
from laurels.plurals import counted
from laurels.results import Queued, Recorded

BATCH = 500
BATCH_BYTES = 256 * 1024
# Seconds after which an idle client checks whether another process has ended with unsent events.
LOOK_ROUND = 30.0
# Statuses of a batch that no repetition would change: an event in it is at fault.
_FINAL = frozenset({400, 409, 410, 413, 422})
_logger = logging.getLogger("laurels.client")


class Listeners(Struct, frozen=True, kw_only=True):
    """The callbacks of a caller. They are called in the thread that sends, `on_dropped` also in one that tracks."""

    on_accepted: Callable[[Recorded | Queued], object] | None = None
    on_rejected: Callable[[LearningEvent, LaurelsError], object] | None = None
    on_dropped: Callable[[list[LearningEvent]], object] | None = None
    on_error: Callable[[LaurelsError, float | None], object] | None = None


def _as_it_is(answer: Answer) -> Answer:
    return answer


def _as_sent(entry: Entry) -> bytes:
    """The JSON of an event, with its time corrected to the service's clock."""
    line, segment, _ = entry
    if not segment.correction or line[:1] != OWN_TIME:
        return line[1:-1]
    event = event_in(line)
    if event.timestamp is None:
        return line[1:-1]
    try:
        corrected = event.timestamp + timedelta(milliseconds=segment.correction)
    except OverflowError:
        return line[1:-1]
    return msgspec.json.encode(msgspec.structs.replace(event, timestamp=corrected))


class _Refused(Exception):
    """A batch was refused as a whole; if that is final, one of its events is at fault."""

    def __init__(self, error: LaurelsError, *, is_final: bool, retry_after: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_final = is_final
        self.retry_after = retry_after


class Sender:
    """The thread that sends. It starts with the first event, and ends with `stop`. `look_round`: see LOOK_ROUND."""

    def __init__(
        self,
        queue: Queue,
        transport: Transport,
        listeners: Listeners,
        flush_interval: float,
        *,
        backoff: Backoff,
        look_round: float = LOOK_ROUND,
    ) -> None:
        self._queue = queue
        self._transport = transport
        self._listeners = listeners
        self._flush_interval = flush_interval
        self._backoff = backoff
        self._look_round = look_round
        self._clock = ServerClock()
        self._has_asked_time = False
        self._batch = BATCH
        self._failures = 0
        # By the monotonic clock: the next time to send, and the time until which the service asked to wait.
        self._due: float | None = None
        self._waits_until = 0.0
        self._is_stopping = False
        self._wake = threading.Event()
        # Guards the state that `flush` waits for.
        self._changed = threading.Condition()
        self._failed_rounds = 0
        self._thread: threading.Thread | None = None

    @cached_property
    def _connections(self) -> Connections:
        return self._transport.open()

    def wake(self) -> None:
        """Send everything soon, and together."""
        if self._due is None:
            self._due = time.monotonic() + self._flush_interval
            self._start()
            self._wake.set()
        elif not self._failures and self._queue.size == BATCH:
            self._due = 0.0
            self._wake.set()

    def flush(self, timeout: float | None) -> int:
        """See `Client.flush`."""
        ends = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            before = self._failed_rounds
            while self._queue.size and not self._is_stopping:
                if timeout is None and (self._failed_rounds != before or self._is_asked_to_wait()):
                    break
                if self._failed_rounds == before:
                    self._due = 0.0
                    self._start()
                    self._wake.set()
                left = None if ends is None else ends - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
        return self._queue.size

    def stop(self, timeout: float | None) -> None:
        """End the thread; waits up to `timeout` seconds for a running request."""
        self._is_stopping = True
        self._wake.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        if "_connections" in self.__dict__:
            self._connections.close()

    def _start(self) -> None:
        with self._changed:
            if self._thread is None and not self._is_stopping:
                self._thread = threading.Thread(target=self._run, name="laurels-client", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._is_stopping:
            due = self._due
            wait = self._look_round if due is None else max(due, self._waits_until) - time.monotonic()
            if wait > 0 and self._wake.wait(wait):
                self._wake.clear()
                continue
            self._wake.clear()
            self._due = None
            self._round()

    def _round(self) -> None:
        """Send all waiting events, or up to the first failure; sending then resumes by itself."""
        is_failed = True
        try:
            self._queue.take_over()
            while self._queue.size and not self._is_stopping:
                self._deliver()
            is_failed = False
        except _Refused as refused:
            self._failed(refused.error, refused.retry_after)
        except LaurelsError as error:
            self._failed(error, None)
        except Exception as error:
            # A fault of ours, or of a function that returns the token: the events must not wait for a restart.
            _logger.exception("sending events failed")
            self._failed(ServiceUnreachable(f"The request could not be made: {error}."), None)
        with self._changed:
            self._failed_rounds += is_failed
            self._changed.notify_all()

    def _deliver(self) -> None:
        self._ask_time()
        entries = self._queue.take(self._batch, BATCH_BYTES, self._clock.correction)
        if not entries:
            return
        try:
            self._settle(entries, self._exchange(entries))
        except _Refused as refused:
            if not refused.is_final or len(entries) > 1:
                self.dropped(self._queue.put_back())
            if not refused.is_final:
                raise
            if len(entries) > 1:
                # The event at fault is found by halving.
                self._batch = ceil(len(entries) / 2)
                return
            self._queue.settle()
            self._reject(event_in(entries[0][0]), refused.error)
        except BaseException:
            self.dropped(self._queue.put_back())
            raise
        self._failures = 0
        self._batch = min(BATCH, self._batch * 2)

    def _exchange(self, entries: Sequence[Entry]) -> Answer:
        body = b"[" + b",".join([_as_sent(entry) for entry in entries]) + b"]"
        # Full results have the outcome of each event, or why it was refused; without a listener nobody would read them.
        is_heard = self._listeners.on_accepted is not None or self._listeners.on_rejected is not None
        target = "/api/progress/events" + ("?outcomes=full" if is_heard else "")
        answer = self._send(Call("POST", target, _as_it_is, body))
        if httpx2.codes.is_success(answer.status):
            return answer
        error = error_of(answer.status, answer.headers, answer.body)
        raise _Refused(error, is_final=answer.status in _FINAL, retry_after=retry_after_of(answer.headers))

    def _settle(self, entries: Sequence[Entry], answer: Answer) -> None:
        results = read_results(answer, len(entries))
        is_any_refused = any(result.status in ("conflict", "invalid") for result in results)
        if self._listeners.on_accepted is None and not is_any_refused:
            self._queue.settle()
            return
        events = [event_in(OWN_TIME + _as_sent(entry)) for entry in entries]
        outcomes = read_batch(answer, events)
        self._queue.settle()
        for event, outcome in zip(events, outcomes, strict=True):
            if isinstance(outcome, LaurelsError):
                self._reject(event, outcome)
            else:
                self._tell(self._listeners.on_accepted, outcome)

    def _ask_time(self) -> None:
        """Called before the first events are sent: a slow clock would put them on a wrong day, and nobody would
        notice."""
        if not self._has_asked_time:
            self._send(Call("GET", "/health/live", _as_it_is))
            self._has_asked_time = True

    def _send(self, call: Call[Any]) -> Answer:
        sent_at = time.time()
        answer = self._connections.answer(call)
        self._clock.observe(answer.headers, sent_at)
        return answer

    def _is_asked_to_wait(self) -> bool:
        return time.monotonic() < self._waits_until

    def _failed(self, error: LaurelsError, retry_after: float | None) -> None:
        wait = self._backoff.seconds(self._failures, retry_after)
        self._failures += 1
        self._due = time.monotonic() + wait
        if retry_after is not None:
            self._waits_until = self._due
        waiting = counted(self._queue.size, "event waits", "events wait")
        _logger.warning("%s; tried again in %.1f s: %s", waiting, wait, error)
        self._tell(self._listeners.on_error, error, wait)

    def _reject(self, event: LearningEvent, error: LaurelsError) -> None:
        _logger.warning("event %s of type %s was refused for good: %s", event.event_id, event.event_type, error)
        self._tell(self._listeners.on_rejected, event, error)

    def dropped(self, lines: Sequence[bytes]) -> None:
        """Report events that had to be dropped."""
        if lines:
            _logger.warning("too many events wait: the oldest %s dropped", counted(len(lines), "event"))
            self._tell(self._listeners.on_dropped, [event_in(line) for line in lines])

    def unstored(self, error: OSError) -> None:
        """Report that events wait in memory alone."""
        reason = error.strerror or str(error)
        _logger.warning("events wait in memory alone: %s", reason)
        self._tell(
            self._listeners.on_error, NotStored(f"Events wait in memory alone: {reason}; see to the disk."), None
        )

    def _tell(self, listener: Callable[..., object] | None, *what: object) -> None:
        """Call a listener; if it fails, the sender must continue."""
        try:
            if listener is not None:
                listener(*what)
        except Exception:
            _logger.exception("a callback of the client failed")
