"""How much one caller may send at a time."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """The largest bodies taken, in bytes: of a single request, and of a batch."""

    event_bytes: int
    batch_bytes: int
