"""Who earned a badge first, and who last: of those who stand on the boards as themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from laurels.application.ports.boards import Card, Holder
from laurels.application.ports.store import Store
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.domain.rules.rulebook import Rulebook

SHOWN = 5


class HolderView(Struct, frozen=True):
    """Somebody who holds a badge, and the day of the boards on which they first earned it."""

    user_id: str
    display_name: str
    has_name: bool
    earned_on: date


class HoldersView(Struct, frozen=True):
    """The first ones, the first of them first, and the latest ones, the last of them first; nobody stands in both."""

    first: list[HolderView]
    latest: list[HolderView]


class BadgeHolders:
    """Reads over one store. Who appears under an alias or not at all is never among those whom it names."""

    def __init__(self, store: Store, rulebook: Rulebook, names: PlaceholderNames) -> None:
        self._store = store
        self._rulebook = rulebook
        self._names = names

    async def of(self, badge_id: str) -> HoldersView:
        """The first and the latest holders of a badge; nobody of a hidden one, or one that there is not. They lag
        behind as boards do. Raises StoreError."""
        badge = self._rulebook.badge(badge_id)
        if badge is None or badge.hidden:
            return HoldersView([], [])
        boards = self._store.boards
        first, latest = await asyncio.gather(
            boards.first_holders(badge_id, limit=SHOWN), boards.latest_holders(badge_id, limit=SHOWN)
        )
        early = {holder.user_id for holder in first}
        latest = [holder for holder in latest if holder.user_id not in early]
        cards = await boards.cards({*early, *(holder.user_id for holder in latest)})
        return HoldersView(self._views(first, badge_id, cards), self._views(latest, badge_id, cards))

    def _views(self, holders: Sequence[Holder], badge_id: str, cards: dict[str, Card]) -> list[HolderView]:
        return [self._view(each, cards[each.user_id]) for each in holders if _shows(cards.get(each.user_id), badge_id)]

    def _view(self, holder: Holder, card: Card) -> HolderView:
        name = card.display_name
        day = date.fromordinal(self._rulebook.board_day(holder.earned_at))
        return HolderView(holder.user_id, name or self._names.of(holder.user_id), name is not None, day)


def _shows(card: Card | None, badge_id: str) -> bool:
    # They may have left or lost the badge since the look into the index.
    return card is not None and bool(card.earned_at) and badge_id in card.badges
