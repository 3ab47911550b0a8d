"""Deleting a learner: everything that is held of them, everywhere, for good.

The tombstone comes first: from then on nothing is recorded for the learner. The process that got the request then
removes all data, and does so again a minute later, to catch writes that were under way. Until then the tombstone keeps
the id itself, so that every process of the service learns which user to forget; after that it keeps only the hash. An
interrupted deletion is therefore finished by any running process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from time import monotonic

from laurels.application.background import BackgroundTask
from laurels.application.maintenance.merging import absorbed_by
from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import Spool
from laurels.application.ports.store import Store
from laurels.domain.events import check_id
from laurels.domain.tombstones import Tombstone
from laurels.errors import InvalidQuery, UnknownUser

# Seconds between two looks for users that other processes have deleted.
LOOK_EVERY = 1.0
# Seconds for which an id is kept: longer than any write that began before the tombstone can take.
GRACE = 60.0

Forget = Callable[[Collection[str]], Awaitable[None]]
Deleted = Callable[[str, int], Awaitable[None]]


async def delete_user(store: Store, clock: Clock, spool: Spool | None, user_id: str) -> Tombstone:
    """Delete a user. A second call finishes any remaining work and returns the same tombstone.

    Raises UnknownUser for an id without any data and without a tombstone: a mistyped id would be blocked for ever.
    """
    check_id(user_id, "userId", InvalidQuery)
    found = (await store.tombstones.find((user_id,))).get(user_id)
    if found is None and not await _is_held(store, spool, user_id):
        raise UnknownUser(user_id)
    if found is None or found.is_open:
        found = await store.tombstones.mark_deleted(user_id, clock())
    # Also long after it: `verify` may have found something.
    await store.tombstones.purge((user_id,))
    await store.webhooks.forget(user_id)
    if spool is not None:
        await spool.forget((user_id,))
    return found


async def _is_held(store: Store, spool: Spool | None, user_id: str) -> bool:
    if await store.ledger.entries(user_id, limit=1) or await store.snapshots.projected((user_id,)):
        return True
    return spool is not None and any(await spool.events_of(user_id))


class Deletion:
    """Deletes users for one process, and follows the deletions of others.

    `forget` drops everything that this process has in memory of users. Each of `on_deleted` is called with the id and
    the instant, in order, when this process has deleted a user; at least once, also if a deletion is requested again.
    """

    def __init__(
        self, store: Store, clock: Clock, *, spool: Spool | None, forget: Forget, grace: float = GRACE
    ) -> None:
        self._store = store
        self._clock = clock
        self._spool = spool
        self._forget = forget
        self._grace = grace
        self.on_deleted: list[Deleted] = []
        # When an open tombstone was first seen (seconds, monotonic): by our own clock only.
        self._seen: dict[str, float] = {}
        self._is_begun = False
        self.task = BackgroundTask("laurels-deletion", self._turn)
        self.task.start()

    async def delete(self, user_id: str, *, spool: Spool | None = None) -> Tombstone:
        """See `delete_user`; `spool` is for a process that has no spool of its own beside servers that have one.

        Users who were merged into this one are deleted first, so that a repeated request finds those that are left.
        When this returns, nothing of the user is shown any more. Raises UnknownUser, InvalidQuery or StoreError.
        """
        check_id(user_id, "userId", InvalidQuery)
        for other in await absorbed_by(self._store, user_id):
            await self.delete(other, spool=spool)
        found = await delete_user(self._store, self._clock, self._spool or spool, user_id)
        await self._forget((user_id,))
        if found.is_open:
            for told in self.on_deleted:
                await told(user_id, found.deleted_at)
        return found

    async def sweep(self) -> None:
        """Forget users that others have deleted, continue interrupted deletions, and close tombstones that no pending
        write can affect any more.

        Raises StoreError.
        """
        open_now = await self._store.tombstones.open_ids()
        now = monotonic()
        new = [user_id for user_id in open_now if user_id not in self._seen]
        if new:
            await self._forget(new)
            if self._spool is not None:
                await self._spool.forget(new)
        if not self._is_begun:
            # A process may have been killed in the middle of it.
            await self._store.tombstones.purge(new)
            await self._clear_set_aside()
            self._is_begun = True
        self._seen = {user_id: self._seen.get(user_id, now) for user_id in open_now}
        due = [user_id for user_id, seen_at in self._seen.items() if now - seen_at >= self._grace]
        if due:
            left = await self._store.tombstones.purge(due)
            for user_id in due:
                # One of their messages may have been in transit when they were deleted.
                await self._store.webhooks.forget(user_id)
            await self._store.tombstones.close([user_id for user_id in due if user_id not in left])

    async def close(self) -> None:
        """Stop. The next process finishes the rest."""
        await self.task.close()

    async def _clear_set_aside(self) -> None:
        """Remove events of users who were deleted while this machine was away. Waiting events are refused when their
        turn comes; the events set aside are removed here."""
        if self._spool is not None and (users := await self._spool.set_aside_users()):
            await self._spool.forget(list(await self._store.tombstones.find(users)))

    async def _turn(self) -> float:
        await self.sweep()
        return LOOK_EVERY
