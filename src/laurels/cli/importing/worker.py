"""The workers that record the lines of an import: in this process, or in several others that share the users.

Deciding the outcome of an event takes far longer than reading its line, so a large file is worth every core. No two
workers share a user, so each continues from its own memory. A worker gets lines and answers with their results, both as
msgpack behind a length of four bytes. It ends when its input ends for any reason.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections import deque
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import msgspec
from msgspec.structs import replace

from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.cli.importing.worker_tasks import CHANGED, Share, Taken, read_share, settle_known
from laurels.cli.terminal import CommandFailed, complain
from laurels.errors import EventConflict, LaurelsError, StoreError
from laurels.settings import Settings

# Seconds between projections: effectively at the end, or when memory is full. A snapshot is far larger than an event,
# and writing one every few seconds for each of many users would cost more than all else.
PROJECTION_INTERVAL = 3_600.0
# Workers take turns to write large transactions, and nothing makes the turns fair: on a busy machine one may wait long.
BUSY_MS = 120_000
# For all processes together, at about 150 bytes each: under half a gigabyte for a file with many users.
CACHE_WEIGHT = 3_000_000
# Commits of an import are large: thousands of entries share the pages of the ledger's indexes that each touches.
BATCH = 8_192

_encode = msgspec.msgpack.Encoder().encode


class Worker(Protocol):
    """Records shares one after the other."""

    async def take(self, share: Share) -> Taken:
        """Record a share. Raises CommandFailed if the worker is gone."""
        ...


class LocalWorker:
    """Works in this process."""

    def __init__(self, laurels: Service) -> None:
        self._laurels = laurels
        self.store = laurels.store
        self.rulebook = laurels.rulebook
        # Events are recorded in the order of the shares, even if some needed a lookup before.
        self._turn = asyncio.Lock()

    async def take(self, share: Share) -> Taken:
        taken = Taken()
        read = read_share(share, taken, self._laurels.rulebook, self._laurels.clock())
        async with self._turn:
            try:
                read = await settle_known(share, read, taken, self.store)
            except StoreError as error:
                taken.failed = str(error)
                return taken
            recording = asyncio.ensure_future(self._laurels.record_many(read.events, earliest=0, is_imported=True))
            # Lets it queue them.
            await asyncio.sleep(0)
        for number, result in zip(read.numbers, await recording, strict=True):
            if isinstance(result, RecordedEntry):
                taken.recorded += not result.is_replay
                taken.replayed += result.is_replay
                if number in read.by_line:
                    taken.by_line.append(number)
            elif isinstance(result, StoreError):
                taken.failed = taken.failed or str(result)
            elif isinstance(result, EventConflict):
                taken.conflict(number, CHANGED if number in read.by_line else str(result))
            else:
                taken.refused.append((number, str(result)))
        return taken


class RemoteWorker:
    """Works in a process of its own. Made by `remote_workers`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: deque[asyncio.Future[Taken]] = deque()
        self._reader = asyncio.create_task(self._read())

    async def take(self, share: Share) -> Taken:
        answer: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        if self._reader.done():
            self._give_up()
        else:
            self.send(share)
        return await answer

    def send(self, message: object) -> None:
        """Send a message; the process reads it when it is ready."""
        assert self._process.stdin is not None  # noqa: S101  it was asked for
        self._process.stdin.write(_framed(message))

    async def finish(self) -> None:
        """Bring the worker's boards up to date and end it. Raises CommandFailed if that fails."""
        assert self._process.stdin is not None  # noqa: S101  it was asked for
        self._process.stdin.close()
        if await self._process.wait():
            raise CommandFailed(
                "The events are recorded, but the boards could not be brought up to date. Run the same command again."
            )

    async def end(self) -> None:
        """End the process, whatever its progress."""
        self._reader.cancel()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  it was asked for
        decode = msgspec.msgpack.Decoder(Taken).decode
        while (frame := await _frame(self._process.stdout)) is not None:
            self._waiting.popleft().set_result(decode(frame))
        self._give_up()

    def _give_up(self) -> None:
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(
                    CommandFailed(
                        "A process of the import ended before its work was done. "
                        "Run the same command again to continue: nothing is recorded twice."
                    )
                )


@asynccontextmanager
async def local_worker(settings: Settings) -> AsyncGenerator[LocalWorker]:
    """A worker in this process; at the end of the block its boards are up to date."""
    with _without_collector():
        async with open_service(
            settings=settings, publish=True, projection_interval=PROJECTION_INTERVAL, batch=BATCH, busy_ms=BUSY_MS
        ) as laurels:
            yield LocalWorker(laurels)
            await laurels.projector.flush()


@asynccontextmanager
async def remote_workers(settings: Settings, count: int) -> AsyncGenerator[Sequence[RemoteWorker]]:
    """`count` workers in processes of their own; at the end of the block their boards are up to date."""
    workers: list[RemoteWorker] = []
    try:
        for _ in range(count):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "laurels.cli.importing.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            workers.append(RemoteWorker(process))
            # Not on the command line, where everybody on the machine could read the password of a store.
            workers[-1].send(settings)
        yield workers
        await asyncio.gather(*(worker.finish() for worker in workers))
    finally:
        for worker in workers:
            await worker.end()


def main() -> None:
    """The process of a remote worker."""
    # An interrupt from the keyboard also goes to the parent, and lines that it has sent are still recorded.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve())
    except LaurelsError as error:
        complain(str(error))
        sys.exit(1)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    first = await _frame(reader)
    if first is None:
        return
    settings = msgspec.msgpack.decode(first, type=Settings)
    decode = msgspec.msgpack.Decoder(Share).decode
    async with local_worker(settings) as worker:
        answers: asyncio.Queue[asyncio.Task[Taken] | None] = asyncio.Queue()
        answering = asyncio.create_task(_answer(answers))
        while (frame := await _frame(reader)) is not None:
            answers.put_nowait(asyncio.create_task(worker.take(decode(frame))))
            # Lets it check and queue its events before the next share is read.
            await asyncio.sleep(0)
        answers.put_nowait(None)
        await answering


async def _answer(answers: asyncio.Queue[asyncio.Task[Taken] | None]) -> None:
    while (task := await answers.get()) is not None:
        frame = _framed(await task)
        try:
            sys.stdout.buffer.write(frame)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Nobody waits any more. Lines that were sent are still recorded.
            continue


def _framed(message: object) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(4, "big") + body


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next message; None at the end."""
    try:
        return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None


def for_import(settings: Settings, processes: int = 1) -> Settings:
    """The settings of each of the processes of an import."""
    return replace(settings, cache_weight=max(settings.cache_weight, CACHE_WEIGHT // processes))


@contextmanager
def _without_collector() -> Generator[None]:
    """Keep the garbage collector from running in the block."""
    # It would scan every object of every progress twice, a sixth of the time of an import, and find nothing.
    was_enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        # Neither is it worth a scan at the end of the process.
        gc.freeze()
        if was_enabled:
            gc.enable()


def tune_collector() -> None:
    """Make the garbage collector run less often."""
    # The progress of many users is millions of objects, none of them garbage: scanning them again and again takes a
    # quarter of the time. Reference counts free everything that an import drops.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


if __name__ == "__main__":
    main()
