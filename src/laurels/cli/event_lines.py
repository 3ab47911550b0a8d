"""A file or standard input as lines, plain or gzip, and the file that takes the lines which were refused.

Reading is bounded: a line without an end, or a file larger than memory, is handled like any other.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from gzip import GzipFile
from pathlib import Path

from laurels.cli.terminal import CommandFailed, complain

STANDARD_INPUT = "-"
MAX_LINE = 1 << 20
SHOWN_REJECTS = 20

_BUFFER = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InputFailed(CommandFailed):
    """The input cannot be read to its end."""


class EventLines:
    """The lines of an input, ends included. `size` is that of the file, None where it is not known."""

    def __init__(self, name: str, raw: io.FileIO | io.BufferedReader, size: int | None) -> None:
        self.name = name
        self.size = size
        self._raw = raw
        stream = io.BufferedReader(raw, _BUFFER) if isinstance(raw, io.FileIO) else raw
        if stream.peek(2)[:2] == _GZIP_MAGIC:
            # GzipFile splits lines in Python; a buffer around it does so in C.
            stream = io.BufferedReader(GzipFile(fileobj=stream, mode="rb"), _BUFFER)  # pyright: ignore[reportArgumentType]
        self._stream = stream

    @property
    def position(self) -> int:
        """How many bytes of the file have been read."""
        return self._raw.tell() if self.size is not None else 0

    def __iter__(self) -> Iterator[bytes]:
        """Each line; of one longer than `MAX_LINE` only the beginning (see `is_cut`). Raises InputFailed."""
        readline = self._stream.readline
        with self._failures():
            if self._stream.peek(3)[:3] == _BYTE_ORDER_MARK:
                self._stream.read(3)
            while line := readline(MAX_LINE + 1):
                yield line

    def is_cut(self, line: bytes) -> bool:
        """Whether `line`, just read, goes on: then `rest_of_line` has the rest and must be read to its end."""
        return len(line) > MAX_LINE and not line.endswith(b"\n")

    def rest_of_line(self) -> Iterator[bytes]:
        """The pieces of the line that follow its beginning."""
        with self._failures():
            while piece := self._stream.readline(MAX_LINE + 1):
                yield piece
                if piece.endswith(b"\n"):
                    return

    @contextmanager
    def _failures(self) -> Generator[None]:
        try:
            yield
        except EOFError as error:
            raise InputFailed(f"{self.name}: the gzip data ends too early; the file is not complete.") from error
        except zlib.error as error:
            raise InputFailed(f"{self.name}: the gzip data is damaged.") from error
        except OSError as error:
            detail = error.strerror or str(error)
            raise InputFailed(f"{self.name}: cannot be read: {detail}.") from error


@contextmanager
def open_lines(source: str) -> Generator[EventLines]:
    """The lines of the file at `source`, or of standard input for `-`. Raises CommandFailed."""
    if source == STANDARD_INPUT:
        yield EventLines("standard input", sys.stdin.buffer, None)  # pyright: ignore[reportArgumentType]
        return
    try:
        raw = io.FileIO(source)
    except FileNotFoundError:
        raise CommandFailed(f"{source}: no such file.") from None
    except OSError as error:
        raise CommandFailed(f"{source}: cannot be read: {error.strerror}.") from error
    with raw:
        status = os.fstat(raw.fileno())
        yield EventLines(source, raw, status.st_size if stat.S_ISREG(status.st_mode) else None)


class Rejects:
    """Counts the lines that were refused, tells of the first ones and keeps them all in a file if there is one."""

    def __init__(self, file: io.BufferedWriter | None) -> None:
        self.count = 0
        self._file = file

    def add(self, number: int, pieces: Iterable[bytes], reason: str) -> None:
        """Note that line `number` was refused; it is kept as it came, so that it can be mended and imported."""
        self.count += 1
        if self.count <= SHOWN_REJECTS:
            complain(f"line {number}: {reason}")
        last = b"\n"
        for piece in pieces:
            last = piece
            if self._file is not None:
                self._write(piece)
        if not last.endswith(b"\n") and self._file is not None:
            self._write(b"\n")

    def finish(self) -> None:
        """Tell how many more there were than were shown."""
        if self.count > SHOWN_REJECTS:
            complain(f"and {self.count - SHOWN_REJECTS:,} more rejected lines")
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                raise self._failure(error) from error

    def _write(self, piece: bytes) -> None:
        assert self._file is not None  # noqa: S101  callers have looked
        try:
            self._file.write(piece)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> CommandFailed:
        return CommandFailed(f"The rejected lines cannot be written: {error.strerror}.")


@contextmanager
def open_rejects(path: Path | None, source: str) -> Generator[Rejects]:
    """Rejects that are kept in the file at `path`, which is emptied first. Raises CommandFailed."""
    if path is None:
        yield Rejects(None)
        return
    if source != STANDARD_INPUT and path.exists() and path.samefile(source):
        raise CommandFailed("--rejects names the file that is imported; name another one.")
    try:
        file = path.open("wb")
    except OSError as error:
        raise CommandFailed(f"{path}: cannot be written: {error.strerror}.") from error
    with file:
        yield Rejects(file)
