"""Ports of loopback for servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

# Below those that the kernel gives to outgoing connections, which would take one between choice and use.
FIRST, LAST = 15_000, 32_000
# Not one that a test's seed makes repeat itself, in several processes at once.
RANDOM = random.SystemRandom()


def free_port(count: int = 1) -> int:
    """A port on which nobody listens now, nor on the `count - 1` that follow."""
    while True:
        port = RANDOM.randrange(FIRST, LAST - count)
        try:
            with ExitStack() as probes:
                for taken in range(port, port + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", taken))
        except OSError:
            continue
        return port
