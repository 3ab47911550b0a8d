"""Clocks that only move when told to, so that a test decides the time."""

from __future__ import annotations

from datetime import datetime, timedelta

from laurels.domain.periods import to_datetime, to_ms


class SettableClock:
    """A `Clock` that a test sets. Returns the present instant when called, in milliseconds since the epoch."""

    def __init__(self, now: int | datetime) -> None:
        self.now = now if isinstance(now, int) else to_ms(now)

    def __call__(self) -> int:
        return self.now

    @property
    def moment(self) -> datetime:
        """The same instant as an aware UTC datetime."""
        return to_datetime(self.now)

    def set(self, now: int | datetime) -> None:
        """Return `now` (milliseconds, or an aware datetime) from here on; earlier than before is allowed."""
        self.now = now if isinstance(now, int) else to_ms(now)

    def advance(self, by: timedelta) -> None:
        """Move on by `by`."""
        self.now += by // timedelta(milliseconds=1)
