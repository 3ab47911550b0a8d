"""Combines simultaneous reads of users' progress into one query to the store."""

from __future__ import annotations

from collections.abc import Sequence

from laurels.application.coalescing_reader import CoalescingReader
from laurels.application.ports.ledger import Loaded
from laurels.application.ports.store import Store
from laurels.domain.rules.rulebook import Rulebook

# The number of simultaneous queries, and of callers in each: as many as a store's readers can handle.
_QUESTIONS = 2
_CALLERS = 64


class ReadBatcher:
    """Reads users from one store, with the snapshots of one rulebook."""

    def __init__(self, store: Store, rulebook: Rulebook) -> None:
        self._store = store
        self._rulebook = rulebook
        self._reader = CoalescingReader(self._read, width=_QUESTIONS, size=_CALLERS)

    async def read(self, user_id: str, head: int | None) -> Loaded:
        """The result of `LedgerStore.read` for one user beyond `head`, perhaps with other users. Raises StoreError."""
        return await self._reader.ask((user_id, head))

    async def _read(self, asked: Sequence[tuple[str, int | None]]) -> Loaded:
        known_seqs: dict[str, int | None] = {}
        for user_id, head in asked:
            before = known_seqs.get(user_id, head)
            # A user who is asked for twice is read from the earlier place: a caller skips entries that it has.
            known_seqs[user_id] = None if head is None or before is None else min(head, before)
        return await self._store.ledger.read(known_seqs, self._rulebook.measures_version)
