"""Unsent events, in memory and in the journal, in the order in which they were tracked.

`track` returns at once, so events must be kept until a thread has sent them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from laurels.client.tracking.journal import SEGMENT_BYTES, Segment, left_in
from laurels.errors import StoreUnavailable

Entry = tuple[bytes, Segment, int]
"""A line, its segment, and the offset after it there; 0 if it could not be written."""


class Queue:
    """At most `most` events; beyond that the oldest are dropped, but none in transit. Safe for threads."""

    def __init__(self, folder: Path | None, most: int, on_unstored: Callable[[OSError], None]) -> None:
        """Opens the folder, or keeps everything in memory. `on_unstored` is called when an event cannot be written, and
        again only after one could. Raises StoreUnavailable."""
        self._lock = threading.Lock()
        self._folder = folder
        self._most = most
        self._on_unstored = on_unstored
        self._is_unstored = False
        self._waiting: deque[Entry] = deque()
        self._in_flight: list[Entry] = []
        self._segments: list[Segment] = []
        self._writing: Segment | None = None
        if folder is not None:
            try:
                # Nobody else on the machine may read learners' data.
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.take_over()
            except OSError as error:
                raise StoreUnavailable(f"The folder {folder} cannot be used: {error.strerror}.") from error

    @property
    def size(self) -> int:
        """The number of events that wait or are in transit."""
        return len(self._waiting) + len(self._in_flight)

    def add(self, line: bytes) -> list[bytes]:
        """Keep an event. Returns the events that were dropped for it. When this returns, the event survives the end of
        this process."""
        unstored = None
        with self._lock:
            segment = self._writing
            try:
                if segment is None or segment.size > SEGMENT_BYTES:
                    segment = self._rotate()
                end = segment.append(line)
                self._is_unstored = False
            except OSError as error:
                segment, end = segment or Segment(None, -1), 0
                unstored = None if self._is_unstored else error
                self._is_unstored = True
            segment.waiting += 1
            self._waiting.append((line, segment, end))
            dropped = self._bound() if self.size > self._most else []
        if unstored is not None:
            self._on_unstored(unstored)
        return dropped

    def take(self, count: int, size: int, correction: int) -> list[Entry]:
        """The oldest events, at most `count` and `size` bytes, but at least one if there is one. They are in transit
        until `settle` or `put_back`.

        `correction` is how far this machine's clock is behind now: it applies to segments without sent events.
        """
        with self._lock:
            taken = self._in_flight
            while self._waiting and len(taken) < count:
                size -= len(self._waiting[0][0])
                if size < 0 and taken:
                    break
                taken.append(self._waiting.popleft())
            for segment in {segment for _, segment, _ in taken}:
                # Kept in memory if it cannot be written; after a restart a repetition might then have another time.
                with suppress(OSError):
                    segment.fix_correction(correction)
            writing = self._writing
            if writing is not None and writing.correction not in (None, correction):
                # Later events get the other correction.
                self._writing = None
            return list(taken)

    def settle(self) -> None:
        """The service has the events in transit, or will never accept them."""
        with self._lock:
            sent: dict[Segment, int] = {}
            for _, segment, end in self._in_flight:
                segment.waiting -= 1
                sent[segment] = max(sent.get(segment, segment.sent), end)
            for segment, end in sent.items():
                segment.mark(end)
            self._in_flight.clear()
            self._tidy()

    def put_back(self) -> list[bytes]:
        """The events in transit were not accepted: they wait again, on the disk itself. Returns the dropped events."""
        with self._lock:
            self._waiting.extendleft(reversed(self._in_flight))
            self._in_flight.clear()
            for segment in self._segments:
                # If the disk refuses, the operating system still holds the written data.
                with suppress(OSError):
                    segment.sync()
            return self._bound()

    def take_over(self) -> None:
        """Take over the events that ended processes left in the folder. Raises OSError."""
        if self._folder is None:
            return
        with self._lock:
            ours = {segment.path for segment in self._segments}
            for path in left_in(self._folder):
                segment = None if path in ours else Segment.take_over(path)
                if segment is None:
                    continue
                entries = [(line, segment, end) for line, end in segment.lines()]
                segment.waiting = len(entries)
                self._waiting.extend(entries)
                self._segments.append(segment)
            self._tidy()

    def close(self) -> None:
        """Close the files; waiting events stay in them."""
        with self._lock:
            self._writing = None
            self._tidy()
            for segment in self._segments:
                segment.close()
            self._segments.clear()

    def _rotate(self) -> Segment:
        self._writing = Segment.create(self._folder)
        self._segments.append(self._writing)
        return self._writing

    def _bound(self) -> list[bytes]:
        dropped: list[bytes] = []
        while self.size > self._most and self._waiting:
            line, segment, _ = self._waiting.popleft()
            segment.waiting -= 1
            dropped.append(line)
        if dropped:
            self._tidy()
        return dropped

    def _tidy(self) -> None:
        """Remove the empty segments, except for the one that is being written."""
        done = [segment for segment in self._segments if not segment.waiting and segment is not self._writing]
        for segment in done:
            self._segments.remove(segment)
            segment.mark(segment.size)
            segment.remove()
