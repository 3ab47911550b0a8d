"""Passes lines to workers, learner by learner, and collects the results.

The whole input is gathered first, because an import in order of time would return to each learner again and again. If a
pipe brings nothing for a while, the lines so far are recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from laurels.cli.importing.input_lines import Chunk, InputFailed, InputLines, Part
from laurels.cli.importing.rejects import Rejects
from laurels.cli.importing.sorting import Line, LinesByLearner, Portion
from laurels.cli.importing.source_lines import SourceLines
from laurels.cli.importing.worker import Worker
from laurels.cli.importing.worker_tasks import UNNAMED, Share, Taken
from laurels.cli.terminal import CommandFailed
from laurels.errors import StoreError
from laurels.plurals import counted

# Portions in transit to a worker: enough to fill each commit with events.
IN_FLIGHT = 6
# Seconds without input after which the lines so far are recorded.
PAUSE = 0.5
# Bytes of refused lines that are sorted by number before they are reported.
REFUSED_TOGETHER = 16 << 20
# The overhead of each in bytes.
_REFUSED = 256


class _Owner(Struct, rename="camel"):
    """The part of a line that identifies its learner."""

    user_id: str


_decode = msgspec.json.Decoder(_Owner).decode


class _HandedOver(Struct):
    """A portion that a worker has received."""

    worker: int
    portion: Portion


class ImportPipeline:
    """Lets workers record the lines of an input, and counts the results. After `pause` seconds without input it records
    the lines so far; None: it waits for the end. Refused lines are reported after that, or as soon as they take more
    than `refused_together` bytes. `read` is the number of lines read so far, `settled` the number with a result."""

    def __init__(
        self,
        workers: Sequence[Worker],
        rejects: Rejects,
        *,
        source: SourceLines,
        on_progress: Callable[[ImportPipeline], None],
        pause: float | None = PAUSE,
        refused_together: int = REFUSED_TOGETHER,
    ) -> None:
        self.read = 0
        self.settled = 0
        self.recorded = 0
        self.replayed = 0
        self.conflicts = 0
        self._source = source
        self.rejects = rejects
        self._workers = workers
        self._on_progress = on_progress
        self._pause = pause
        self._refused_together = refused_together
        self._gathered = LinesByLearner()
        self._in_flight: dict[asyncio.Task[Taken], _HandedOver] = {}
        self._last_worker = 0
        self._failure: str | None = None
        self._refused: list[tuple[int, bytes, str]] = []
        self._refused_size = 0

    async def take_in(self, lines: InputLines) -> None:
        """Record every line. Raises CommandFailed, with the progress so far, if reading or the store fails."""
        try:
            await self._take_in(lines)
        finally:
            # If it had to stop, the result of lines in transit was reported already.
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _take_in(self, lines: InputLines) -> None:
        arriving: asyncio.Task[Chunk] | None = None
        chunks = lines.chunks()
        try:
            while True:
                arriving = asyncio.ensure_future(anext(chunks))
                if not self._gathered.is_empty:
                    await asyncio.wait({arriving}, timeout=self._pause)
                    if not arriving.done():
                        await self._record_gathered()
                try:
                    chunk = await arriving
                except StopAsyncIteration:
                    break
                await self._gather(chunk)
        except InputFailed as error:
            await self._record_gathered()
            raise CommandFailed(f"{error} {self._left_off()}") from error
        finally:
            if arriving is not None:
                arriving.cancel()
        await self._record_gathered()

    async def _gather(self, chunk: Chunk) -> None:
        match chunk.part:
            case Part.WHOLE_LINES:
                self._gathered.add(self._owned(chunk))
                self._on_progress(self)
            case Part.BEGINNING:
                await self._record_gathered()
                self.read += 1
                self.settled += 1
                self._source.read(self.read, chunk.lines[0])
                self.rejects.add_beginning(self.read, chunk.lines[0], "Is longer than 1 MiB.")
            case Part.CONTINUATION:
                self.rejects.go_on(chunk.lines[0])

    def _owned(self, chunk: Chunk) -> Iterator[Line]:
        for place, line in enumerate(chunk.lines):
            self.read += 1
            self._source.read(self.read, line)
            if (reason := chunk.refused.get(place)) is not None:
                self.settled += 1
                self._refuse({self.read: line}, [(self.read, reason)])
                continue
            try:
                user_id = _decode(line).user_id
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                # This is no event; its worker reports the fault.
                user_id = ""
            yield user_id, self.read, line

    async def _record_gathered(self) -> None:
        """Record all gathered lines, and wait for the results. Raises CommandFailed on failure."""
        try:
            for portion in self._gathered.take():
                if self._failure is not None:
                    break
                await self._hand_over(portion)
            while self._in_flight:
                await self._settle()
            await self._source.save(is_end=True)
        except BaseException:
            # Recorded lines are noted, if that is still possible.
            with suppress(StoreError):
                await self._source.save(is_end=True)
            raise
        finally:
            self._tell_refused()
        if self._failure is not None:
            stopped = f"{self._failure} Stopped; {self._so_far}"
            if self._failure != UNNAMED:
                stopped += " Run the same command again to continue: nothing is recorded twice."
            raise CommandFailed(stopped)

    async def _hand_over(self, portion: Portion) -> None:
        while len(self._in_flight) >= IN_FLIGHT * len(self._workers):
            await self._settle()
        if not portion.goes_on:
            busy = [0] * len(self._workers)
            for handed in self._in_flight.values():
                busy[handed.worker] += 1
            self._last_worker = busy.index(min(busy))
        source = self._source
        known = source.known_among(portion.numbers)
        share = Share(source.name, portion.numbers, portion.lines, known, source.moved_after)
        taking = asyncio.create_task(self._workers[self._last_worker].take(share))
        self._in_flight[taking] = _HandedOver(self._last_worker, portion)
        # Lets the worker check and queue its events before this task continues.
        await asyncio.sleep(0)

    async def _settle(self) -> None:
        """Wait for a portion, and count its results."""
        done, _ = await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            portion = self._in_flight.pop(task).portion
            taken = await task
            self.recorded += taken.recorded
            self.replayed += taken.replayed
            self.conflicts += taken.conflicts
            self.settled += len(portion.lines)
            if taken.failed is not None:
                self._failure = self._failure or taken.failed
            if taken.refused or taken.by_line:
                by_number = dict(zip(portion.numbers, portion.lines, strict=True))
                self._refuse(by_number, taken.refused)
                self._source.recorded(taken.by_line, by_number)
        await self._source.save(is_end=False)
        self._on_progress(self)

    def _refuse(self, by_number: Mapping[int, bytes], refused: list[tuple[int, str]]) -> None:
        for number, reason in refused:
            self._refused.append((number, by_number[number], reason))
            self._refused_size += len(by_number[number]) + _REFUSED
        if self._refused_size > self._refused_together:
            self._tell_refused()

    def _tell_refused(self) -> None:
        refused, self._refused, self._refused_size = sorted(self._refused), [], 0
        for number, line, reason in refused:
            self.rejects.add(number, line, reason)

    def _left_off(self) -> str:
        """The place at which an unreadable input ends."""
        if not self.read:
            return "Nothing was recorded."
        return (
            f"Stopped after line {self.read:,}; {self._so_far} "
            "Once the input is mended, run the same command again: nothing is recorded twice."
        )

    @property
    def _so_far(self) -> str:
        return (
            f"{counted(self.recorded, 'event was recorded', 'events were recorded')}, "
            f"{counted(self.replayed, 'was', 'were')} already there."
        )
