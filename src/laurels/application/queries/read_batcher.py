"""Reads of users' progress that come at the same time, asked of the store together.

As with writes, nobody waits for a timer: one reader alone asks at once, and those who come while that is under way
share the next question. What they are told is never older than their own asking.
"""

from __future__ import annotations

import asyncio

from laurels.application.ports.ledger import Loaded
from laurels.application.ports.store import Store
from laurels.domain.rules.rulebook import Rulebook

# Questions under way at once, and users in each: as many as a store's readers can work on.
_QUESTIONS = 2
_USERS = 64

_Asked = tuple[int | None, "asyncio.Future[Loaded]"]


class ReadBatcher:
    """Asks one store about users, as of snapshots that fit the rulebook."""

    def __init__(self, store: Store, rulebook: Rulebook) -> None:
        self._store = store
        self._rulebook = rulebook
        self._waiting: dict[str, list[_Asked]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def read(self, user_id: str, head: int | None) -> Loaded:
        """What `LedgerStore.read` tells of one user beyond `head`, and perhaps of others. Raises StoreError."""
        answer: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user_id, []).append((head, answer))
        self._ask()
        return await answer

    def _ask(self) -> None:
        if not self._waiting or len(self._under_way) >= _QUESTIONS:
            return
        asked = {user_id: self._waiting.pop(user_id) for user_id in list(self._waiting)[:_USERS]}
        task = asyncio.create_task(self._answer(asked), name="laurels-read")
        self._under_way.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._ask()

    async def _answer(self, asked: dict[str, list[_Asked]]) -> None:
        # Of one who is asked about twice, from the earlier place: entries that a reader has are passed over.
        known_seqs = {
            user_id: None if any(head is None for head, _ in each) else min(head or 0 for head, _ in each)
            for user_id, each in asked.items()
        }
        answers = [answer for each in asked.values() for _, answer in each]
        try:
            found = await self._store.ledger.read(known_seqs, self._rulebook.measures_version)
        except BaseException as error:
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for answer in answers:
            if not answer.done():
                answer.set_result(found)
