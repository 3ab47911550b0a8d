"""An event loop in a thread of its own, so that synchronous code can use objects that need one."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_not_closed: set[LoopThread[Any]] = set()


def _close_all() -> None:
    for loop_thread in list(_not_closed):
        # The program ends: acknowledged data is on disk, whatever happens now.
        with suppress(Exception):
            loop_thread.close()


# `atexit` calls come too late: thread pools accept no work any more then, and a store needs one. This runs before the
# pools end, since their module was imported first. If the private function is gone, a program that forgets to close
# leaves projections behind that the next one makes.
_ = concurrent.futures.thread
getattr(threading, "_register_atexit", atexit.register)(_close_all)


class LoopThread(Generic[T]):
    """Holds the object of an asynchronous context manager, and runs its coroutines for callers of any thread.

    A thread does not survive a fork, so each process makes its own: any other use raises RuntimeError.
    """

    def __init__(self, opening: AbstractAsyncContextManager[T]) -> None:
        """Open it. Raises the errors of opening."""
        self._opening = opening
        self._process = os.getpid()
        self._is_closed = False
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        # As a daemon: a program that forgets to close can still end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="laurels-loop", daemon=True)
        self._thread.start()
        try:
            self.opened = self.run(opening.__aenter__())
        except BaseException:
            self._is_closed = True
            self._stop()
            raise
        _not_closed.add(self)

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine in the loop and return its result; raises its errors."""
        if self._is_closed or self._process != os.getpid():
            coroutine.close()
            if self._is_closed:
                raise RuntimeError("This Laurels is closed; open another one.")
            raise RuntimeError("This Laurels was opened in another process; open one in each process, after the fork.")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            # The caller was interrupted: nobody waits for it any more.
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[R]) -> Iterator[R]:
        """The items, each requested when the one before was taken."""
        end = object()
        while (item := self.run(_next(items, end))) is not end:
            yield item  # pyright: ignore[reportReturnType]  all but the end are items

    def close(self) -> None:
        """Close the object, and the loop. A second call does nothing."""
        with self._lock:
            if self._is_closed or self._process != os.getpid():
                return
            try:
                self.run(_leave(self._opening))
            finally:
                self._is_closed = True
                _not_closed.discard(self)
                self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(items: AsyncIterator[R], end: object) -> R | object:
    return await anext(items, end)


async def _leave(opened: AbstractAsyncContextManager[Any]) -> None:
    await opened.__aexit__(None, None, None)


class _Front(Protocol[T]):
    """An object whose methods run in the thread's loop."""

    @property
    def loop_thread(self) -> LoopThread[T]: ...


def awaited(method: Callable[Concatenate[T, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[_Front[T], P], R]:
    """A method that waits for the result of the same method in the loop."""

    @wraps(method)
    def call(self: _Front[T], *args: P.args, **kwargs: P.kwargs) -> R:
        return self.loop_thread.run(method(self.loop_thread.opened, *args, **kwargs))

    return call


def awaited_items(
    method: Callable[Concatenate[T, P], AsyncIterator[R]],
) -> Callable[Concatenate[_Front[T], P], Iterator[R]]:
    """A method that waits for the items of the same method in the loop, one by one."""

    @wraps(method)
    def call(self: _Front[T], *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self.loop_thread.iterate(method(self.loop_thread.opened, *args, **kwargs))

    return call
