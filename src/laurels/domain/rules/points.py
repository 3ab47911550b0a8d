"""The pay of one event by its type.

It depends only on the type and the metadata, so a replay reaches the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

Points = Annotated[int, Meta(ge=0, le=1_000_000)]


class Bonus(Struct, frozen=True, forbid_unknown_fields=True):
    """`points` more when the metadata field `field` is a number greater than `above`."""

    field: Annotated[str, Meta(min_length=1, max_length=100)]
    above: float
    points: Points


class EventType(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of event that the rulebook declares, and its pay.

    In a local day at most `max_per_day` events are paid, and at most `max_points_per_day` points; two paid events must
    be at least `cooldown` seconds apart.
    """

    points: Points
    bonuses: list[Bonus] = []
    description: str = ""
    # Unset rather than None: a rulebook without limits keeps the fingerprint from before limits existed.
    max_per_day: Annotated[int, Meta(ge=1, le=100_000)] | UnsetType = UNSET
    max_points_per_day: Annotated[int, Meta(ge=1, le=100_000_000)] | UnsetType = UNSET
    cooldown: Annotated[int, Meta(ge=1, le=86_400)] | UnsetType = UNSET

    @property
    def is_limited(self) -> bool:
        """Whether an event of this type may bring less than `points_for` returns."""
        return self.has_daily_cap or self.cooldown is not UNSET

    @property
    def has_daily_cap(self) -> bool:
        """Whether a local day has a cap on its events or points."""
        return self.max_per_day is not UNSET or self.max_points_per_day is not UNSET

    def points_for(self, metadata: Mapping[str, Any]) -> int:
        """Points of one event: the base and every bonus that its metadata meets."""
        points = self.points
        for bonus in self.bonuses:
            value = metadata.get(bonus.field)
            if isinstance(value, int | float) and not isinstance(value, bool) and value > bonus.above:
                points += bonus.points
        return points
