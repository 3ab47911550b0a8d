"""The contract's last part: handles, from check to close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from laurels.application.ports.limits import Bucket
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.errors import StoreUnavailable
from laurels.testing.builders import (
    NOON,
    VERSION,
    api_key,
    card,
    event_entry,
    history,
    job,
    progress,
    small_rulebook,
    standing,
)
from laurels.testing.contracts.imports import lines_of
from laurels.testing.handles import OpenStore


async def _project(store: Store) -> None:
    await store.snapshots.project([Projection(progress(), {"all": standing()})], cards=[card()])


CALLS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "load": lambda store: store.ledger.load({"ada": None}, [("ada", "e1")], VERSION),
    "read": lambda store: store.ledger.read({"ada": None}, VERSION),
    "append": lambda store: store.ledger.append([event_entry(seq=9)]),
    "watch": lambda store: anext(store.ledger.watch()),
    "entries": lambda store: store.ledger.entries("ada"),
    "project": _project,
    "behind": lambda store: store.snapshots.behind(10, before=NOON),
    "cards": lambda store: store.boards.cards(["ada"]),
    "standings": lambda store: store.boards.standings("all", limit=10),
    "standings_of": lambda store: store.boards.standings_of("all", ["ada"]),
    "standing": lambda store: store.boards.standing("all", "ada"),
    "count": lambda store: store.boards.count("all"),
    "users": lambda store: store.ledger.users(),
    "projected": lambda store: store.snapshots.projected(["ada"]),
    "ranking": lambda store: store.boards.ranking("all", "ada"),
    "first_holders": lambda store: store.boards.first_holders("first", limit=5),
    "latest_holders": lambda store: store.boards.latest_holders("first", limit=5),
    "board_version": lambda store: store.boards.version(),
    "horizon": lambda store: store.boards.horizon(),
    "set_horizon": lambda store: store.boards.set_horizon(RetentionCutoff(1, 1)),
    "drop": lambda store: store.boards.drop(RetentionCutoff(1, 1), limit=10),
    "miscounted": lambda store: store.boards.miscounted(),
    "holders": lambda store: store.boards.holders(),
    "miscounted_badges": lambda store: store.boards.miscounted_badges(),
    "clear_projections": lambda store: store.snapshots.clear(),
    "describe_badges": lambda store: store.rulebook.describe(small_rulebook().badges),
    "newest_rulebook": lambda store: store.rulebook.newest(),
    "rulebook_version": lambda store: store.rulebook.version(),
    "one_rulebook": lambda store: store.rulebook.get(1),
    "add_job": lambda store: store.jobs.add(job()),
    "claim_job": lambda store: store.jobs.claim("one", now=NOON, until=NOON + 1),
    "imported_lines": lambda store: store.imports.lines("monday"),
    "note_imported": lambda store: store.imports.add("monday", lines_of([1])),
    "add_key": lambda store: store.keys.add(api_key()),
    "revoke_key": lambda store: store.keys.revoke("abcdefghijkl", NOON),
    "keys": lambda store: store.keys.all(),
    "keys_version": lambda store: store.keys.version(),
    "touch_keys": lambda store: store.keys.touch({"abcdefghijkl": NOON}),
    "webhook_backlogs": lambda store: store.webhooks.backlogs(),
    "take_tokens": lambda store: store.limits.take("one", Bucket(10, 1.0), 1, NOON),
    "check": lambda store: store.check(),
}


class HandleContract:
    """`check`, `close`, and several handles on one database."""

    async def test_check_returns_while_the_store_can_read_and_write(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await asyncio.gather(one.check(), other.check(), one.ledger.append(history(length=3)))
        await one.check()

    async def test_opening_another_handle_changes_nothing(self, open_store: OpenStore) -> None:
        one = await open_store()
        await one.ledger.append(history())
        await _project(one)
        before = await one.snapshots.projected(["ada"])
        other = await open_store()
        assert await other.ledger.entries("ada") == history()
        assert await other.snapshots.projected(["ada"]) == before

    async def test_closing_twice_does_nothing_more(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append(history())
        await store.close()
        await store.close()

    async def test_closing_finishes_what_was_asked_for_before(self, open_store: OpenStore) -> None:
        store = await open_store()
        asked = [asyncio.ensure_future(store.ledger.append([event_entry(f"user {n}", 1)])) for n in range(30)]
        projected = asyncio.ensure_future(store.snapshots.project([Projection(progress(), {})], cards=[card()]))
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.gather(*asked) == [frozenset()] * 30
        await projected
        other = await open_store()
        assert len(await other.ledger.users()) == 31

    async def test_closing_one_handle_leaves_the_others_at_work(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.close()
        assert await other.ledger.append(history()) == frozenset()

    @pytest.mark.parametrize("call", CALLS)
    async def test_after_close_every_call_raises_store_unavailable(self, open_store: OpenStore, call: str) -> None:
        store, other = await open_store(), await open_store()
        # A used and an unused handle: neither may work again after it was closed.
        await CALLS[call](store)
        await store.close()
        with pytest.raises(StoreUnavailable):
            await CALLS[call](store)
        await other.close()
        with pytest.raises(StoreUnavailable):
            await CALLS[call](other)

    async def test_a_caller_who_stops_waiting_harms_nobody(self, open_store: OpenStore) -> None:
        store = await open_store()
        waiting = [asyncio.ensure_future(store.ledger.append([event_entry(f"user {n}", 1)])) for n in range(20)]
        await asyncio.sleep(0)
        for number, task in enumerate(waiting):
            if number % 2:
                task.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [results[n] for n in range(0, 20, 2)] == [frozenset()] * 10
        assert await store.ledger.append(history("ada", 1)) == frozenset()
        assert await store.ledger.entries("ada") == history("ada", 1)
