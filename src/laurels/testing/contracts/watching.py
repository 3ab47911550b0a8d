"""The contract's part on watching: watchers learn of the writes of any handle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import pytest

from laurels.application.ports.store import Store
from laurels.errors import StoreUnavailable
from laurels.testing.builders import event_entry, history
from laurels.testing.handles import OpenStore

# Seconds; the contract says one, on an idle machine.
SOON = 5.0

Changes = AsyncGenerator[Mapping[str, int] | None]


async def _told_of(changes: Changes, user_id: str, seq: int, reader: Store) -> None:
    """Return when the watch has reported an entry, which must then be readable."""
    async with asyncio.timeout(SOON):
        async for reached in changes:
            may_be_there = reached is None or reached.get(user_id, 0) >= seq
            if may_be_there and len(await reader.ledger.entries(user_id)) >= seq:
                return
            assert reached is None or not may_be_there, "told of what cannot be read"


class WatchContract:
    """`watch`."""

    async def test_the_first_that_is_told_is_that_it_has_begun(self, open_store: OpenStore) -> None:
        store = await open_store()
        async with aclosing(store.ledger.watch()) as changes, asyncio.timeout(SOON):
            assert await anext(changes) is None

    async def test_what_any_handle_appends_is_told_of(self, open_store: OpenStore) -> None:
        watching, other = await open_store(), await open_store()
        async with aclosing(watching.ledger.watch()) as changes:
            await anext(changes)
            for seq, writer in enumerate([other, watching, other], 1):
                await writer.ledger.append([event_entry("ada", seq)])
                await _told_of(changes, "ada", seq, watching)

    async def test_a_silent_time_does_not_end_it(self, open_store: OpenStore) -> None:
        watching, other = await open_store(), await open_store()
        async with aclosing(watching.ledger.watch()) as changes:
            await anext(changes)
            telling = asyncio.create_task(_told_of(changes, "ada", 3, watching))
            await asyncio.sleep(1.2)
            assert not telling.done()
            await other.ledger.append(history(length=3))
            await telling

    async def test_nothing_is_missed_while_nobody_listens(self, open_store: OpenStore) -> None:
        watching, other = await open_store(), await open_store()
        users = [f"user {number}" for number in range(40)]
        async with aclosing(watching.ledger.watch()) as changes:
            await anext(changes)
            for user_id in users:
                await other.ledger.append(history(user_id, 2))
            missing = set(users)
            async with asyncio.timeout(SOON):
                while missing:
                    reached = await anext(changes)
                    if reached is None:
                        found = {user_id for user_id in missing if len(await watching.ledger.entries(user_id)) == 2}
                    else:
                        found = {user_id for user_id, seq in reached.items() if seq == 2}
                    missing -= found

    async def test_several_may_watch_and_one_may_leave(self, open_store: OpenStore) -> None:
        watching, other = await open_store(), await open_store()
        leaving = watching.ledger.watch()
        async with aclosing(watching.ledger.watch()) as one, aclosing(other.ledger.watch()) as two:
            for changes in (leaving, one, two):
                await anext(changes)
            await leaving.aclose()
            await other.ledger.append(history(length=1))
            await asyncio.gather(_told_of(one, "ada", 1, watching), _told_of(two, "ada", 1, other))

    async def test_closing_the_store_ends_it(self, open_store: OpenStore) -> None:
        store = await open_store()
        changes = store.ledger.watch()
        await anext(changes)

        async def rest() -> None:
            async for _ in changes:
                pass

        waiting = asyncio.create_task(rest())
        await asyncio.sleep(0.05)
        await store.close()
        async with asyncio.timeout(SOON):
            with pytest.raises(StoreUnavailable):
                await waiting
