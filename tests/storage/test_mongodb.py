"""What is special about the MongoDB store: its indexes, its documents, and what is left half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from bson import Timestamp
from msgspec.structs import replace
from pymongo.errors import (
    WriteError,
)

from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.ports.snapshots import Projection
from laurels.bootstrap import open_service
from laurels.domain.boards.ranking import SortKey
from laurels.errors import StoreUnavailable
from laurels.storage.mongodb import MongoStore, ledger, schema, webhooks
from laurels.storage.mongodb.documents import bundle_of
from laurels.storage.mongodb.projections import boards, counts, snapshots, watermark
from laurels.testing.builders import (
    NOON,
    VERSION,
    card,
    event_entry,
    history,
    profile_entry,
    progress,
    project,
    standing,
)
from laurels.testing.contracts.webhooks import delivery, endpoint
from tests.mongod import Deployment


@pytest.fixture
async def store(mongodb_url: str) -> AsyncIterator[MongoStore]:
    opened = await MongoStore.open(mongodb_url)
    yield opened
    await opened.close()


def stages(plan: Any) -> Iterator[dict[str, Any]]:
    """Every stage of an explained plan, whatever it is nested in; rejected plans are left out."""
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan
        for name, part in plan.items():
            if name != "rejectedPlans":
                yield from stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from stages(part)


class TestPlans:
    """Every hot query is a walk along the index that is documented for it."""

    async def test_no_hot_query_scans_a_collection_or_sorts_in_memory(self, store: MongoStore) -> None:
        await store.ledger.append([entry for n in range(50) for entry in history(f"user {n}", 4)])
        for n in range(50):
            await project(store, f"user {n}", 2, points=n % 7)
        await store.webhooks.add(endpoint())
        await store.webhooks.record_attempts(
            [delivery(1, f"user {n}", state="done" if n % 2 else "pending") for n in range(50)]
        )
        await store.webhooks.remind("wh_a", {f"user {n}": NOON + n for n in range(50)})
        place, since, some = SortKey(3, NOON, "user 3"), Timestamp(1, 0), ["user 1", "user 2"]
        order, backwards = (
            [("points", -1), ("reachedAt", 1), ("userId", 1)],
            [("points", 1), ("reachedAt", -1), ("userId", -1)],
        )
        hot: list[tuple[str, dict[str, Any], list[tuple[str, int]], str]] = [
            ("ledger", ledger.later_query("user 1", 2), [], "ledger_user"),
            ("ledger", {"$or": [ledger.later_query(user_id, 2) for user_id in some]}, [], "ledger_user"),
            ("ledger", ledger.known_query("user 1", ["e1"]), [], "ledger_user_event"),
            ("ledger", {"$or": [ledger.known_query(user_id, ["e1"]) for user_id in some]}, [], "ledger_user_event"),
            ("ledger", {"userId": "user 1", "lastSeq": {"$gt": 2}}, [("lastSeq", 1)], "ledger_user"),
            ("ledger", {"firstSeq": 1, "userId": {"$gt": "user"}}, [("userId", 1)], "ledger_users"),
            ("ledger", {}, [("writtenAt", -1)], "ledger_written"),
            ("ledger", watermark.young_query(since, NOON), [("writtenAt", 1)], "ledger_written"),
            ("users", {"userId": {"$in": some}, "version": VERSION}, [], "users_user"),
            ("users", {"userId": {"$gt": "user"}}, [("userId", 1)], "users_user"),
            ("users", snapshots.PENDING, [], "users_pending"),
            ("standings", {"userId": "user 1", "board": "all"}, [], "standings_user"),
            ("standings", {"userId": {"$in": some}}, [], "standings_user"),
            ("standings", counts.own_query("all", some), [], "standings_user"),
            ("standings", counts.fresh_query("all"), [], "standings_fresh"),
            ("standings", counts.ahead_query("all", 3), backwards, "standings_shown"),
            ("counts", {"$or": [counts.family_query("all", (level, 0)) for level in range(7)]}, [], "counts_range"),
            ("standings", boards.shown("all"), order, "standings_shown"),
            ("standings", {"$or": boards.ranges("all", place, ahead=False)}, order, "standings_shown"),
            ("standings", {"$or": boards.ranges("all", place, ahead=True)}, backwards, "standings_shown"),
            ("ledger", {"writtenAt": {"$gt": since}}, [("writtenAt", 1)], "ledger_written"),
            ("webhook_deliveries", webhooks.due_query("wh_a", NOON), webhooks.DUE_ORDER, "webhook_deliveries_due"),
            ("webhook_deliveries", {"endpoint": "wh_a", "state": "done"}, [("turn", -1)], "webhook_deliveries_log"),
            ("webhook_cursors", {"endpoint": "wh_a", "userId": {"$in": some}}, [], "webhook_cursors_user"),
            (
                "webhook_reminders",
                webhooks.reminders_query("wh_a", NOON),
                webhooks.REMINDERS_ORDER,
                "webhook_reminders_due",
            ),
        ]
        for collection, query, sort, index in hot:
            named = (ledger.LATER_INDEX, ledger.KNOWN_INDEX, ledger.USERS_INDEX, snapshots.PENDING_INDEX)
            hint = index if index in named else None
            found = store._database[collection].find(query, hint=hint)
            plan = await (found.sort(sort).limit(5) if sort else found).explain()
            used = list(stages(plan["queryPlanner"]["winningPlan"]))
            assert {stage["stage"] for stage in used}.isdisjoint({"COLLSCAN", "SORT"}), (query, used)
            assert {stage["indexName"] for stage in used if "indexName" in stage} == {index}, (query, used)

    async def test_those_who_are_behind_are_found_from_the_mark_on(self, store: MongoStore) -> None:
        await store.ledger.append(history("ada", 3))
        pipeline = watermark.waiting_pipeline(Timestamp(1, 0), NOON, 10)
        plan = await store._database.command(
            "explain", {"aggregate": "ledger", "pipeline": pipeline, "cursor": {}}, verbosity="queryPlanner"
        )
        assert {stage["stage"] for stage in stages(plan)}.isdisjoint({"COLLSCAN"})
        assert "ledger_written" in str(plan)

    async def test_what_did_not_arrive_is_counted_from_an_index_alone(self, store: MongoStore) -> None:
        pipeline = webhooks.backlog_pipeline(["wh_a", "wh_b"])
        asked = {
            "aggregate": "webhook_deliveries",
            "pipeline": pipeline,
            "cursor": {},
            "hint": "webhook_deliveries_log",
        }
        plan = await store._database.command("explain", asked, verbosity="queryPlanner")
        assert "FETCH" not in str(plan)
        assert "PROJECTION_COVERED" in str(plan)

    async def test_a_walk_along_a_board_stops_at_the_limit(self, store: MongoStore) -> None:
        lines = {f"user {n}": standing(f"user {n}", n // 3) for n in range(600)}
        await store.snapshots.project(
            [Projection(progress(user_id), {"all": line}) for user_id, line in lines.items()],
            cards=[card(user_id) for user_id in lines],
        )
        query = {"$or": boards.ranges("all", lines["user 300"].place, ahead=False)}
        found = store._database["standings"].find(query).sort(boards.ORDER)
        plan = await found.limit(10).explain()
        assert plan["executionStats"]["totalKeysExamined"] < 30

    async def test_the_first_and_the_latest_holders_are_as_many_keys_as_are_asked_for(self, store: MongoStore) -> None:
        users = [f"user {n}" for n in range(60)]
        earned = [replace(card(each), badges=["a.b", "c"], earned_at=[NOON + n, 5]) for n, each in enumerate(users)]
        await store.snapshots.project([Projection(progress(each), {}) for each in users], cards=earned)
        for direction in (1, -1):
            found = store._database["users"].find(boards.holders_of("a.b"), hint=boards.EARNED_INDEX)
            plan = await found.sort(boards.earned_field("a.b"), direction).limit(5).explain()
            assert {stage["stage"] for stage in stages(plan["queryPlanner"])}.isdisjoint({"COLLSCAN", "SORT"})
            assert plan["executionStats"]["totalKeysExamined"] <= 6

    async def test_a_page_of_a_history_takes_what_it_shows_and_not_all_that_was_written_with_it(
        self, store: MongoStore
    ) -> None:
        await store.ledger.append(history("ada", 1_200))
        await store.ledger.append(history("ada", 1_300)[1_200:])
        await store._database.command("profile", 2)
        for after in (0, 600, 1_196):
            page = await store.ledger.entries("ada", after=after, limit=8)
            assert [entry.seq for entry in page] == list(range(after + 1, after + 9))
        await store._database.command("profile", 0)
        asked = await store._database["system.profile"].find({"command.aggregate": "ledger"}).to_list()
        assert [each["docsExamined"] for each in asked] == [1, 1, 2]
        assert max(each["responseLength"] for each in asked) < 8_000

    async def test_every_index_is_there_and_none_else(self, store: MongoStore) -> None:
        for collection, indexes in schema.INDEXES.items():
            made = await store._database[collection].index_information()
            assert made.keys() == {"_id_", *(index.document["name"] for index in indexes)}


class TestDocuments:
    """What people find who look into the database."""

    async def test_events_are_rows_with_dates(self, store: MongoStore) -> None:
        await store.ledger.append([*history("ada", 2), profile_entry("ada", 3)])
        rows = await store._database["learning_events"].find({"userId": "ada"}).to_list()
        assert [(row["eventType"], row["points"], row["seq"]) for row in rows] == [("run", 5, 1), ("run", 5, 2)]
        assert [int(row["timestamp"]) for row in rows] == [NOON, NOON]
        plan = await store._database.command(
            "explain", {"find": "learning_events", "filter": {"userId": "ada"}}, verbosity="queryPlanner"
        )
        assert {stage["stage"] for stage in stages(plan)}.isdisjoint({"COLLSCAN"})

    async def test_a_user_is_one_document(self, store: MongoStore) -> None:
        await project(store, "ada", 3, points=40)
        user = await store._database["users"].find_one({"userId": "ada"})
        assert user is not None
        assert (user["totalPoints"], user["level"], user["badges"], int(user["lastActiveAt"])) == (
            40,
            1,
            ["first"],
            NOON,
        )

    async def test_integers_beyond_64_bits_come_back(self, store: MongoStore) -> None:
        entry = event_entry(metadata={"big": 2**80, "$where": 1, "a.b": -(2**70), "language": None})
        await store.ledger.append([entry])
        assert await store.ledger.entries("ada") == [entry]

    async def test_the_largest_batch_of_one_user_is_taken(self, store: MongoStore) -> None:
        largest = {"text": "x" * (16 * 1024 - 20)}
        batch = [event_entry("ada", seq, metadata=largest) for seq in range(1, 1_001)]
        assert await store.ledger.append(batch) == frozenset()
        assert await store.ledger.entries("ada") == batch


class TestValidation:
    """The server itself refuses what is no bundle."""

    @pytest.mark.parametrize(
        "change",
        [
            {"userId": 7},
            {"firstSeq": 0},
            {"lastSeq": "2"},
            {"recordedAt": "yesterday"},
            {"entries": []},
            {"entries": [{"seq": 3}]},
            {"eventIds": "e3"},
        ],
        ids=str,
    )
    async def test_what_is_no_slip_is_refused(self, store: MongoStore, change: dict[str, Any]) -> None:
        bundle = bundle_of([event_entry("ada", 3)])
        with pytest.raises(WriteError, match="validation"):
            await store._database["ledger"].insert_one(bundle | change)
        await store._database["ledger"].insert_one(bundle)


class TestRestoring:
    """What a backup has to hold."""

    async def test_the_ledger_alone_brings_everything_back(self, mongodb_alone: Deployment) -> None:
        source, target = mongodb_alone.fresh(), mongodb_alone.fresh()
        async with open_service(mongodb_alone.url(source)) as laurels:
            for number in range(30):
                await laurels.record(f"user {number % 3}", "code_run", {"codeLength": 40 * number})
        with mongodb_alone.client() as client:
            client[target].ledger.insert_many(client[source].ledger.find())
        async with open_service(mongodb_alone.url(source)) as one, open_service(mongodb_alone.url(target)) as other:
            await rebuild(other.store, other.rulebook)
            found = await verify(other.store, other.rulebook)
            assert (found.events, found.differences, found.behind) == (30, [], 0)
            users = await one.store.ledger.users()
            assert await one.store.snapshots.projected(users) == await other.store.snapshots.projected(users)


class TestUnfinished:
    """A process that died between the writes of one projection."""

    async def test_a_projection_is_whole_from_its_first_write_on(
        self, store: MongoStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.ledger.append(history("ada", 6))
        await project(store, "ada", 5, points=50, boards=["all", "a.b", "$c", "100%2E", ""])

        async def die(*_: object) -> None:
            raise StoreUnavailable("killed")

        with monkeypatch.context() as patched:
            patched.setattr(snapshots, "_put_on_boards", die)
            with pytest.raises(StoreUnavailable):
                await project(store, "ada", 6, points=60, boards=["all", "a.b", "$c", "100%2E", ""])
        kept = (await store.snapshots.projected(["ada"]))["ada"]
        assert kept.progress == progress("ada", 6, points=60)
        assert kept.standings == dict.fromkeys(["all", "a.b", "$c", "100%2E", ""], standing("ada", 60))
        assert await store.boards.standing("all", "ada") == standing("ada", 50)
        assert await store.snapshots.behind(10, before=NOON + 1_000_000) == []
        for board in kept.standings:
            assert await store.boards.standing(board, "ada") == standing("ada", 60)
        assert (await store.snapshots.projected(["ada"]))["ada"] == kept

    async def test_the_mark_moves_past_what_is_projected_and_nothing_else(self, store: MongoStore) -> None:
        behind = partial(watermark.behind, store._database, 10, NOON + 1_000_000, margin=-1)
        await store.ledger.append(history("ada", 2))
        await asyncio.sleep(1.1)
        await store.ledger.append(history("bob", 1))
        await project(store, "ada", 2)
        assert await behind() == ["bob"]
        assert await store._database["meta"].find_one({"_id": "projected"}) is None
        await project(store, "bob", 1)
        assert await behind() == []
        assert await store._database["meta"].find_one({"_id": "projected"}) is not None
        await asyncio.sleep(2.1)
        await store.ledger.append([event_entry("ada", 3)])
        assert await behind() == ["ada"]
        await store.snapshots.clear()
        assert await behind() == ["ada", "bob"]
