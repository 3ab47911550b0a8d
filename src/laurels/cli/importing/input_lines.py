"""A file or standard input as lines, plain or gzip, in chunks that a thread reads ahead.

Reading is bounded: a line without an end, or a file larger than memory, is handled like any other. It never blocks the
event loop: if a pipe brings nothing more, the data so far is still recorded. `worker_tasks.py` interprets the lines.
"""

from __future__ import annotations

import asyncio
import io
import os
import stat
import zlib
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from gzip import BadGzipFile, GzipFile
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, NamedTuple

from laurels.cli.importing.formats import (
    Format,
    NotEvents,
    Refused,
    check_objects,
    check_text,
    is_array,
    lines_of_array,
    lines_of_table,
    lines_within,
)
from laurels.cli.importing.mapping.mapper import Tally
from laurels.cli.importing.mapping.mapping_file import MappingDocument
from laurels.cli.importing.mapping.records import OTHER_ENCODING, ObjectMapper, events_of_table
from laurels.cli.terminal import CommandFailed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STANDARD_INPUT = "-"
MAX_LINE = 1 << 20
CHUNK_LINES = 2_000
CHUNK_BYTES = 8 << 20

_BUFFER = 1 << 18
_READ_AHEAD = 2
# The number of first bytes that identify the contents of an input.
_BEGINNING = 4_096
_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InputFailed(CommandFailed):
    """The input cannot be read to its end."""


class Part(Enum):
    """The kind of the lines in a chunk."""

    WHOLE_LINES = "whole lines"
    BEGINNING = "the beginning of a line that is too long"
    CONTINUATION = "a piece that follows a beginning"


class Chunk(NamedTuple):
    """Lines with their ends, at most `CHUNK_LINES` or about `CHUNK_BYTES`; or one piece of a line longer than
    `MAX_LINE`. `refused`: by position among the lines, why a mapping could not make events of them."""

    part: Part
    lines: list[bytes]
    refused: Mapping[int, str] = {}


