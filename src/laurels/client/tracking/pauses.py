"""How long to wait after a failure, and how far this machine's clock is off."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from laurels.client.errors import instant_of

FIRST = 1.0
LONGEST = 60.0
DAY = 86_400.0
# Below this an answer's delay and the header's whole seconds count for more than the clock's error.
_TOLERANCE = 60.0


def back_off(failures: int, retry_after: float | None) -> float:
    """Seconds to wait after the failure number `failures`, from 0; or as long as the service asks for and a little
    more, so that clients that failed together do not come back together."""
    jitter = random.random()  # noqa: S311  nothing is secret in it
    if retry_after is not None:
        return min(retry_after, DAY) + jitter * FIRST
    return min(LONGEST, FIRST * 2 ** min(failures, 10)) * (0.5 + jitter / 2)


class ServerClock:
    """By how much this machine's clock is behind the service's, as the `Date` header of answers shows it."""

    def __init__(self) -> None:
        self.is_known = False
        self.correction = 0

    def observe(self, headers: Mapping[str, str], sent_at: float) -> None:
        """Compare with an answer to a request that was sent at `sent_at` (seconds) by this machine's clock."""
        server = instant_of(headers.get("date", ""))
        if server is None:
            return
        # The header is cut to seconds; the service looked at its clock somewhere between sending and answer.
        difference = server + 0.5 - (sent_at + time.time()) / 2
        self.correction = round(1_000 * difference) if abs(difference) > _TOLERANCE else 0
        self.is_known = True
