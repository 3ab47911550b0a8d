"""What the store does to spare the server work: appends without asking first, and projections in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import UpdateOne

from laurels.application.maintenance.verification import verify
from laurels.application.ports.snapshots import Projection
from laurels.bootstrap import open_service
from laurels.errors import StoreUnavailable, UserDeleted
from laurels.storage.mongodb import MongoStore, tombstones
from laurels.storage.mongodb import ledger as ledgers
from laurels.storage.mongodb.projections import snapshots, transactions
from laurels.testing.builders import VERSION, card, event_entry, history, progress, project, standing


@pytest.fixture
async def store(one_node_url: str) -> AsyncIterator[MongoStore]:
    opened = await MongoStore.open(one_node_url)
    yield opened
    await opened.close()


async def kept_of(store: MongoStore, user_id: str) -> tuple[int, int]:
    """The entries up to which the user's document and their line on the all-time board are."""
    user = await store._database["users"].find_one({"userId": user_id})
    line = await store._database["standings"].find_one({"userId": user_id, "board": "all"})
    return user["seq"] if user else 0, line["seq"] if line else 0


class TestMark:
    """While nobody else writes, a user in memory is not read again before an append."""

    @pytest.fixture(autouse=True)
    def patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # However slow the machine is, what was asked is recent.
        monkeypatch.setattr(tombstones, "CACHED_FOR", 3_600.0)

    async def test_it_stays_while_only_this_store_appends(self, store: MongoStore) -> None:
        await store.ledger.load({"ada": None}, [], VERSION)
        before = store.mark
        assert before is not None
        await store.ledger.append(history("ada", 2))
        await project(store, "ada", 2)
        assert store.mark == before

    async def test_a_refused_append_shows_that_others_write(self, store: MongoStore, one_node_url: str) -> None:
        other = await MongoStore.open(one_node_url)
        await store.ledger.load({"ada": None}, [], VERSION)
        await other.ledger.append([event_entry("ada", 1)])
        await other.close()
        assert await store.ledger.append([event_entry("ada", 1, event_id="mine")]) == {"ada"}
        assert store.mark is None

    async def test_a_repeated_event_does_not(self, store: MongoStore) -> None:
        await store.ledger.load({"ada": None}, [], VERSION)
        await store.ledger.append([event_entry("ada", 1, event_id="one")])
        before = store.mark
        assert await store.ledger.append([event_entry("ada", 2, event_id="one")]) == {"ada"}
        assert before is not None
        assert store.mark == before

    async def test_it_is_another_one_when_others_have_stopped(
        self, store: MongoStore, one_node_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledgers, "_SHARED_FOR", 0.0)
        other = await MongoStore.open(one_node_url)
        await store.ledger.load({"ada": None}, [], VERSION)
        before = store.mark
        await other.ledger.append(history("ada", 1))
        await other.close()
        await store.ledger.load({"ada": 0}, [], VERSION)
        assert store.mark not in (None, before)

    async def test_after_a_deletion_it_changes_only_with_the_next_load(self, store: MongoStore) -> None:
        await store.ledger.load({"ada": None}, [], VERSION)
        before = store.mark
        await tombstones._announce(store._database)
        # As a projection does, which asks about its own users only.
        await store.ledger._deletions.deleted(["cem"], now=True)
        assert store.mark is None
        await store.ledger.load({"ada": 0}, [], VERSION)
        assert store.mark not in (None, before)

    async def test_an_append_is_acknowledged_where_nothing_can_be_asked_after_it(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise transactions.AutoReconnect

        monkeypatch.setattr(tombstones, "CACHED_FOR", -1.0)
        monkeypatch.setattr(tombstones.DeletionCache, "ask", fail)
        assert await store.ledger.append(history("ada", 1)) == frozenset()
        assert store.mark is None


class TestServices:
    """Two processes that write to one user."""

    async def test_they_lose_nothing_and_notice_a_deletion(self, one_node_url: str) -> None:
        async with open_service(one_node_url) as one, open_service(one_node_url) as other:
            for number in range(6):
                for laurels in (one, one, other):
                    await laurels.record("ada", "code_run", {"codeLength": 10 * number})
            await one.projector.flush()
            await other.projector.flush()
            found = await verify(one.store, one.rulebook)
            assert (found.events, found.differences, found.behind) == (18, [], 0)
            await one.record("bob", "code_run")
            await other.delete_user("bob")
            with pytest.raises(UserDeleted):
                await one.record("bob", "code_run")


class TestTransactions:
    """A projection is one transaction; where that fails, the writes of a server without transactions follow."""

    async def test_a_user_and_their_lines_are_written_without_pending_lines(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr(snapshots, "keep", never)
        await project(store, "ada", 5, points=50, boards=["all", "a.b"])
        await project(store, "ada", 6, points=60, boards=["all"])
        assert await kept_of(store, "ada") == (6, 6)
        assert await store.boards.standing("a.b", "ada") == standing("ada", 50)
        user = await store._database["users"].find_one({"userId": "ada"})
        assert user is not None
        assert "pending" not in user

    async def test_a_refused_one_leaves_nothing_and_is_written_in_the_other_way(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def die(*_: object) -> None:
            raise StoreUnavailable("killed")

        await project(store, "ada", 5, points=50)
        older = [Projection(progress(name, 4), {"all": standing(name, 40)}) for name in ("bob", "ada")]
        cards = [card("bob", 40), card("ada", 40)]
        with monkeypatch.context() as patched:
            patched.setattr(snapshots, "keep", die)
            with pytest.raises(StoreUnavailable):
                await store.snapshots.project(older, cards=cards)
        assert [await kept_of(store, name) for name in ("bob", "ada")] == [(0, 0), (5, 5)]
        assert not store.snapshots._transactions.are_available
        await store.snapshots.project(older, cards=cards)
        assert [await kept_of(store, name) for name in ("bob", "ada")] == [(4, 4), (5, 5)]

    async def test_after_a_writer_that_came_in_between_the_next_attempt_is_made(self, store: MongoStore) -> None:
        await project(store, "ada", 5, points=50)
        client = store._client
        async with client.start_session() as session, await session.start_transaction():
            line: dict[str, Any] = {"userId": "ada", "board": "all"}
            standings = store._database["standings"]
            await standings.update_one(line, {"$set": {"events": 2}}, session=session)
            batch = [(standings, [UpdateOne(line, {"$set": {"events": 3}})])]
            assert not await store.snapshots._transactions.write(batch)
        assert store.snapshots._transactions.are_available
        assert await store.snapshots._transactions.write(batch)
        found = await standings.find_one(line)
        assert found is not None
        assert found["events"] == 3

    @pytest.mark.parametrize("is_at_start", [True, False], ids=["at the start", "when met"])
    async def test_one_that_a_killed_process_left_open_is_ended(
        self, store: MongoStore, one_node_url: str, *, is_at_start: bool
    ) -> None:
        killed = await MongoStore.open(one_node_url)
        await project(killed, "ada", 5, points=50)
        session = await killed.snapshots._transactions._own_session()
        await session.start_transaction()
        users = killed._database["users"]
        await users.update_one({"userId": "ada"}, {"$set": {"level": 9}}, session=session)
        if is_at_start:
            await store.snapshots.behind(1, before=0)
            await store._database["users"].update_one({"userId": "ada"}, {"$set": {"level": 2}})
        # The server would end it by itself in a minute, which is longer than a write may take.
        await project(store, "ada", 6, points=60)
        assert await kept_of(store, "ada") == (6, 6)
        assert store.snapshots._transactions.are_available
        await project(killed, "ada", 7, points=70)
        assert await kept_of(store, "ada") == (7, 7)
        await killed.close()

    async def test_more_than_a_transaction_should_hold_is_written_without_one(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snapshots, "LARGEST", 1)
        monkeypatch.setattr(transactions.Transactions, "write", None)
        await project(store, "ada", 5, points=50)
        assert await kept_of(store, "ada") == (5, 5)

    async def test_counting_is_one_as_well(self, store: MongoStore) -> None:
        for user in range(30):
            await project(store, f"user {user}", points=user % 7)
        await store.snapshots.behind(1, before=0)
        assert store.snapshots._transactions.are_available
        assert await store._database["standings"].count_documents({"fresh": True}) == 0
        assert await store.boards.miscounted() == []
        assert await store.boards.count("all", above=3) == sum(user % 7 > 3 for user in range(30))

    async def test_a_server_that_stands_alone_is_not_asked_for_one(self, mongodb_url: str) -> None:
        alone = await MongoStore.open(mongodb_url)
        assert not alone.snapshots._transactions.are_available
        await alone.close()
