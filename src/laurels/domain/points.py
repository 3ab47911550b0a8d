"""What one event of a type pays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

Points = Annotated[int, Meta(ge=0, le=1_000_000)]


class Bonus(Struct, frozen=True, forbid_unknown_fields=True):
    """`points` more when the metadata field `field` is a number greater than `above`."""

    field: Annotated[str, Meta(min_length=1, max_length=100)]
    above: float
    points: Points


class EventType(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of event that the rulebook declares, and its pay."""

    points: Points
    bonuses: list[Bonus] = []
    description: str = ""

    def points_for(self, metadata: Mapping[str, Any]) -> int:
        """Points of one event: the base and every bonus that its metadata meets."""
        points = self.points
        for bonus in self.bonuses:
            value = metadata.get(bonus.field)
            if isinstance(value, int | float) and not isinstance(value, bool) and value > bonus.above:
                points += bonus.points
        return points
