"""What somebody who looks after a service is told of one thing that it needs."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warn", "fail"]


class Check(Struct, frozen=True):
    """One thing that was looked at: what was found, and where there is anything to do about it, what."""

    name: str
    level: Level
    detail: str
    advice: str = ""
