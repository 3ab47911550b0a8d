"""Reads a batch and counts its events as they arrive. A batch with too many is refused before it is in memory, and no
event may be larger than one sent alone.

If it were split only after it had arrived, 31 MB of `0,` or of line ends would become millions of objects and block
everybody for seconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Protocol

import msgspec
from litestar.types import HTTPScope, Receive

from laurels.errors import InvalidEvent
from laurels.http.wire.bodies import BodyRefused, body_pieces, not_json

MAX_BATCH = 10_000
# Seconds of work on one batch after which other tasks get their turn.
TURN = 0.005
# An array of at most this many bytes and commas is decoded as a whole: that is faster, and small enough.
_SMALL = 4 * 1024 * 1024
_COMMAS = 10 * MAX_BATCH
# A larger array may have this many brackets: each has to be examined.
_BRACKETS = 100 * MAX_BATCH

# Bytes of a line that is too short to be an event.
_SHORT = 16

Line = tuple[int, bytes | msgspec.Raw | None]
"""The number of a line, or of a place in the array, from 1, and the event there; None for an event that is too
large."""

_INK = re.compile(rb"[^ \t\n\r\v\f]")
_BLANK = b" \t\n\r\v\f"
# The rest of a string, up to its closing quote.
_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_IN_TEXT = re.compile(_TEXT, re.DOTALL)
# The contents of brackets: strings, other characters, and nested brackets to a depth that few events exceed.
_within = rb'[^"{}\[\]]'
for _level in range(3):
    _within = rb'(?:[^"{}\[\]]++|"' + _TEXT + rb'"|[\[{]' + _within + rb"*+[\]}])"
_NESTED = re.compile(_within + rb"*+", re.DOTALL)
# The same between two members of the array.
_MEMBER = re.compile(rb'(?:[^"{}\[\],]++|"' + _TEXT + rb'"|[\[{]' + _within + rb"*+[\]}])*+", re.DOTALL)
_BEFORE = re.compile(rb"[ \t\n\r]*+")
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'
_OPENING, _LIST_END = b"[{", b"]"[0]
_array = msgspec.json.Decoder(list[msgspec.Raw])


class Turns:
    """Lets other tasks work while one request has much to do: call `take` between two parts of it. A task that started
    late in a turn of the event loop may end its turn early, never late."""

    def __init__(self) -> None:
        self._until = monotonic() + TURN

    async def take(self) -> None:
        """Yield to other tasks if this turn has lasted long enough."""
        if monotonic() > self._until:
            await asyncio.sleep(0)
            self._until = monotonic() + TURN


async def read_batch(
    scope: HTTPScope,
    receive: Receive,
    *,
    is_list: bool,
    batch_bytes: int,
    event_bytes: int,
    take: Callable[[int], Awaitable[None]],
) -> list[Line]:
    """The events of the batch in a request's body, at most MAX_BATCH. `take` gets the size of each piece as it arrives.

    Raises BodyRefused, the errors of `take` or, if the body is not a list, InvalidEvent.
    """
    splitter = ArraySplitter(event_bytes) if is_list else LineSplitter(event_bytes)
    turns = Turns()
    async for piece in body_pieces(scope, receive, batch_bytes):
        await take(len(piece))
        for _ in splitter.feed(piece):
            await turns.take()
        await turns.take()
    for _ in splitter.end():
        await turns.take()
    return splitter.found


class Splitter(Protocol):
    """Splits a body into events. `feed` and `end` continue with each step of their iterator."""

    found: list[Line]

    def feed(self, piece: bytes) -> Iterator[None]:
        """Split another piece."""
        ...

    def end(self) -> Iterator[None]:
        """Split the rest when everything has arrived."""
        ...


class _Collector:
    """Assembles events that may arrive in several pieces, and counts them."""

    def __init__(self, most: int) -> None:
        self.found: list[Line] = []
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Add a part of the present event; no more is kept than the maximum size of an event."""
        self._size += len(part)
        if self._size <= self._most:
            self._parts.append(part)
        else:
            self._parts.clear()

    def close(self, number: int, last: bytes) -> None:
        """End the event with `last`; white space alone is no event."""
        if self._parts or self._size:
            self.add(last)
            last = b"".join(self._parts)
            self._parts.clear()
        else:
            self._size = len(last)
        if self._size > self._most:
            self.keep(number, None)
        elif not last.isspace() and last:
            self.keep(number, last)
        self._size = 0

    def keep(self, number: int, event: bytes | msgspec.Raw | None) -> None:
        """Count an event. Raises BodyRefused at the first one too many."""
        if len(self.found) >= MAX_BATCH:
            raise _too_many()
        self.found.append((number, event))


