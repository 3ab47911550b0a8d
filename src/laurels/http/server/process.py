"""Settings of a server process that it makes once."""

from __future__ import annotations

import gc
from typing import Any

# New objects before the collector scans the youngest generation, and how often it does so before it scans the older
# ones.
COLLECT_AFTER = (50_000, 20, 50)


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows: each connection is one."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ModuleNotFoundError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted: Any = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def tune_collector() -> None:
    """Make the garbage collector run less often, and never scan the objects loaded so far again.

    Nearly everything that a request makes is freed with its last reference. The progress of users stays, which is many
    small objects without cycles: scanning them took a tenth of the server's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
