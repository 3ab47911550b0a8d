"""Notifies running requests that the server is about to stop, and stops a worker process whose supervisor is gone.

A stopping server waits for the running answers, and only then ends the application. A live stream has no end of its
own, so it must notice the signal itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop_with_supervisor() -> None:
    """Stop this process as a signal would, once the supervisor that started it as a worker has ended for any reason:
    nobody else would end the worker, and it would keep the port. Does nothing in a process that is no worker."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def wait() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="laurels-supervisor", daemon=True).start()


@contextmanager
def stop_on_signal(stop: Callable[[], None]) -> Generator[None]:
    """Within the block, call `stop` on the running loop when a signal asks the process to end; other handlers of the
    signal still run. Only the main thread receives signals: elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    # Without a handler, a signal ends the process, and its streams with it.
    mine = [number for number, handler in before.items() if callable(handler)]
    for number in mine:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in mine:
            if signal.getsignal(number) is handle:
                signal.signal(number, before[number])
