"""The contract's part on deleting users: `laurels.application.ports.tombstones.TombstoneStore`."""

from __future__ import annotations

import asyncio

from laurels.application.ports.store import Store
from laurels.domain.tombstones import Tombstone
from laurels.testing.builders import NOON, VERSION, event_entry, history, profile_entry, project
from laurels.testing.handles import AWKWARD_IDS, OpenStore

BOARDS = ("all", "2026-03", "2026-03@C++")


async def record(store: Store, *user_ids: str, length: int = 3) -> None:
    """Entries, and their projection, of each user; the first one has the most points."""
    for number, user_id in enumerate(user_ids):
        assert await store.ledger.append(history(user_id, length)) == frozenset()
        await project(store, user_id, length, points=100 - number, boards=BOARDS)


async def assert_nothing_is_left(store: Store, user_id: str) -> None:
    assert await store.ledger.entries(user_id) == []
    assert await store.boards.cards([user_id]) == {}
    assert await store.snapshots.projected([user_id]) == {}
    assert user_id not in await store.ledger.users()
    for board in BOARDS:
        assert await store.boards.standing(board, user_id) is None
        assert await store.boards.ranking(board, user_id) is None
        lines = await store.boards.standings(board, limit=100)
        assert user_id not in {line.user_id for line in lines}
        assert await store.boards.count(board) == len(lines)
    assert await store.boards.miscounted() == []
    assert await store.tombstones.leftovers() == {}


