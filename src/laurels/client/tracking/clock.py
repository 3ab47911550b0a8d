"""Measures the error of this machine's clock, so that events get the right time."""

from __future__ import annotations

import time
from collections.abc import Mapping

from laurels.client.errors import instant_of

# Below this, an answer's delay and the header's whole seconds matter more than the clock's error.
_TOLERANCE = 60.0


class ServerClock:
    """How far this machine's clock is behind the service's, according to the `Date` header of answers."""

    def __init__(self) -> None:
        self.is_known = False
        self.correction = 0

    def observe(self, headers: Mapping[str, str], sent_at: float) -> None:
        """Compare with an answer to a request that was sent at `sent_at` (seconds) by this machine's clock."""
        server = instant_of(headers.get("date", ""))
        if server is None:
            return
        # The header is cut to seconds; the service read its clock at some time between sending and answer.
        difference = server + 0.5 - (sent_at + time.time()) / 2
        self.correction = round(1_000 * difference) if abs(difference) > _TOLERANCE else 0
        self.is_known = True
