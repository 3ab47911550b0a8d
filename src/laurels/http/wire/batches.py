"""Reading a batch: its events are counted while it comes, so that one with too many of them is refused before it is
held, and none is larger than an event that comes alone.

Split only when all is there, 31 MB of `0,` or of line ends would be millions of objects and seconds of everybody's
time.
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
# Seconds of work on one batch after which others get their turn.
TURN = 0.005
# An array of at most so many bytes and commas is left to the decoder as a whole: that is faster, and little enough.
_SMALL = 4 * 1024 * 1024
_COMMAS = 10 * MAX_BATCH
# A larger one may have so many brackets: each has to be looked at.
_BRACKETS = 100 * MAX_BATCH

# Bytes of a line that no event is as short as.
_SHORT = 16

Line = tuple[int, bytes | msgspec.Raw | None]
"""The number of a line, or of a place in the array, from 1, and the event there; None for one that is too large."""

_INK = re.compile(rb"[^ \t\n\r\v\f]")
_BLANK = b" \t\n\r\v\f"
# The rest of a text, up to the quote that ends it.
_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_IN_TEXT = re.compile(_TEXT, re.DOTALL)
# What stands within brackets: texts, what is none, and brackets with what is in them, to a depth that few events have.
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
    """Lets others work while one request has much to do: `take` between two parts of it. One that began late in a turn
    of the event loop may end it early, never the other way round."""

    def __init__(self) -> None:
        self._until = monotonic() + TURN

    async def take(self) -> None:
        """Give way, where this turn has lasted long enough."""
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
    """The events of the batch that a request's body holds, at most MAX_BATCH. `take` gets the size of each
    piece as it arrives.

    Raises BodyRefused, what `take` raises or, where the body is no list, InvalidEvent.
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
    """Splits a body into events. `feed` and `end` go on with each step of their iterator."""

    found: list[Line]

    def feed(self, piece: bytes) -> Iterator[None]:
        """Split a further piece."""
        ...

    def end(self) -> Iterator[None]:
        """Split what is left when all has come."""
        ...


class _Collector:
    """Puts events together that may come in several pieces, and counts them."""

    def __init__(self, most: int) -> None:
        self.found: list[Line] = []
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """A part of the event that is being read; no more is kept than an event may have."""
        self._size += len(part)
        if self._size <= self._most:
            self._parts.append(part)
        else:
            self._parts.clear()

    def close(self, number: int, last: bytes) -> None:
        """The event ends with `last`; nothing but white space is none."""
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
        """Split a further piece."""
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
        """Split lines that are too short to be events, if they are not empty."""
        steps = 0
        while at < end:
            steps += 1
            if not steps % 1_000:
                yield
            if piece[at] in _BLANK:
                # Many empty lines are passed over at once.
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
    """Splits a JSON array; see `Splitter`. What has at most `small` bytes is left to the decoder, the rest is followed
    bracket by bracket."""

    def __init__(self, most: int, *, small: int = _SMALL) -> None:
        super().__init__(most)
        self._small = small
        self._held: list[bytes] | None = []
        self._bytes = self._commas = self._brackets = 0
        self._depth = 0
        self._is_in_text = self._is_over = False
        self._carry = b""

    def feed(self, piece: bytes) -> Iterator[None]:
        """Split a further piece, or hold it while the array is small."""
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
        """Split what was held."""
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
        """Go through a piece from bracket to bracket, and among the members of the array from comma to comma."""
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
                    # What it stands before has not come yet.
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
        """What the quote, comma or bracket at a place changes; where the member that is read then begins."""
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
        """What stands before the array and after it."""
        at = _past(_BEFORE, text, at)
        if at == len(text):
            return at
        if self._is_over:
            raise BodyRefused(400, "The body is not valid JSON: something follows the list.")
        if text[at] != _OPENING[0]:
            # The decoder says what it is.
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
    """Where what the pattern matches at a place ends; each matches nothing at the least."""
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
