"""A line of a board as a view: the standing, with what its card shows beside it."""

from __future__ import annotations

from msgspec.structs import replace

from laurels.application.ports.boards import Card
from laurels.application.queries.names import Names
from laurels.application.queries.views import LeaderboardRow
from laurels.domain.periods import iso
from laurels.domain.ranking import Standing


def row_view(
    standing: Standing, rank: int, previous_rank: int | None, card: Card | None, names: Names
) -> LeaderboardRow:
    """A row of a board; without its name and photo where the user stands there under an alias."""
    if card is not None and card.pseudonym is not None:
        # Nothing by which they could be told: points and level are what a board is about.
        card = replace(
            card,
            user_id=card.pseudonym,
            display_name=card.alias,
            photo_url=None,
            badges=[],
            last_active_at=None,
        )
    at = card.last_active_at if card else None
    user_id = card.user_id if card else standing.user_id
    name = card.display_name if card else None
    return LeaderboardRow(
        id=user_id,
        rank=rank,
        previous_rank=previous_rank,
        user_id=user_id,
        display_name=name or names.of(user_id),
        has_name=name is not None,
        photo_url=card.photo_url if card else None,
        points=standing.points,
        total_points=card.total_points if card else standing.points,
        level=card.level if card else 1,
        badges=card.badges if card else [],
        last_active_at=None if at is None else iso(at),
    )
