"""Work on all users of a store, shared among processes.

Recomputing a ledger needs the processor, and no user's ledger depends on another's.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import aclosing
from multiprocessing import get_context
from typing import Annotated, Any, TypeVar

from laurels.application.maintenance.ledger_scan import USERS, pages_of_users
from laurels.application.ports.store import Store
from laurels.bootstrap import open_store
from laurels.cli.importing.worker import tune_collector
from laurels.cli.options import whole_number
from laurels.cli.terminal import CommandFailed
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError, StoreUnavailable

T = TypeVar("T")

Work = Callable[[Store, Rulebook, Sequence[str]], Coroutine[Any, Any, T]]
"""The work on a portion of the users. It must be a function of a module, so that another process can import it."""

ProcessesOption = Annotated[
    int | None,
    whole_number(
        least=1,
        most=64,
        metavar="N",
        help="Share the users among N processes. Default: one for each processor, up to 4, where users are many.",
        show_default=False,
    ),
]

# The number of users from which other processes are worth starting, and the maximum number of processes.
_MANY = 2_000
_MOST = 4
# The number of portions for each process from which on they end at about the same time.
_PORTIONS = 6


async def over_users(
    work: Work[T],
    store: Store,
    rulebook: Rulebook,
    *,
    url: str,
    users: int,
    processes: int | None,
    most: int = USERS,
) -> AsyncGenerator[T]:
    """The results of `work` for every portion of the users of `store` (there are about `users`), which is at `url`.

    A portion has at most `most` users, and fewer where processes would wait for the last one. The results come in any
    order. Raises StoreError, and CommandFailed if a process ends before its work is done.
    """
    if processes is None:
        processes = min(os.cpu_count() or 1, _MOST) if users >= _MANY else 1
    size = max(USERS, min(most, users // (_PORTIONS * processes)))
    async with aclosing(pages_of_users(store, size)) as pages:
        if processes == 1:
            async for page in pages:
                yield await work(store, rulebook, page)
            return
        # This process takes its part: it has loaded everything already, which takes each other one half a second.
        pool = ProcessPoolExecutor(
            processes - 1, mp_context=get_context("spawn"), initializer=_begin, initargs=(url, rulebook.as_json)
        )
        own: asyncio.Future[T | _Failure] | None = None
        under_way: set[asyncio.Future[T | _Failure]] = set()
        try:
            loop = asyncio.get_running_loop()
            async for page in pages:
                if own is None or own.done():
                    own = asyncio.ensure_future(_carry_out_here(work, store, rulebook, page))
                    under_way.add(own)
                else:
                    under_way.add(loop.run_in_executor(pool, _carry_out, work, page))
                # One waits for the next free process.
                while len(under_way) > processes:
                    yield await _first_of(under_way)
            while under_way:
                yield await _first_of(under_way)
        except BrokenProcessPool as error:
            raise CommandFailed(
                "A process that shared the work ended before it was done; run the command again."
            ) from error
        finally:
            if own is not None:
                own.cancel()
            pool.shutdown(wait=True, cancel_futures=True)
            # The results of the others no longer matter, their errors included.
            await asyncio.gather(*under_way, return_exceptions=True)


class _Failure:
    """An error of the other process, as text: not every error survives being sent."""

    def __init__(self, text: str) -> None:
        self.text = text


async def _first_of(under_way: set[asyncio.Future[T | _Failure]]) -> T:
    done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    future = done.pop()
    under_way.remove(future)
    result = future.result()
    if isinstance(result, _Failure):
        raise StoreUnavailable(result.text)
    return result


class _Slot:
    """The open resources of a process that shares the work."""

    runner: asyncio.Runner
    store: Store
    rulebook: Rulebook


def _begin(url: str, rulebook: bytes) -> None:
    # An interrupt from the keyboard also goes to the parent, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tune_collector()
    _Slot.runner = asyncio.Runner()
    _Slot.rulebook = Rulebook.of_json(rulebook)
    _Slot.store = _Slot.runner.run(open_store(url))


async def _carry_out_here(work: Work[T], store: Store, rulebook: Rulebook, users: Sequence[str]) -> T | _Failure:
    return await work(store, rulebook, users)


def _carry_out(work: Work[T], users: Sequence[str]) -> T | _Failure:
    try:
        return _Slot.runner.run(work(_Slot.store, _Slot.rulebook, users))
    except LaurelsError as error:
        return _Failure(str(error))
