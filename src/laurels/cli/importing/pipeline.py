"""Lines to workers, and what became of them back in order, chunk after chunk.

While some lines are being recorded, the next ones are read and handed over already.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from laurels.cli.importing.event_lines import EventLines, InputFailed, Part
from laurels.cli.importing.rejects import Rejects
from laurels.cli.importing.shares import Share, Taken
from laurels.cli.importing.worker import Worker
from laurels.cli.terminal import CommandFailed

# Chunks on their way: enough of them that a commit finds as many events waiting as it may take.
IN_FLIGHT = 8


class _Owner(Struct, rename="camel"):
    """As much of a line as tells who records it."""

    user_id: str


_decode = msgspec.json.Decoder(_Owner).decode


class _Chunk:
    """Lines that were handed over together, the first of which has the number `first`."""

    __slots__ = ("first", "lines", "taking")

    def __init__(self, first: int, lines: list[bytes], taking: list[asyncio.Task[Taken]]) -> None:
        self.first = first
        self.lines = lines
        self.taking = taking


class ImportPipeline:
    """Has the lines of an input recorded by workers and counts what became of them."""

    def __init__(
        self,
        workers: Sequence[Worker],
        rejects: Rejects,
        *,
        source: str | None,
        on_progress: Callable[[ImportPipeline], None],
    ) -> None:
        self.recorded = 0
        self.replayed = 0
        self.conflicts = 0
        self._source = source
        self.rejects = rejects
        self._workers = workers
        self._on_progress = on_progress
        self._in_flight: deque[_Chunk] = deque()

    async def take_in(self, lines: EventLines) -> None:
        """Record every line. Raises CommandFailed, with how far it got, where reading or the store fails."""
        try:
            await self._take_in(lines)
        finally:
            # Where it had to stop, the fate of what is still on its way has been told already.
            await asyncio.gather(*(task for chunk in self._in_flight for task in chunk.taking), return_exceptions=True)

    async def _take_in(self, lines: EventLines) -> None:
        number = 0
        try:
            async for chunk in lines.chunks():
                match chunk.part:
                    case Part.WHOLE_LINES:
                        await self._hand_over(chunk.lines, number + 1)
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

    async def _hand_over(self, lines: list[bytes], first: int) -> None:
        while len(self._in_flight) >= IN_FLIGHT:
            await self._settle_next()
        shares = self._shares(lines, first)
        taking = [asyncio.create_task(worker.take(share)) for worker, share in zip(self._workers, shares, strict=True)]
        self._in_flight.append(_Chunk(first, lines, taking))
        # Lets them check and queue their events before this one goes on reading.
        await asyncio.sleep(0)

    def _shares(self, lines: list[bytes], first: int) -> list[Share]:
        if len(self._workers) == 1:
            return [Share(self._source, list(range(first, first + len(lines))), lines)]
        shares = [Share(self._source, [], []) for _ in self._workers]
        count = len(shares)
        for number, line in enumerate(lines, first):
            try:
                share = shares[hash(_decode(line).user_id) % count]
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                # No event: any of them will say what is wrong with it.
                share = shares[0]
            share.numbers.append(number)
            share.lines.append(line)
        return shares

    async def _settle_all(self) -> None:
        while self._in_flight:
            await self._settle_next()

    async def _settle_next(self) -> None:
        chunk = self._in_flight.popleft()
        refused: list[tuple[int, str]] = []
        failed: list[tuple[int, str]] = []
        for taken in await asyncio.gather(*chunk.taking):
            self._count(taken)
            refused += taken.refused
            if taken.failed is not None:
                failed.append(taken.failed)
        for number, reason in sorted(refused):
            self.rejects.add(number, chunk.lines[number - chunk.first], reason)
        self._on_progress(self)
        if failed:
            await self._stop(*min(failed))

    def _count(self, taken: Taken) -> None:
        self.recorded += taken.recorded
        self.replayed += taken.replayed
        self.conflicts += taken.conflicts

    async def _stop(self, number: int, reason: str) -> None:
        """Wait for what was handed over after the failure, count it, and raise."""
        for chunk in self._in_flight:
            for taken in await asyncio.gather(*chunk.taking):
                self._count(taken)
        self._in_flight.clear()
        raise CommandFailed(f"{reason} {self._so_far(f'at line {number:,}')}")

    def _so_far(self, where: str) -> str:
        return (
            f"Stopped {where}; {self.recorded:,} events were recorded, {self.replayed:,} were already there. "
            "Run the same command again to continue: nothing is recorded twice."
        )
