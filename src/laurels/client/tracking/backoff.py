"""The waiting time after a failure."""

from __future__ import annotations

import random

from msgspec import Struct

DAY = 86_400.0
_LONGEST = 60
"""The longest wait, in first waits."""


class Backoff(Struct, frozen=True):
    """Waits that double from `first` seconds to sixty times that."""

    first: float

    def seconds(self, failures: int, retry_after: float | None) -> float:
        """Seconds to wait after the failure number `failures`, from 0. If the service asks for a delay, that delay and
        a little more, so that clients that failed together do not come back together."""
        jitter = random.random()  # noqa: S311  nothing is secret in it
        if retry_after is not None:
            return min(retry_after, DAY) + jitter * self.first
        return self.first * min(_LONGEST, 2 ** min(failures, 10)) * (0.5 + jitter / 2)
