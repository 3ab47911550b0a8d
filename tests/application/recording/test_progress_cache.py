"""The cache holds what the ledger says, within its bound, and forgets nobody who still waits for a projection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Never

import pytest

from laurels.application.recording.progress_cache import ProgressCache
from laurels.errors import StoreUnavailable
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.builders import NOON, event_entry, history, profile_entry, small_rulebook

RULEBOOK = small_rulebook()


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SQLiteStore]:
    opened = await SQLiteStore.open(database)
    yield opened
    await opened.close()


async def cache_of(store: SQLiteStore, *users: str, limit: int = 10_000) -> ProgressCache:
    """A cache that knows these users, with two events each."""
    for user in users:
        await store.ledger.append(history(user, 2))
    cache = ProgressCache(store, RULEBOOK, limit=limit)
    await cache.refresh(users, ())
    await cache.take_pending(100)
    return cache


class TestRefresh:
    async def test_it_brings_users_to_the_end_of_the_ledger(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob")
        assert (cache.get("ada").seq, cache.get("ada").events, len(cache)) == (2, 2, 2)
        await store.ledger.append([event_entry("ada", 3), event_entry("ada", 4)])
        await cache.refresh(["ada"], (), doubted={"ada"})
        assert (cache.get("ada").seq, cache.get("ada").events) == (4, 4)
        # What another process wrote waits for its projection here, too.
        assert [(progress.user_id, len(touched.days)) for progress, touched in await cache.take_pending(5)] == [
            ("ada", 1)
        ]

    async def test_a_user_without_entries_is_empty_and_not_shown(self, store: SQLiteStore) -> None:
        cache = await cache_of(store)
        await cache.refresh(["nobody"], ())
        assert cache.get("nobody").seq == 0
        assert cache.peek("nobody") is None
        assert cache.peek("stranger") is None

    async def test_it_finds_the_entries_behind_known_ids(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada")
        found = await cache.refresh(["ada"], [("ada", "e2"), ("ada", "e9"), ("bob", "e1")])
        assert {key: entry.seq for key, entry in found.known.items()} == {("ada", "e2"): 2}
        assert not found.deleted

    async def test_who_was_deleted_is_told_and_forgotten(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob")
        await store.tombstones.mark_deleted("ada", 5)
        found = await cache.refresh(["ada", "bob"], (), doubted={"ada", "bob"})
        assert set(found.deleted) == {"ada"}
        assert cache.peek("ada") is None
        assert cache.get("bob").seq == 2


class TestBound:
    async def test_who_was_used_longest_ago_is_forgotten_first(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob", "cem", limit=0)
        cache.get("ada")
        each = cache.weight // 3
        bounded = await cache_of(store, limit=2 * each)
        await bounded.refresh(["ada", "bob", "cem"], ())
        await bounded.take_pending(100)
        bounded.get("ada")
        bounded.trim()
        assert [user for user in ("ada", "bob", "cem") if bounded.peek(user)] == ["ada", "cem"]
        assert bounded.weight <= 2 * each

    async def test_who_waits_for_a_projection_stays(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob", limit=0)
        cache.mark_pending("ada")
        assert cache.is_crowded
        cache.trim()
        assert cache.peek("ada") is not None
        assert cache.peek("bob") is None
        await cache.take_pending(5)
        cache.trim()
        assert (len(cache), cache.weight, cache.is_crowded) == (0, 0, False)

    async def test_a_progress_that_grew_weighs_more_once_it_is_weighed(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada")
        before = cache.weight
        cache.get("ada").preferences = {"note": "x" * 6_000}
        assert cache.weight == before
        # It has no new entries.
        cache.weigh(["ada", "stranger"])
        assert cache.weight == before
        cache.weigh(["ada", "stranger"], always={"ada"})
        assert cache.weight >= before + 1_000
        cache.drop(["ada", "stranger"])
        assert cache.weight == 0

    async def test_who_is_read_counts_from_the_next_look(self, store: SQLiteStore) -> None:
        cache = await cache_of(store)
        for user in ("ada", "bob"):
            await store.ledger.append(history(user, 2))
        await cache.refresh(["ada"], ())
        one = cache.weight
        await cache.refresh(["bob"], ())
        assert 0 < one < cache.weight
        # As a commit does: whom it changed is measured with the change.
        cache.get("bob").preferences = {"note": "x" * 6_000}
        cache.weigh(["bob"], always={"bob"})
        assert cache.weight >= 2 * one + 900
        cache.clear()
        assert cache.weight == 0

    async def test_whom_it_was_offered_counts(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada")
        other = await cache_of(store)
        other.offer(cache.get("ada"))
        assert other.weight == cache.weight > 0


class TestPending:
    async def test_what_is_given_back_waits_again_with_its_days(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada")
        cache.mark_pending("ada")
        taken = await cache.take_pending(5)
        assert await cache.take_pending(5) == []
        cache.give_back(taken)
        again = await cache.take_pending(5)
        assert [(progress, touched.days, touched.languages) for progress, touched in again] == [
            (progress, touched.days, touched.languages) for progress, touched in taken
        ]

    async def test_who_was_dropped_is_read_again_for_the_projection(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob")
        for user in ("ada", "bob"):
            cache.mark_pending(user)
        began = cache.pending.since
        # As if the append was refused: what it would have changed is on no board.
        cache.touch(cache.get("ada"), event_entry("ada", 3, at=NOON + 9 * 86_400_000))
        cache.drop(["ada"])
        await store.ledger.append([event_entry("ada", 3, at=NOON + 7 * 86_400_000)])
        assert (cache.peek("ada"), cache.pending.since) == (None, began)
        ada, bob = await cache.take_pending(5)
        assert (ada[0].seq, len(ada[1].days), bob[0].seq) == (3, 2, 2)
        assert await cache.take_pending(5) == []
        # A failed write changes nothing of this.
        cache.drop(["ada"])
        cache.give_back([ada, bob])
        assert cache.pending.since == began
        assert [(progress.seq, len(touched.days)) for progress, touched in await cache.take_pending(5)] == [
            (3, 2),
            (2, 1),
        ]

    async def test_who_was_deleted_or_never_written_is_not_projected(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob")
        cache.mark_pending("ada")
        cache.pending.add("nobody", [1])
        cache.drop(["ada"])
        await store.tombstones.mark_deleted("ada", 5)
        cache.mark_pending("bob")
        assert [progress.user_id for progress, _ in await cache.take_pending(5)] == ["bob"]
        assert len(cache.pending) == 0

    async def test_if_they_cannot_be_read_all_wait_on(
        self, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache = await cache_of(store, "ada", "bob")
        for user in ("ada", "bob"):
            cache.mark_pending(user)
        cache.drop(["ada"])

        async def fail(*_: object) -> Never:
            raise error

        error: Exception = StoreUnavailable("away")
        monkeypatch.setattr(store.ledger, "load", fail)
        with pytest.raises(StoreUnavailable):
            await cache.take_pending(5)
        assert set(cache.pending.users()) == {"ada", "bob"}
        # One who can never be read does not keep others waiting.
        error = ValueError("a fault")
        assert [progress.user_id for progress, _ in await cache.take_pending(5)] == ["bob"]
        assert len(cache.pending) == 0

    async def test_an_entry_that_changes_no_board_waits_for_its_card(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada")
        cache.touch(cache.get("ada"), profile_entry("ada", 3))
        assert [(progress.user_id, touched.days) for progress, touched in await cache.take_pending(5)] == [
            ("ada", set())
        ]

    async def test_who_waits_does_so_even_if_everybody_is_dropped(self, store: SQLiteStore) -> None:
        cache = await cache_of(store, "ada", "bob")
        cache.mark_pending("bob")
        cache.clear()
        assert (len(cache), cache.weight, cache.pending.users()) == (0, 0, ["bob"])
        cache.forget(["bob"])
        assert await cache.take_pending(5) == []