class LineSplitter(_Collector):
    """Splits NDJSON; see `Splitter`."""

    _number = 1

    def feed(self, piece: bytes) -> Iterator[None]:
        """Split another piece."""
        at, end = 0, piece.rfind(b"\n") + 1
        if not end:
            self.add(piece)
            return
        if self._size:
            at = piece.index(b"\n") + 1
            self.close(self._number, piece[: at - 1])
            self._number += 1
        if piece.count(b"\n", at, end) * _SHORT > end - at:
            yield from self._split_short(piece, at, end)
        elif at < end:
            found, most = self.found, self._most
            for number, line in enumerate(piece[at : end - 1].split(b"\n"), self._number):
                if line and not line.isspace():
                    found.append((number, line if len(line) <= most else None))
                self._number = number + 1
            if len(found) > MAX_BATCH:
                raise _too_many()
            yield
        if end < len(piece):
            self.add(piece[end:])

    def _split_short(self, piece: bytes, at: int, end: int) -> Iterator[None]:
        """Split lines that are too short to be events, unless they are empty."""
        steps = 0
        while at < end:
            steps += 1
            if not steps % 1_000:
                yield
            if piece[at] in _BLANK:
                # Many empty lines are skipped at once.
                ink = _INK.search(piece, at, end)
                begin = piece.rfind(b"\n", at, ink.start()) + 1 if ink is not None else end
                if begin > at:
                    self._number += piece.count(b"\n", at, begin)
                    at = begin
                    continue
            stop = piece.index(b"\n", at)
            self.close(self._number, piece[at:stop])
            self._number += 1
            at = stop + 1

    def end(self) -> Iterator[None]:
        """The last line may lack its end."""
        self.close(self._number, b"")
        yield


class ArraySplitter(_Collector):
    """Splits a JSON array; see `Splitter`. An array of at most `small` bytes is left to the decoder; a larger one is
    scanned bracket by bracket."""

    def __init__(self, most: int, *, small: int = _SMALL) -> None:
        super().__init__(most)
        self._small = small
        self._held: list[bytes] | None = []
        self._bytes = self._commas = self._brackets = 0
        self._depth = 0
        self._is_in_text = self._is_over = False
        self._carry = b""

    def feed(self, piece: bytes) -> Iterator[None]:
        """Split another piece, or hold it while the array is small."""
        if self._held is None:
            yield from self._follow(piece)
            return
        self._bytes += len(piece)
        self._commas += piece.count(b",")
        self._held.append(piece)
        if self._bytes > self._small or self._commas > _COMMAS:
            held, self._held = self._held, None
            for each in held:
                yield from self._follow(each)

    def end(self) -> Iterator[None]:
        """Split the held pieces."""
        if self._held is None:
            if not self._is_over or self._carry:
                raise BodyRefused(400, "The body is not valid JSON: it ends too early.")
            return
        events = _decoded(b"".join(self._held))
        if len(events) > MAX_BATCH:
            raise _too_many()
        most = self._most
        self.found = [(n, event if memoryview(event).nbytes <= most else None) for n, event in enumerate(events, 1)]
        yield

    def _follow(self, piece: bytes) -> Iterator[None]:
        """Scan a piece from bracket to bracket, and among the members of the array from comma to comma."""
        self._brackets += piece.count(b"[") + piece.count(b"{")
        if self._brackets > _BRACKETS:
            raise BodyRefused(
                413, f"A batch of this size may hold at most {_BRACKETS} lists and objects; send it in several parts."
            )
        text, self._carry = self._carry + piece, b""
        at = begin = 0
        steps = 0
        while at < len(text):
            steps += 1
            if not steps % 500:
                yield
            if self._is_in_text:
                at = _past(_IN_TEXT, text, at)
                if at == len(text):
                    break
                if text[at] == _BACKSLASH:
                    # The text that it begins has not arrived yet.
                    text, self._carry = text[:at], text[at:]
                    break
                self._is_in_text = False
                at += 1
                continue
            if self._depth == 0:
                at = begin = self._outside(text, at)
                continue
            at = _past(_NESTED if self._depth > 1 else _MEMBER, text, at)
            if at == len(text):
                break
            begin = self._mark(text, begin, at)
            at += 1
        if self._depth:
            self.add(text[begin:])

    def _mark(self, text: bytes, begin: int, at: int) -> int:
        """Process the quote, comma or bracket at a place; returns the start of the present member after it."""
        found = text[at]
        if found == _QUOTE:
            self._is_in_text = True
        elif found == _COMMA:
            self._member(text[begin:at], is_last=False)
            return at + 1
        elif found in _OPENING:
            self._depth += 1
        else:
            self._depth -= 1
            if not self._depth:
                if found != _LIST_END:
                    raise BodyRefused(400, "The body is not valid JSON: a list ends with ].")
                self._member(text[begin:at], is_last=True)
                self._is_over = True
        return begin

    def _outside(self, text: bytes, at: int) -> int:
        """Check the text before the array and after it."""
        at = _past(_BEFORE, text, at)
        if at == len(text):
            return at
        if self._is_over:
            raise BodyRefused(400, "The body is not valid JSON: something follows the list.")
        if text[at] != _OPENING[0]:
            # The decoder names the mistake.
            _decoded(text[at : at + 1_000])
            raise _no_list()
        self._depth = 1
        return at + 1

    def _member(self, last: bytes, *, is_last: bool) -> None:
        known = len(self.found)
        self.close(known + 1, last)
        if len(self.found) == known and not (is_last and not known):
            raise BodyRefused(400, "The body is not valid JSON: an event is missing between two commas.")


def _past(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    """The end of the pattern's match at a place; each pattern matches at least the empty string."""
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _decoded(body: bytes) -> list[msgspec.Raw]:
    try:
        return _array.decode(body)
    except msgspec.ValidationError:
        raise _no_list() from None
    except (RecursionError, msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise not_json(body, cause, InvalidEvent) from None


def _too_many() -> BodyRefused:
    return BodyRefused(413, f"A batch may have at most {MAX_BATCH} events; send it in several parts.")


def _no_list() -> InvalidEvent:
    return InvalidEvent("body", "Must be a list of events; send a single one to /api/progress/event.")
