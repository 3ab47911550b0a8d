"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import settings


def share_of(count: int) -> int:
    """`count` with --long; in ordinary runs the share of it that the profile in `conftest.py` states."""
    return max(1, count * settings().max_examples // 100)
