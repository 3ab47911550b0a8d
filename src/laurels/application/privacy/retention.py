"""Users who have been inactive for so long that they are to be deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator

from laurels.application.maintenance.ledger_scan import pages_of_users
from laurels.application.ports.store import Store
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.errors import UnknownUser


async def inactive_users(store: Store, learners: LearnerQueries, *, before: int) -> AsyncIterator[str]:
    """Users whose last event happened before the instant `before`, and whose first entry was recorded before it.

    For a user without an event only the first entry counts. The time of an event is when it happened, not when it was
    recorded.
    """
    async for users in pages_of_users(store):
        cards = await store.boards.cards(users)
        for user_id in users:
            # A card may be behind, but a later event is never taken back.
            card = cards.get(user_id)
            if card is not None and card.last_active_at is not None and card.last_active_at >= before:
                continue
            if await _is_inactive(learners, user_id, before):
                yield user_id


async def _is_inactive(learners: LearnerQueries, user_id: str, before: int) -> bool:
    """Decided by the ledger itself, up to this moment."""
    try:
        progress = await learners.progress(user_id)
    except UnknownUser:
        return False
    if progress.merged_into is not None:
        # Deleted together with the user who holds their events; some of these may still have to be moved.
        return False
    last = progress.created_at if progress.last_active_at is None else progress.last_active_at
    return max(last, progress.created_at) < before
