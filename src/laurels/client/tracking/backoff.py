"""How long to wait after a failure."""

from __future__ import annotations

import random

FIRST = 1.0
LONGEST = 60.0
DAY = 86_400.0


def back_off(failures: int, retry_after: float | None) -> float:
    """Seconds to wait after the failure number `failures`, from 0; or as long as the service asks for and a little
    more, so that clients that failed together do not come back together."""
    jitter = random.random()  # noqa: S311  nothing is secret in it
    if retry_after is not None:
        return min(retry_after, DAY) + jitter * FIRST
    return min(LONGEST, FIRST * 2 ** min(failures, 10)) * (0.5 + jitter / 2)
