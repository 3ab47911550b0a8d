"""Events that wait to be sent, in memory and in the journal, in the order in which they were tracked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from laurels.client.tracking.journal import SEGMENT_BYTES, Segment, left_in
from laurels.errors import StoreUnavailable

Entry = tuple[bytes, Segment, int]
"""A line, the segment that it stands in, and the offset behind it there; 0 where it could not be written."""


class Queue:
    """At most `most` events; beyond that the oldest are dropped, none that is on its way. Safe for threads."""

    def __init__(self, folder: Path | None, most: int, on_unstored: Callable[[OSError], None]) -> None:
        """Opens the folder, or keeps all in memory. `on_unstored` is called when an event cannot be written, and again
        only after one could. Raises StoreUnavailable."""
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
                # What learners did is for nobody else on the machine to read.
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.take_over()
            except OSError as error:
                raise StoreUnavailable(f"The folder {folder} cannot be used: {error.strerror}.") from error

    @property
    def size(self) -> int:
        """How many events wait or are on their way."""
        return len(self._waiting) + len(self._in_flight)

    def add(self, line: bytes) -> list[bytes]:
        """Keep an event; what had to be dropped for it. When this returns it survives the end of this process."""
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
        """The oldest events, at most `count` and `size` bytes, one at least where there is one. They are on their way
        until `settle` or `put_back`.

        `correction` is by how much this machine's clock is behind now: it holds for segments of which nothing was sent.
        """
        with self._lock:
            taken = self._in_flight
            while self._waiting and len(taken) < count:
                size -= len(self._waiting[0][0])
                if size < 0 and taken:
                    break
                taken.append(self._waiting.popleft())
            for segment in {segment for _, segment, _ in taken}:
                # Held in memory where it cannot be written; after a restart a repetition might say another time then.
                with suppress(OSError):
                    segment.fix_correction(correction)
            writing = self._writing
            if writing is not None and writing.correction not in (None, correction):
                # What comes now gets the other correction.
                self._writing = None
            return list(taken)

    def settle(self) -> None:
        """The service has what is on its way, or will never take it."""
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
        """What is on its way was not taken: it waits again, on the disk itself. Returns what had to be dropped."""
        with self._lock:
            self._waiting.extendleft(reversed(self._in_flight))
            self._in_flight.clear()
            for segment in self._segments:
                # If the disk refuses, the operating system still holds what was written.
                with suppress(OSError):
                    segment.sync()
            return self._bound()

    def take_over(self) -> None:
        """Take in what processes that have ended left in the folder. Raises OSError."""
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
        """Give the files back; what waits stays in them."""
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
        """Remove the segments of which nothing is left, but for the one that is written."""
        done = [segment for segment in self._segments if not segment.waiting and segment is not self._writing]
        for segment in done:
            self._segments.remove(segment)
            segment.mark(segment.size)
            segment.remove()
