"""The result of one check of a service and its store, for the person who operates it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warn", "fail"]


class Check(Struct, frozen=True):
    """One check: its finding, and the remedy if there is one."""

    name: str
    level: Level
    detail: str
    advice: str = ""
