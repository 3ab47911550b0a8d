"""Lines into events, events into the ledger, batch after batch.

While one batch is being written, the next ones are read and decoded: on a large file that is most of the time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from laurels.application.commands import Recorded
from laurels.bootstrap import Laurels
from laurels.cli.event_lines import EventLines, InputFailed, Part
from laurels.cli.rejects import Rejects
from laurels.cli.terminal import CommandFailed
from laurels.domain.events import LearningEvent
from laurels.errors import LaurelsError, StoreError

# One batch that is written, one that waits for it, and the one that is being read.
IN_FLIGHT = 2

_decode = msgspec.json.Decoder(LearningEvent).decode


class Batch:
    """Lines that go to the recorder together: their events, and what is wrong with the others."""

    __slots__ = ("events", "lines", "numbers", "wrong")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.lines: list[bytes] = []
        self.events: list[LearningEvent] = []
        self.wrong: list[tuple[int, bytes, str]] = []


class Intake:
    """Records the events of an input and counts what became of them."""

    def __init__(self, laurels: Laurels, rejects: Rejects, *, on_progress: Callable[[Intake], None]) -> None:
        self.recorded = 0
        self.replayed = 0
        self.rejects = rejects
        self._laurels = laurels
        self._on_progress = on_progress
        self._in_flight: deque[tuple[Batch, asyncio.Task[list[Recorded | LaurelsError]]]] = deque()

    async def take_in(self, lines: EventLines) -> None:
        """Record every line. Raises CommandFailed, with how far it got, where reading or the store fails."""
        number = 0
        try:
            async for chunk in lines.chunks():
                match chunk.part:
                    case Part.WHOLE_LINES:
                        await self._hand_over(_decode_all(chunk.lines, number))
                        number += len(chunk.lines)
                    case Part.BEGINNING:
                        await self._settle_all()
                        number += 1
                        self.rejects.add_beginning(number, chunk.lines[0], "Is longer than 1 MiB.")
                    case Part.CONTINUATION:
                        self.rejects.go_on(chunk.lines[0])
        except InputFailed as error:
            await self._settle_all()
            raise CommandFailed(f"{error} {self._so_far(f'after line {number:,}')}") from error
        await self._settle_all()

    async def _hand_over(self, batch: Batch) -> None:
        while len(self._in_flight) >= IN_FLIGHT:
            await self._settle_next()
        recording = asyncio.create_task(self._laurels.record_many(batch.events, earliest=0))
        self._in_flight.append((batch, recording))
        # Lets it check and queue its events before this one goes on reading.
        await asyncio.sleep(0)

    async def _settle_all(self) -> None:
        while self._in_flight:
            await self._settle_next()

    async def _settle_next(self) -> None:
        batch, recording = self._in_flight.popleft()
        results = await recording
        refused = batch.wrong
        failed: tuple[int, StoreError] | None = None
        for number, line, result in zip(batch.numbers, batch.lines, results, strict=True):
            if isinstance(result, Recorded):
                if result.is_replay:
                    self.replayed += 1
                else:
                    self.recorded += 1
            elif isinstance(result, StoreError):
                failed = failed or (number, result)
            else:
                refused.append((number, line, str(result)))
        for number, line, reason in sorted(refused):
            self.rejects.add(number, line, reason)
        self._on_progress(self)
        if failed is not None:
            await self._stop(*failed)

    async def _stop(self, number: int, error: StoreError) -> None:
        """Wait for what was handed over after the failure, count it, and raise."""
        for _, recording in self._in_flight:
            for result in await recording:
                if isinstance(result, Recorded):
                    self.recorded += not result.is_replay
                    self.replayed += result.is_replay
        self._in_flight.clear()
        raise CommandFailed(f"{error} {self._so_far(f'at line {number:,}')}") from error

    def _so_far(self, where: str) -> str:
        return (
            f"Stopped {where}; {self.recorded:,} events were recorded, {self.replayed:,} were already there. "
            "Run the same command again to continue: nothing is recorded twice."
        )


def _decode_all(lines: list[bytes], before: int) -> Batch:
    """The batch that `lines` make, of which `before` lines came before."""
    batch = Batch()
    for number, line in enumerate(lines, before + 1):
        try:
            event = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                batch.wrong.append((number, line, _reason(error)))
            continue
        if event.event_id is None:
            event = replace(event, event_id=_id_of(number, line))
        batch.numbers.append(number)
        batch.lines.append(line)
        batch.events.append(event)
    return batch


def _reason(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "Is not valid UTF-8 text."
        case RecursionError():
            return "Is nested too deeply."
        case _:
            return f"{error}."


def _id_of(number: int, line: bytes) -> str:
    """The id of an event that brings none: the same whenever the same file is imported."""
    return "line-" + blake2b(b"%d:%b" % (number, line.strip()), digest_size=16).hexdigest()
