"""The rows of a board: each a standing with its rank, the previous rank, and the visible data of its user's card.

Ranks and cards are read for a whole page at once, so that a page costs few queries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import takewhile

from msgspec import UNSET
from msgspec.structs import replace

from laurels.application.ports.boards import Card
from laurels.application.ports.store import Store
from laurels.application.queries.board_views import LeaderboardRow
from laurels.application.queries.boards.asked_board import AskedBoard
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.domain.boards.ranking import Standing, alias_order, is_alias_order, ranks_of
from laurels.domain.periods import iso
from laurels.domain.rules.rulebook import Rulebook


class Rows:
    """Makes the rows of one store's boards. All methods raise StoreError."""

    def __init__(self, store: Store, rulebook: Rulebook, names: PlaceholderNames) -> None:
        self._store = store
        self._rulebook = rulebook
        self._names = names

    async def of_page(self, asked: AskedBoard, standings: list[Standing], *, is_top: bool) -> list[LeaderboardRow]:
        """The rows of a page; `is_top`: no user is above its first row."""
        if not standings:
            return []
        user_ids = [standing.user_id for standing in standings]
        ranks, ranks_before, cards, levels = await asyncio.gather(
            self._ranks(asked.board, [standing.points for standing in standings], is_top=is_top),
            self.ranks_before(asked, user_ids),
            self._store.boards.cards(user_ids),
            self.currency_levels(asked, standings),
        )
        return [
            row_view(
                standing,
                rank,
                ranks_before.get(standing.user_id),
                card,
                self._names,
                levels.get(standing.user_id),
            )
            for standing, rank in zip(standings, ranks, strict=True)
            if (card := card_for(standing, cards)) is not None
        ]

    async def currency_levels(self, asked: AskedBoard, standings: Sequence[Standing]) -> dict[str, int]:
        """The levels in the currency of a board, by all that was ever earned of it; empty where it has none."""
        currency = None if asked.currency is None else self._rulebook.currencies.get(asked.currency)
        if currency is None or currency.levels is None or not standings:
            return {}
        if asked.board != asked.all_time:
            standings = await self._store.boards.standings_of(asked.all_time, [line.user_id for line in standings])
        return {line.user_id: currency.levels.level_at(line.points) for line in standings}

    async def ranks_before(self, asked: AskedBoard, user_ids: Sequence[str]) -> dict[str, int]:
        """The users' ranks in the period before; users without one are left out."""
        before = asked.before
        if before is None:
            return {}
        lines = await self._store.boards.standings_of(before, user_ids)
        # Users with equal points had the same rank: one count serves them all.
        above = await self._store.boards.counts_above(before, {line.points for line in lines})
        return {line.user_id: 1 + above[line.points] for line in lines}

    async def _ranks(self, board: str, points: Sequence[int], *, is_top: bool) -> list[int]:
        """The ranks of a page's lines, which have these points."""
        if is_top:
            return ranks_of(points)
        # Lines of earlier pages may share the first line's points: positions are known only from the next points on.
        ties = sum(1 for _ in takewhile(points[0].__eq__, points))
        above = await self._store.boards.counts_above(board, set(points[: ties + 1]))
        below = [above[points[ties]] + rank for rank in ranks_of(points[ties:])] if ties < len(points) else []
        return [1 + above[points[0]]] * ties + below


def card_for(standing: Standing, cards: Mapping[str, Card]) -> Card | None:
    """The card of a line's user; None if it says nothing about this line, which must then not be shown.

    Cards are read after the lines, and a store may write them before. A user under an alias may have been deleted or
    have left the boards in between: then the card no longer hides who they are.
    """
    card = cards.get(standing.user_id)
    if card is None or not is_alias_order(standing.reached_at):
        return card
    return card if card.pseudonym is not None and alias_order(card.pseudonym) == standing.reached_at else None


def row_view(
    standing: Standing,
    rank: int,
    previous_rank: int | None,
    card: Card,
    names: PlaceholderNames,
    currency_level: int | None = None,
) -> LeaderboardRow:
    """A row of a board; without name and photo if the user appears there under an alias. `card`: see `card_for`."""
    if card.pseudonym is not None:
        # No data that could identify them; points and level are the purpose of a board.
        card = replace(
            card,
            user_id=card.pseudonym,
            display_name=card.alias,
            photo_url=None,
            badges=[],
            last_active_at=None,
        )
    at, name = card.last_active_at, card.display_name
    return LeaderboardRow(
        id=card.user_id,
        rank=rank,
        previous_rank=previous_rank,
        user_id=card.user_id,
        display_name=name or names.of(card.user_id),
        has_name=name is not None,
        photo_url=card.photo_url,
        points=standing.points,
        total_points=card.total_points,
        level=card.level,
        currency_level=UNSET if currency_level is None else currency_level,
        badges=card.badges,
        last_active_at=None if at is None else iso(at),
    )
