"""What a process that serves sets for itself once."""

from __future__ import annotations

import gc
from typing import Any

# New objects before the collector looks at the youngest, and how often it does so before it looks at the older ones.
COLLECT_AFTER = (50_000, 20, 50)


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it: each connection is one."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ModuleNotFoundError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted: Any = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def tune_collector() -> None:
    """Have the garbage collector look more rarely, and never again at what is loaded by now.

    Nearly all that a request makes is gone with its last reference. What stays is the progress of users, many small
    objects without cycles: going through them took a tenth of the server's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
