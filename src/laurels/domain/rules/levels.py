"""From total points to a level and back.

The curve is data of the rulebook; both forms implement the same two methods.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from math import isqrt
from typing import Annotated

from msgspec import Meta, Struct

from laurels.errors import RulebookError


class QuadraticLevels(Struct, frozen=True, tag="quadratic", tag_field="kind", forbid_unknown_fields=True):
    """Level n starts at `step` * n * (n - 1) total points; there is no last level."""

    step: Annotated[int, Meta(ge=1, le=1_000_000)]

    def start_of(self, level: int) -> int | None:
        """Total points at which `level` starts; None past the end of a finite curve."""
        return self.step * level * (level - 1)

    def level_at(self, points: int) -> int:
        """The level that `points` total points reach; 1 at the least."""
        if points <= 0:
            return 1
        # Largest n with n * (n - 1) <= points / step, from the root of n^2 - n - points/step.
        return (1 + isqrt(1 + 4 * (points // self.step))) // 2


class TableLevels(Struct, frozen=True, tag="table", tag_field="kind", forbid_unknown_fields=True):
    """Level n starts at the n-th number of `starts`; the last level has no end."""

    starts: Annotated[list[int], Meta(min_length=1, max_length=10_000)]

    def start_of(self, level: int) -> int | None:
        """Total points at which `level` starts; None past the end of a finite curve."""
        return self.starts[level - 1] if level <= len(self.starts) else None

    def level_at(self, points: int) -> int:
        """The level that `points` total points reach; 1 at the least."""
        return max(1, bisect_right(self.starts, points))


Levels = QuadraticLevels | TableLevels


def level_faults(levels: Levels, key: str) -> Iterator[RulebookError]:
    """The fault of levels that do not rise; `key` is their place in the rulebook."""
    if isinstance(levels, TableLevels) and (levels.starts[0] != 0 or any(a >= b for a, b in pairwise(levels.starts))):
        yield RulebookError(f"{key}.starts", "Must begin with 0 and rise from level to level.")


class LevelProgress(Struct, frozen=True, rename="camel"):
    """A total's place within its level. `next_level_at` is None and `fraction` 1.0 on the last level."""

    level: int
    points: int
    next_level_at: int | None
    fraction: float


def level_progress(levels: Levels, points: int) -> LevelProgress:
    """The place of `points` total points between the start of their level and that of the next."""
    level = levels.level_at(points)
    start = levels.start_of(level) or 0
    following = levels.start_of(level + 1)
    if following is None:
        return LevelProgress(level, points, None, 1.0)
    # Not rounded up to 1.0: that would say that the next level is reached.
    fraction = min(round((points - start) / (following - start), 4), 0.9999)
    return LevelProgress(level, points, following, fraction)
