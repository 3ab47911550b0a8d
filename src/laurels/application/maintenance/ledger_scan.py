"""Iterates over whole ledgers: all users of a store in portions, and the ledgers of many users in one read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.store import Store
from laurels.domain.ledger.entries import Entry

# Users per portion of work, and per read of ledgers: in the worst case `LATER_LIMIT` entries of each.
USERS = 200
_TOGETHER = 50


async def pages_of_users(store: Store, size: int = USERS) -> AsyncGenerator[list[str]]:
    """All users of a store, in portions of work."""
    after = ""
    while users := await store.ledger.users(after=after, limit=size):
        after = users[-1]
        yield users


async def first_entries(store: Store, users: Sequence[str]) -> AsyncGenerator[tuple[str, list[Entry]]]:
    """Each user with the first entries of their ledger, up to `LATER_LIMIT`; an empty list for a deleted user.

    Most ledgers are short, so one read returns those of many users.
    """
    for start in range(0, len(users), _TOGETHER):
        some = users[start : start + _TOGETHER]
        found = await store.ledger.read(dict.fromkeys(some, 0), "")
        for user_id in some:
            # Released along the way: the long ledgers of many users take much memory together.
            yield user_id, found.later.pop(user_id, [])


async def ledger_pages(store: Store, user_id: str, first: list[Entry]) -> AsyncIterator[list[Entry]]:
    """The entries of a user whose `first` ones up to `LATER_LIMIT` were already read, in pages."""
    page = first
    while page:
        yield page
        if len(page) < LATER_LIMIT:
            return
        page = await store.ledger.entries(user_id, after=page[-1].seq, limit=LATER_LIMIT)


async def entries_of(store: Store, user_id: str, first: list[Entry]) -> AsyncIterator[Entry]:
    """The same, one by one."""
    async for page in ledger_pages(store, user_id, first):
        for entry in page:
            yield entry