class _Inflated(io.RawIOBase):
    """Gzip data as a raw stream, for a buffer that splits lines in C (GzipFile does this in Python).

    Returns the data step by step: if it ends too early, everything before that has been returned.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._file = GzipFile(fileobj=stream, mode="rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._file.read1(len(view))
        view[: len(data)] = data
        return len(data)


class InputLines:
    """The lines of an input. `size` is that of the file, None if it is unknown. With a `mapping` they are made from the
    rows of another platform, and `tally` counts the results."""

    def __init__(
        self,
        name: str,
        raw: io.FileIO,
        size: int | None,
        form: Format = "ndjson",
        mapping: MappingDocument | None = None,
    ) -> None:
        self.name = name
        self.tally = Tally()
        self._form: Format = form
        self._mapping = mapping
        self.size = size
        self._raw = raw
        self._arrived: asyncio.Queue[Chunk | Exception | None] | None = None
        self._room = Semaphore(_READ_AHEAD)
        # Chunks that `begin` has read and `chunks` has not returned yet.
        self._begun: list[Chunk | Exception | None] = []
        self._stream: io.BufferedReader = io.BufferedReader(raw, _BUFFER)
        with self._failures():
            if self._stream.peek(2)[:2] == _GZIP_MAGIC:
                self._stream = io.BufferedReader(_Inflated(self._stream), _BUFFER)

    @property
    def position(self) -> int:
        """The number of bytes of the file read so far; 0 if the size is unknown."""
        return self._raw.tell() if self.size is not None else 0

    async def begin(self) -> None:
        """Read the beginning of a file, but nothing of a pipe, whose data may come much later. Raises InputFailed if
        its form is wrong."""
        if self.size is not None:
            first = await self._read_ahead().get()
            if isinstance(first, Exception):
                raise first
            self._begun.append(first)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Everything, in order. Raises InputFailed after the readable part."""
        arrived = self._read_ahead()
        chunk = self._begun.pop() if self._begun else await arrived.get()
        while isinstance(chunk, Chunk):
            self._room.release()
            yield chunk
            chunk = await arrived.get()
        if chunk is not None:
            raise chunk

    def _read_ahead(self) -> asyncio.Queue[Chunk | Exception | None]:
        """The queue in which chunks arrive, None after the last one. The first call starts the reading."""
        if self._arrived is not None:
            return self._arrived
        loop = asyncio.get_running_loop()
        arrived = self._arrived = asyncio.Queue()

        def read() -> None:
            end: Exception | None = None
            try:
                for chunk in self._read():
                    self._room.acquire()
                    loop.call_soon_threadsafe(arrived.put_nowait, chunk)
            except Exception as error:
                end = error
            # If the import was stopped in the meantime, nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(arrived.put_nowait, end)

        # A daemon: a read from a terminal or a pipe cannot be cancelled and must not keep the process alive.
        Thread(target=read, name="laurels-input", daemon=True).start()
        return arrived

    def _read(self) -> Iterator[Chunk]:
        with self._failures():
            encoding = "utf-8" if self._mapping is None else self._mapping.input.encoding or "utf-8"
            if self._stream.peek(3)[:3] == _BYTE_ORDER_MARK:
                self._stream.read(3)
                if encoding != "utf-8":
                    raise NotEvents(f"is UTF-8 text by its first bytes, and the mapping says {encoding}.")
            start = self._stream.peek(_BEGINNING)[:_BEGINNING]
            is_table = self._mapping is not None and self._mapping.input.format == "csv"
            check_text(start, encoding=encoding, remedy=OTHER_ENCODING if is_table else "save it as UTF-8")
            if self._mapping is None:
                yield from _chunks_of(lines_of_table(self._stream)) if self._form == "csv" else self._objects(start)
            elif is_table:
                yield from _chunks_of(events_of_table(self._stream, self._mapping, self.tally))
            else:
                yield from self._mapped(self._objects(start, rows=self._mapping.input.rows), self._mapping)

    def _mapped(self, chunks: Iterator[Chunk], mapping: MappingDocument) -> Iterator[Chunk]:
        """The same lines, with objects of another platform, as events."""
        mapper = ObjectMapper(mapping, self.tally)
        number = 1
        for chunk in chunks:
            if chunk.part is Part.WHOLE_LINES:
                yield from _chunks_of(mapper.events_of(chunk.lines, number))
                number += len(chunk.lines)
            else:
                if chunk.part is Part.BEGINNING:
                    self.tally.rows += 1
                    number += 1
                yield chunk

    def _objects(self, start: bytes, rows: str = "") -> Iterator[Chunk]:
        """The lines of an input with an object per line, or with an array of them, under `rows` if that is given."""
        lines: list[bytes] = []
        size = 0
        check_objects(start)
        if rows:
            yield from _chunks_of(lines_within(self._stream, rows))
        elif is_array(start):
            yield from _chunks_of(lines_of_array(self._stream))
        else:
            try:
                readline = self._stream.readline
                while line := readline(MAX_LINE + 1):
                    if len(line) > MAX_LINE and line[-1:] != b"\n":
                        yield Chunk(Part.WHOLE_LINES, lines)
                        yield Chunk(Part.BEGINNING, [line])
                        yield from self._rest_of_line()
                        lines, size = [], 0
                        continue
                    lines.append(line)
                    size += len(line)
                    if len(lines) >= CHUNK_LINES or size >= CHUNK_BYTES:
                        yield Chunk(Part.WHOLE_LINES, lines)
                        lines, size = [], 0
            except (EOFError, zlib.error, OSError):
                # The data before the fault is good.
                yield Chunk(Part.WHOLE_LINES, lines)
                raise
            yield Chunk(Part.WHOLE_LINES, lines)

    def _rest_of_line(self) -> Iterator[Chunk]:
        while piece := self._stream.readline(MAX_LINE + 1):
            yield Chunk(Part.CONTINUATION, [piece])
            if piece[-1:] == b"\n":
                return

    @contextmanager
    def _failures(self) -> Generator[None]:
        try:
            yield
        except NotEvents as error:
            raise InputFailed(f"{self.name} {error}") from error
        except EOFError as error:
            raise InputFailed(f"{self.name}: the gzip data ends too early; fetch the whole file.") from error
        except (zlib.error, BadGzipFile) as error:
            raise InputFailed(f"{self.name}: the gzip data is damaged; fetch the file again.") from error
        except OSError as error:
            raise InputFailed(f"{self.name}: cannot be read: {error.strerror or error}.") from error


def _chunks_of(lines: Iterable[bytes | Refused]) -> Iterator[Chunk]:
    some: list[bytes] = []
    refused: dict[int, str] = {}
    size = 0
    try:
        for line in lines:
            if isinstance(line, Refused):
                refused[len(some)] = line.reason
                some.append(line.line)
            else:
                some.append(line)
            size += len(some[-1])
            if len(some) >= CHUNK_LINES or size >= CHUNK_BYTES:
                yield Chunk(Part.WHOLE_LINES, some, refused)
                some, refused, size = [], {}, 0
    except (NotEvents, EOFError, zlib.error, OSError):
        # The data before the fault is good.
        if some:
            yield Chunk(Part.WHOLE_LINES, some, refused)
        raise
    yield Chunk(Part.WHOLE_LINES, some, refused)


@contextmanager
def open_lines(source: str, form: Format = "ndjson", mapping: MappingDocument | None = None) -> Generator[InputLines]:
    """The lines of the file at `source`, or of standard input for `-`. Raises CommandFailed."""
    try:
        is_input = source == STANDARD_INPUT
        raw = io.FileIO(0, closefd=False) if is_input else io.FileIO(source)
    except FileNotFoundError:
        raise CommandFailed(f"{source}: no such file.") from None
    except OSError as error:
        raise CommandFailed(f"{source}: cannot be read: {error.strerror}.") from error
    with raw:
        status = os.fstat(raw.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        yield InputLines("standard input" if is_input else source, raw, size, form, mapping)
