"""Who may wait for a document: each takes a processor for a tenth of a second, so they are made one after the other.

Without a bound one caller who asks for hundreds at once holds up everybody else's, and takes the places of requests
that cost next to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from laurels.counts import counted
from laurels.http.auth.access import Caller
from laurels.http.wire.refusal import Refusal

_RETRY_AFTER_SECONDS = 2


class DocumentQueue:
    """At most `in_all` requests for documents at once, of them so many `of_key` or `of_user`."""

    def __init__(self, *, in_all: int = 40, of_key: int = 20, of_user: int = 2) -> None:
        self._in_all = in_all
        self._of_key = of_key
        self._of_user = of_user
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def entering(self, caller: Caller) -> Generator[None]:
        """Count a request in while the block runs. Raises Refusal."""
        name = caller.name or ""
        most = self._of_key if caller.user_id is None else self._of_user
        if self._waiting[name] >= most:
            raise _refusal(429, f"One caller may wait for {counted(most, 'document')} at once; take those first.")
        if self._waiting.total() >= self._in_all:
            raise _refusal(503, "As many documents are being made as this server makes at once; try again in a moment.")
        self._waiting[name] += 1
        try:
            yield
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name]


def _refusal(status: int, detail: str) -> Refusal:
    return Refusal(status, detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
