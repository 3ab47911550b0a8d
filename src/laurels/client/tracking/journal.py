"""The file behind the queue: events are appended, and its head says how far they were sent.

The spool of the server keeps events through a power failure and syncs each of its commits; a page view cannot wait that
long for a tracked event. Data handed to the operating system survives the end of this process, `kill -9` included. A
folder holds *segments*, each written by one process, which holds a lock on it. When a process ends, the next process
that looks takes over its segments.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from laurels.domain.events import LearningEvent

SEGMENT_BYTES = 1024 * 1024
SUFFIX = ".events"
# The offset up to which it was sent, and the correction of its times: see `Segment`.
_HEAD = re.compile(rb"(\d{20}) ([+-]\d{20}|\?{21})\n")
_HEAD_BYTES = 43
_NOT_FIXED = b"?" * 21
# Milliseconds: no clock is wrong by more than a hundred years.
_MOST_CORRECTED = 100 * 366 * 86_400_000
# The file is gone, or is a link, a folder or a socket.
_NO_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO})

OWN_TIME, GIVEN_TIME = b"=", b"+"
"""The first byte of a line: whether its time is from this machine's clock or from the caller. The event follows as
JSON."""

_decode = msgspec.json.Decoder(LearningEvent).decode


class Segment:
    """One file of events, a line each. Not safe for threads: the queue locks.

    `waiting` is the number of its events that wait or are in transit; the queue counts them. `sent` is the offset up to
    which the service has the events. `correction` (milliseconds) is added to the times from this machine's clock. It is
    fixed before the first event is sent, since a repetition must have the same content; None: not fixed yet. `path` is
    None for a segment in memory, which keeps nothing.
    """

    def __init__(self, path: Path | None, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.size = _HEAD_BYTES
        self.sent = _HEAD_BYTES
        self.waiting = 0
        self.correction: int | None = None
        self._is_synced = True

    @classmethod
    def create(cls, folder: Path | None) -> Segment:
        """Make a new segment in a folder. Raises OSError."""
        if folder is None:
            return cls(None, -1)
        # Sorted by name, segments are in the order in which they were made.
        path = folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        segment = cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            fcntl.flock(segment._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segment._write_head()
        except OSError:
            segment.remove()
            raise
        return segment

    @classmethod
    def take_over(cls, path: Path) -> Segment | None:
        """Take over a segment of another process; None if that process still runs, the file is gone, or it is not ours.
        Raises OSError."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise
        if not _is_own(os.fstat(descriptor)):
            os.close(descriptor)
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        segment = cls(path, descriptor)
        if os.fstat(descriptor).st_nlink == 0:
            segment.close()
            return None
        head = _HEAD.fullmatch(os.pread(descriptor, _HEAD_BYTES, 0))
        segment.size = max(_HEAD_BYTES, os.fstat(descriptor).st_size)
        if head is not None:
            segment.sent = max(_HEAD_BYTES, min(int(head[1]), segment.size))
            if head[2] != _NOT_FIXED and abs(int(head[2])) <= _MOST_CORRECTED:
                segment.correction = int(head[2])
        return segment

    def append(self, line: bytes) -> int:
        """Write a line, and return the offset after it. Raises OSError; then nothing was kept."""
        if self.path is not None:
            written = os.pwrite(self._descriptor, line, self.size)
            if written < len(line):
                # Data beyond the size is overwritten, or cut off by the process that takes over, since it is
                # incomplete.
                raise OSError("The disk is full.")
            self._is_synced = False
        self.size += len(line)
        return self.size

    def lines(self) -> Iterator[tuple[bytes, int]]:
        """The unsent lines, each with the offset after it. A line that was cut off was never acknowledged; after a
        power failure there may be other lines that are no events."""
        content = os.pread(self._descriptor, self.size - self.sent, self.sent)
        end = self.sent
        for line in content.split(b"\n")[:-1]:
            end += len(line) + 1
            if is_event(line):
                yield line + b"\n", end

    def fix_correction(self, correction: int) -> None:
        """Set the correction for the times of its events. Raises OSError."""
        if self.correction is None:
            self.correction = correction
            self._write_head()

    def mark(self, sent: int) -> None:
        """Save how far the service has the events. If that fails, they are sent again, and the service replays them."""
        self.sent = sent
        with suppress(OSError):
            self._write_head()

    def sync(self) -> None:
        """Sync the appended lines to the disk. Raises OSError."""
        if self.path is not None and not self._is_synced:
            self._is_synced = True
            os.fsync(self._descriptor)

    def remove(self) -> None:
        """Remove the file when all its events are settled."""
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink()
        self.close()

    def close(self) -> None:
        """Release the file, so that another process may take it over."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write_head(self) -> None:
        if self.path is not None:
            correction = _NOT_FIXED if self.correction is None else b"%+021d" % self.correction
            os.pwrite(self._descriptor, b"%020d %b\n" % (self.sent, correction), 0)


def _is_own(status: os.stat_result) -> bool:
    """Whether this user made the file, and it is no other file under one of our names: a user with write access to the
    folder could otherwise make us write into any file."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink <= 1


def event_in(line: bytes) -> LearningEvent:
    """The event of a line."""
    return _decode(line[1:])


def is_event(line: bytes) -> bool:
    """Whether a line holds an event."""
    try:
        event_in(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return line[:1] in (OWN_TIME, GIVEN_TIME)


def left_in(folder: Path) -> list[Path]:
    """The segments of a folder, oldest first. Raises OSError."""
    return sorted(folder.glob(f"*{SUFFIX}"))
