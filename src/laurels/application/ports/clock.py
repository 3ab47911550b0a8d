"""The clock: the only way in which the use cases learn the time, so that a test can set it."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], int]
"""The present instant in milliseconds since the epoch."""
