"""Sorts the lines of an input by learner, whatever their number.

All events of a learner are then recorded together: their progress is read once, their rows are adjacent in the store,
and they are projected once. Lines that exceed memory wait in temporary files, sorted in parts, and are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import msgspec

from laurels.cli.terminal import CommandFailed

Line = tuple[str, int, bytes]
"""The learner, the number in the input, and the text of a line."""

# Bytes of lines that are held in memory before they are written to a file.
MEMORY = 64 << 20
# The minimum number of bytes that a line counts: even a short line takes that much memory.
LEAST = 192
# Lines that are handed over together: more if they belong to one learner.
PORTION = 2_000
PORTION_BYTES = 4 << 20
# Lines that are written, and read back, together.
_BLOCK = 500

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Line]).decode


class Portion(NamedTuple):
    """Lines of some learners, each learner's in the order of the input. `goes_on`: the first learner is the last one of
    the portion before."""

    numbers: list[int]
    lines: list[bytes]
    goes_on: bool


class LinesByLearner:
    """Gathers lines in any order and returns them by learner, once."""

    def __init__(self, *, memory: int = MEMORY) -> None:
        self._memory = memory
        self._size = 0
        self._held: list[Line] = []
        self._files: list[IO[bytes]] = []

    @property
    def is_empty(self) -> bool:
        """Whether there are no lines."""
        return not (self._held or self._files)

    def add(self, lines: Iterable[Line]) -> None:
        """Gather lines, with numbers that were not added before. Raises CommandFailed."""
        for line in lines:
            self._held.append(line)
            self._size += max(len(line[2]), LEAST)
        if self._size > self._memory:
            self._put_aside()

    def take(self) -> Iterator[Portion]:
        """All gathered lines; afterwards it is empty. Raises CommandFailed."""
        self._held.sort()
        held, files = self._held, self._files
        self._held, self._files, self._size = [], [], 0
        try:
            yield from _portions(merge(*map(_read, files), held) if files else iter(held))
        finally:
            for file in files:
                file.close()

    def _put_aside(self) -> None:
        self._held.sort()
        try:
            # Without a name: nothing of it remains, however this process ends.
            file = TemporaryFile(prefix="laurels-import-")  # noqa: SIM115  `take` closes it
            self._files.append(file)
            lines = iter(self._held)
            while block := list(islice(lines, _BLOCK)):
                body = _encode(block)
                file.write(len(body).to_bytes(4, "big") + body)
            file.seek(0)
        except OSError as error:
            raise CommandFailed(
                f"The lines cannot be sorted: {error.strerror}. Temporary files need as much room as the input, "
                "unpacked; TMPDIR names the folder for them."
            ) from error
        self._held, self._size = [], 0


def _read(file: IO[bytes]) -> Iterator[Line]:
    while head := file.read(4):
        yield from _decode(file.read(int.from_bytes(head, "big")))


def _portions(lines: Iterator[Line]) -> Iterator[Portion]:
    portion = Portion([], [], goes_on=False)
    size = 0
    learner: str | None = None
    for user_id, number, line in lines:
        if len(portion.lines) >= PORTION or size >= PORTION_BYTES:
            is_same = user_id == learner
            # A learner's lines stay together, unless there are too many.
            if not is_same or len(portion.lines) >= 2 * PORTION or size >= 2 * PORTION_BYTES:
                yield portion
                portion, size = Portion([], [], goes_on=is_same), 0
        learner = user_id
        portion.numbers.append(number)
        portion.lines.append(line)
        size += len(line)
    if portion.lines:
        yield portion
