"""The list of users, page by page, ascending by id: all of them, or the results of a search.

A search examines one page of users after the other, within a bound, because no store has an index of names.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from msgspec import Struct

from laurels.application.ports.store import Store
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.application.queries.views import UserView
from laurels.errors import UnknownUser

_PAGE = 1_000
# The maximum number of users examined for one page of a search with few results.
_MOST_SEARCHED = 20_000


class UserPage(Struct, frozen=True):
    """Users; `next` is the start of the next page, None at the end."""

    users: list[UserView]
    next: str | None


async def list_users(
    store: Store, learners: LearnerQueries, *, after: str, limit: int, containing: str = "", rest: float = 0.0
) -> UserPage:
    """The first `limit` users whose id is above `after` and whose id or name contains a text, in any case.

    Examines at most some ten thousand users: if there may be more, `next` says where to continue, even if none was
    found. Between two pages of a search it rests for `rest` times as long as the page took. Raises StoreError.
    """
    found: list[str] = []
    searched, place, is_end, started = 0, after, False, 0.0
    while len(found) < limit and searched < _MOST_SEARCHED and not is_end:
        if searched:
            await asyncio.sleep(rest * (monotonic() - started))
        started = monotonic()
        wanted = _PAGE if containing else limit - len(found)
        user_ids = await store.ledger.users(after=place, limit=wanted)
        is_end = len(user_ids) < wanted
        for user_id in await _containing(store, user_ids, containing) if containing else user_ids:
            if len(found) == limit:
                is_end = False
                break
            found.append(user_id)
            place = user_id
        else:
            place = user_ids[-1] if user_ids else place
        searched += len(user_ids)
    users = await asyncio.gather(*(_view(learners, user_id) for user_id in found))
    return UserPage([user for user in users if user is not None], None if is_end else place)


async def _containing(store: Store, user_ids: list[str], text: str) -> list[str]:
    wanted = text.casefold()
    cards = await store.boards.cards(user_ids)
    return [
        user_id
        for user_id in user_ids
        if wanted in user_id.casefold()
        or ((card := cards.get(user_id)) is not None and wanted in (card.display_name or "").casefold())
    ]


async def _view(learners: LearnerQueries, user_id: str) -> UserView | None:
    try:
        return learners.user(await learners.progress(user_id))
    except UnknownUser:
        # Deleted in the meantime, or known only from an event that is not in the ledger yet.
        return None