class TombstoneContract:
    """Tombstones, and the removal of data."""

    async def test_a_new_database_has_no_tombstones(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert await store.tombstones.open_ids() == []
        assert await store.tombstones.find(["ada"]) == {}
        assert await store.tombstones.leftovers() == {}

    async def test_nothing_is_left_and_others_keep_all(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await record(one, "bob", "ada", "cleo")
        await one.tombstones.mark_deleted("ada", NOON)
        assert await one.tombstones.purge(["ada"]) == frozenset()
        for store in (one, other):
            await assert_nothing_is_left(store, "ada")
            assert await store.ledger.users() == ["bob", "cleo"]
            assert await store.ledger.entries("bob") == history("bob", 3)
            assert [line.user_id for line in await store.boards.standings("all", limit=9)] == ["bob", "cleo"]
            found = await store.boards.ranking("all", "cleo")
            assert found is not None
            assert (found.above, found.of) == (1, 2)

    async def test_the_first_tombstone_stays(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        assert await one.tombstones.mark_deleted("ada", NOON) == Tombstone(NOON, is_open=True)
        assert await other.tombstones.mark_deleted("ada", NOON + 9) == Tombstone(NOON, is_open=True)
        assert await other.tombstones.find(["ada", "Ada"]) == {"ada": Tombstone(NOON, is_open=True)}

    async def test_a_closed_one_keeps_no_id(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.tombstones.mark_deleted("cleo", NOON)
        await one.tombstones.mark_deleted("ada", NOON)
        assert await other.tombstones.open_ids() == ["ada", "cleo"]
        await other.tombstones.close(["ada", "nobody"])
        assert await one.tombstones.open_ids() == ["cleo"]
        assert await one.tombstones.mark_deleted("ada", NOON + 9) == Tombstone(NOON, is_open=False)
        assert await one.tombstones.open_ids() == ["cleo"]

    async def test_every_handle_tells_of_it(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await record(one, "ada", "bob")
        # Both have checked before.
        for store in (one, other):
            assert (await store.ledger.load({"ada": None}, (), VERSION)).deleted == frozenset()
        await one.tombstones.mark_deleted("ada", NOON)
        for store in (one, other):
            for head in (None, 0, 3):
                found = await store.ledger.load({"ada": head, "bob": head}, (), VERSION)
                assert found.deleted == {"ada"}
                assert "ada" not in found.later.keys() | found.snapshots.keys()
                assert (await store.ledger.read({"ada": head, "bob": 0}, VERSION)).deleted == {"ada"}
        await one.tombstones.purge(["ada"])
        await one.tombstones.close(["ada"])
        assert (await other.ledger.load({"ada": None}, (), VERSION)).deleted == {"ada"}

    async def test_ids_are_compared_code_point_by_code_point(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id in AWKWARD_IDS[::2]:
            await store.ledger.append([event_entry(user_id)])
        for user_id in AWKWARD_IDS[1::2][:4]:
            await store.ledger.append([event_entry(user_id)])
            await store.tombstones.mark_deleted(user_id, NOON)
            assert await store.tombstones.purge([user_id]) == frozenset()
        assert await store.ledger.users() == sorted(AWKWARD_IDS[::2])
        found = await store.ledger.load(dict.fromkeys(AWKWARD_IDS), (), VERSION)
        assert found.deleted == set(AWKWARD_IDS[1::2][:4])

    async def test_who_is_not_buried_is_not_erased(self, open_store: OpenStore) -> None:
        store = await open_store()
        await record(store, "ada")
        assert await store.tombstones.purge(["ada"]) == frozenset()
        assert await store.ledger.entries("ada") == history("ada", 3)
        assert await store.boards.count("all") == 1

    async def test_an_append_that_comes_late_does_not_stay(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await record(one, "ada", "bob")
        await other.ledger.load({"ada": 3, "bob": 3}, (), VERSION)
        await one.tombstones.mark_deleted("ada", NOON)
        await one.tombstones.purge(["ada"])
        # Decided before, by a process that knew the end of her ledger; a store may refuse it, or remove it at the
        # projection.
        refused = await other.ledger.append([event_entry("ada", 4), event_entry("bob", 4)])
        assert refused <= {"ada"}
        await project(other, "ada", 4, boards=BOARDS)
        await assert_nothing_is_left(one, "ada")
        assert [entry.seq for entry in await one.ledger.entries("bob")] == [1, 2, 3, 4]

    async def test_a_projection_that_comes_late_does_not_stay(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await record(one, "ada", "bob")
        await one.tombstones.mark_deleted("ada", NOON)
        await project(other, "ada", 9, boards=BOARDS)
        await one.tombstones.purge(["ada"])
        await project(other, "ada", 10, points=1_000, boards=BOARDS)
        await project(one, "ada", 11, points=1_000, boards=BOARDS)
        await assert_nothing_is_left(other, "ada")
        assert await other.boards.count("all", above=0) == 1

    async def test_erasing_may_be_repeated_and_finds_what_came_in_between(self, open_store: OpenStore) -> None:
        store = await open_store()
        await record(store, "ada")
        await store.ledger.append([profile_entry("ada", 4)])
        await store.tombstones.mark_deleted("ada", NOON)
        for _ in range(3):
            assert await store.tombstones.purge(["ada"]) == frozenset()
        await assert_nothing_is_left(store, "ada")

    async def test_hidden_lines_go_too_and_are_not_counted_twice(self, open_store: OpenStore) -> None:
        store = await open_store()
        await record(store, "ada", "bob")
        await project(store, "ada", 4, boards=("all",), is_shown=False)
        assert await store.boards.count("all") == 1
        await store.tombstones.mark_deleted("ada", NOON)
        await store.tombstones.purge(["ada"])
        await assert_nothing_is_left(store, "ada")
        assert await store.boards.count("all") == 1

    async def test_who_writes_after_a_deletion_is_not_overlooked(self, open_store: OpenStore) -> None:
        store = await open_store()
        await record(store, "ada", "bob")
        # Everything is known to be projected up to here.
        assert await store.snapshots.behind(10, before=NOON + 1_000) == []
        await store.tombstones.mark_deleted("bob", NOON)
        await store.tombstones.purge(["bob"])
        await store.ledger.append([event_entry("cleo")])
        assert await store.snapshots.behind(10, before=NOON + 1_000) == ["cleo"]

    async def test_a_long_ledger_is_removed_while_others_write(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for first in range(1, 6_001, 1_000):
            await one.ledger.append(history("ada", 1_000, first=first))
        await one.tombstones.mark_deleted("ada", NOON)

        async def write() -> None:
            for seq in range(1, 40):
                assert await other.ledger.append([event_entry("bob", seq)]) == frozenset()

        await asyncio.gather(one.tombstones.purge(["ada"]), write())
        await assert_nothing_is_left(one, "ada")
        assert len(await one.ledger.entries("bob")) == 39

    async def test_many_at_once_hammering_and_deleting(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        users = [f"user-{number}" for number in range(6)]

        async def hammer(store: Store, user_id: str) -> None:
            for seq in range(1, 12):
                found = await store.ledger.load({user_id: None}, (), VERSION)
                if user_id in found.deleted:
                    return
                await store.ledger.append([event_entry(user_id, seq)])
                await project(store, user_id, seq, points=seq, boards=BOARDS)

        async def delete(user_id: str) -> None:
            await one.tombstones.mark_deleted(user_id, NOON)
            await one.tombstones.purge([user_id])

        hammering = [hammer(store, user_id) for user_id in users for store in (one, other)]
        await asyncio.gather(*hammering, *(delete(user_id) for user_id in users[:3]))
        for user_id in users[:3]:
            await assert_nothing_is_left(other, user_id)
        assert await other.ledger.users() == users[3:]
        assert await other.boards.count("all") == 3
