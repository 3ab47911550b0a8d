"""`laurels import --from-mongo`: an older database moves in with its dates, points, badges and totals."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId
from pymongo import MongoClient

from laurels import Laurels, Settings
from laurels.domain.ledger import Entry, EventRecorded, UserAdopted
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.errors import StoreError
from tests.cli import older_database as older
from tests.cli.conftest import Run, rows
from tests.storage.conftest import Deployment, deploy

Client = MongoClient[dict[str, Any]]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One server for the older databases, and for stores beside them."""
    deployment = deploy(tmp_path_factory.mktemp("mongodb"), members=0)
    yield deployment
    deployment.end()


@pytest.fixture(scope="module")
def client(server: Deployment) -> Iterator[Client]:
    with MongoClient(server.url("admin"), tz_aware=True) as client:
        yield client


@pytest.fixture
def name(server: Deployment) -> Iterator[str]:
    """The name of the older database, which is not made yet."""
    name = server.fresh()
    yield name
    server.drop(name)


@pytest.fixture
def source(server: Deployment, name: str) -> str:
    """Its URL."""
    return server.url(name)


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest, server: Deployment) -> Iterator[str]:
    """The URL of an empty store, of each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store_url")
        return
    database = server.fresh()
    yield server.url(database)
    server.drop(database)


def digest(client: Client, name: str) -> str:
    """Changes with any document of a database."""
    return client[name].command("dbHash")["md5"]


def look(url: str) -> dict[str, tuple[Progress, list[Entry]]]:
    """What a store holds of each user: folded from the ledger, and the ledger."""

    async def read() -> dict[str, tuple[Progress, list[Entry]]]:
        async with Laurels.open(settings=Settings(store=url)) as laurels:
            users = await laurels.store.users(limit=10_000)
            return {
                user_id: (await laurels.analytics.progress(user_id), await laurels.store.entries(user_id, limit=9_999))
                for user_id in users
            }

    return asyncio.run(read())


def boards(url: str) -> dict[str, list[tuple[str, int, int]]]:
    """The lines of the all-time board and of the month of the events."""

    async def read() -> dict[str, list[tuple[str, int, int]]]:
        async with Laurels.open(settings=Settings(store=url)) as laurels:
            return {
                board: [
                    (line.user_id, line.points, line.events) for line in await laurels.store.standings(board, limit=99)
                ]
                for board in ("all", "2025-03")
            }

    return asyncio.run(read())


def wait_for_entries(importing: subprocess.Popen[bytes], store: str, number: int) -> None:
    """Return when a running import has written more entries than that."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and importing.poll() is None:
        # The store may not be made yet.
        with suppress(StoreError):
            if sum(len(entries) for _, entries in look(store).values()) > number:
                return
        time.sleep(0.02)
    raise AssertionError("the import ended, or wrote nothing")


def event_points(documents: list[dict[str, Any]], user_id: str) -> int:
    return int(sum(event["points"] for event in documents if event["userId"] == user_id))


class TestAWholeDatabase:
    def test_totals_badges_and_dates_are_as_they_were_and_the_source_is_untouched(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        older.fill(client, name)
        before = digest(client, name)
        done = run("import", "--from-mongo", source, "--store", store)
        assert (done.code, done.err) == (0, "")
        assert digest(client, name) == before
        events = list(client[name]["learningevents"].find())
        assert f"events: {len(events):,} recorded, 0 already there, 0 rejected" in done.out
        found = look(store)
        people = list(client[name]["users"].find())
        assert len(found) == len(people) == 60
        off = 0
        for person in people:
            progress, entries = found[person["userId"]]
            assert progress.total_points == person["totalPoints"]
            assert set(person["badges"]) <= progress.awards.keys()
            assert progress.created_at == to_ms(person["createdAt"])
            assert (progress.display_name, progress.photo_url) == (person["displayName"], person["photoURL"])
            own = sorted((e for e in events if e["userId"] == person["userId"]), key=lambda e: e["timestamp"])
            facts = [entry.fact for entry in entries if isinstance(entry.fact, EventRecorded)]
            assert [(f.at, f.outcome.points) for f in facts] == [(to_ms(e["timestamp"]), int(e["points"])) for e in own]
            adopted = entries[-1].fact
            assert isinstance(adopted, UserAdopted)
            pays = older.BADGES | older.UNKNOWN
            due = event_points(own, person["userId"]) + sum(pays[badge] for badge in set(person["badges"]))
            assert adopted.adjustment == person["totalPoints"] - due
            off += adopted.adjustment != 0
        assert 10 < off < 30
        assert f"differences: {off} users, +" in done.out
        verified = run("verify", "--store", store)
        assert (verified.code, verified.out.splitlines()[-1]) == (0, "clean"), verified.err

    def test_a_second_run_writes_nothing(
        self, run: Run, client: Client, server: Deployment, name: str, source: str, store: str
    ) -> None:
        older.fill(client, name)
        assert run("import", "--from-mongo", source, "--store", store).code == 0
        before = look(store)
        again = run("import", "--from-mongo", source, "--store", store)
        assert again.code == 0
        assert "events: 0 recorded, " in again.out
        assert "users: 0 taken over, 0 corrected, 60 already there" in again.out
        assert look(store) == before

    def test_a_rebuild_gives_the_same_boards(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        older.fill(client, name)
        run("import", "--from-mongo", source, "--store", store)
        before = boards(store)
        assert len(before["all"]) == 54, "those without events stand on no board"
        assert run("rebuild", "--store", store).code == 0
        assert boards(store) == before
        assert run("verify", "--store", store).out.splitlines()[-1] == "clean"

    def test_an_adjustment_counts_on_the_all_time_board_only(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        client[name]["learningevents"].insert_one(older.plain_event())
        client[name]["users"].insert_one(older.plain_user(totalPoints=105, badges=["first_run", "streak_30"]))
        assert run("import", "--from-mongo", source, "--store", store).code == 0
        # 5 for the event and 10 for the badge that it brings; the badge of 30 days was earned nobody knows when.
        assert boards(store) == {"all": [("ada", 105, 1)], "2025-03": [("ada", 15, 1)]}

    @pytest.mark.parametrize(
        ("tampering", "told"),
        [
            ("'$.adjustment', 1000", "sum of the ledger"),
            ('\'$.awards\', json(\'[{"badgeId":"first_run","points":0,"earnedAt":0}]\')', "awarded again"),
        ],
    )
    def test_an_adjustment_that_was_tampered_with_is_found(
        self,
        run: Run,
        client: Client,
        name: str,
        source: str,
        store_url: str,
        database: Path,
        tampering: str,
        told: str,
    ) -> None:
        client[name]["learningevents"].insert_one(older.plain_event())
        client[name]["users"].insert_one(older.plain_user(totalPoints=105))
        run("import", "--from-mongo", source, "--store", store_url)
        rows(database, f"UPDATE ledger SET fact = json_set(fact, {tampering}) WHERE fact ->> 'kind' = 'adoption'")
        found = run("verify", "--store", store_url)
        assert found.code == 1
        assert told in found.err

    def test_differences_can_be_dropped_and_taken_up_again(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        older.fill(client, name)
        people = {person["userId"]: person for person in client[name]["users"].find()}
        assert run("import", "--from-mongo", source, "--store", store, "--differences", "drop").code == 0
        events = list(client[name]["learningevents"].find())
        pays = older.BADGES | older.UNKNOWN
        for user_id, (progress, entries) in look(store).items():
            due = event_points(events, user_id) + sum(pays[badge] for badge in set(people[user_id]["badges"]))
            assert progress.total_points == due
            assert all(e.fact.adjustment == 0 for e in entries if isinstance(e.fact, UserAdopted))
        for flag, corrected in (("keep", True), ("drop", True), ("keep", True), ("keep", False)):
            done = run("import", "--from-mongo", source, "--store", store, "--differences", flag)
            assert done.code == 0
            assert (" 0 corrected" not in done.out) == corrected
        for user_id, (progress, _) in look(store).items():
            assert progress.total_points == people[user_id]["totalPoints"]
        assert run("verify", "--store", store).code == 0

    def test_what_is_recorded_afterwards_adds_to_it_and_is_left_alone(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        client[name]["learningevents"].insert_one(older.plain_event())
        client[name]["users"].insert_one(older.plain_user(totalPoints=40))
        run("import", "--from-mongo", source, "--store", store)

        async def live() -> int:
            async with Laurels.open(settings=Settings(store=store)) as laurels:
                outcome = (await laurels.record("ada", "ai_explain")).fact.outcome
                await laurels.change_profile("ada", {"displayName": "Countess"})
                return outcome.points + sum(award.points for award in outcome.awards)

        brought = asyncio.run(live())
        assert brought >= 18, "3 for the event and 15 for its first badge"
        before = look(store)
        client[name]["users"].update_one({}, {"$set": {"displayName": "Ada L."}})
        assert run("import", "--from-mongo", source, "--store", store).code == 0
        assert look(store) == before
        progress, _ = before["ada"]
        assert (progress.total_points, progress.display_name) == (40 + brought, "Countess")
        assert run("verify", "--store", store).code == 0

    def test_a_killed_import_goes_on_where_it_was(
        self, run: Run, start: Start, client: Client, name: str, source: str, store: str
    ) -> None:
        older.fill(client, name, users=400)
        total = client[name]["learningevents"].count_documents({})
        importing = start("import", "--from-mongo", source, "--store", store)
        wait_for_entries(importing, store, 500)
        importing.send_signal(signal.SIGKILL)
        importing.wait()
        stood = sum(len(entries) for _, entries in look(store).values())
        assert 500 < stood < total + 400, "it was to be killed on its way"
        done = run("import", "--from-mongo", source, "--store", store)
        assert done.code == 0
        found = look(store)
        for person in client[name]["users"].find():
            assert found[person["userId"]][0].total_points == person["totalPoints"]
        assert sum(len(entries) for _, entries in found.values()) == total + 400
        assert run("verify", "--store", store).code == 0


class TestOddEvents:
    def test_what_cannot_be_taken_is_told_of_and_kept_and_the_total_stays(
        self, run: Run, client: Client, name: str, source: str, store_url: str, tmp_path: Path
    ) -> None:
        events = client[name]["learningevents"]
        events.insert_many([older.plain_event(), *(older.plain_event(**change) for change, _ in older.REJECTED)])
        client[name]["users"].insert_one(older.plain_user(totalPoints=65))
        rejects = tmp_path / "rejects.ndjson"
        done = run("import", "--from-mongo", source, "--store", store_url, "--rejects", rejects)
        assert done.code == 1
        assert f"events: 1 recorded, 0 already there, {len(older.REJECTED)} rejected" in done.out
        kept = [json.loads(line) for line in rejects.read_bytes().splitlines()]
        assert len(kept) == len(older.REJECTED) == len(done.err.splitlines())
        for _, reason in older.REJECTED:
            assert any(reason in line["reason"] for line in kept), reason
        assert {(line["outcome"], line["collection"]) for line in kept} == {("rejected", "learningevents")}
        assert all(line["document"]["points"] == {"$numberInt": "5"} for line in kept)
        assert look(store_url)["ada"][0].total_points == 65

    def test_odd_metadata_has_a_clear_outcome(
        self, run: Run, client: Client, name: str, source: str, store: str, tmp_path: Path
    ) -> None:
        changes = [*older.TAKEN, ({"metadata": older.deep(20)}, {}, "nested")]
        for number, (change, _, _) in enumerate(changes):
            client[name]["learningevents"].insert_one(older.plain_event(**change, _id=f"e{number:02}"))
        client[name].create_collection("users")
        rejects = tmp_path / "rejects.ndjson"
        done = run("import", "--from-mongo", source, "--store", store, "--rejects", rejects)
        assert (done.code, done.err) == (0, "")
        taken = {entry.event_id: entry.fact for entry in look(store)["ada"][1]}
        remarked = {json.loads(line)["document"]["_id"]: json.loads(line) for line in rejects.read_bytes().splitlines()}
        for number, (change, metadata, remark) in enumerate(changes):
            fact = taken[f"mongo:e{number:02}"]
            assert isinstance(fact, EventRecorded)
            assert fact.metadata == {"language": "python", **metadata}, change
            assert fact.outcome.points == 5
            assert (f"e{number:02}" in remarked) == bool(remark)
            if remark:
                assert remarked[f"e{number:02}"]["outcome"] == "changed"
                assert remark in remarked[f"e{number:02}"]["reason"]
        assert f"documents taken with changes: {len(remarked)}" in done.out

    def test_points_are_those_that_were_stored(
        self, run: Run, client: Client, name: str, source: str, store_url: str
    ) -> None:
        stored = [7, 7.0, Int64(7), 0, 2.5, -3, "9", None, float("nan"), 10**10]
        client[name]["learningevents"].insert_many(
            [older.plain_event(_id=number, points=points) for number, points in enumerate(stored)]
        )
        client[name].create_collection("users")
        done = run("import", "--from-mongo", source, "--store", store_url)
        assert done.code == 0
        assert "6 x learningevents.points: not a whole number" in done.out
        facts = [entry.fact for entry in look(store_url)["ada"][1]]
        assert [fact.outcome.points for fact in facts if isinstance(fact, EventRecorded)] == [7, 7, 7, *[0] * 7]

    def test_an_event_that_was_edited_since_is_rejected(
        self, run: Run, client: Client, name: str, source: str, store_url: str
    ) -> None:
        client[name]["learningevents"].insert_one(older.plain_event())
        client[name]["users"].insert_one(older.plain_user(totalPoints=5))
        run("import", "--from-mongo", source, "--store", store_url)
        client[name]["learningevents"].update_one({}, {"$set": {"points": 50}})
        done = run("import", "--from-mongo", source, "--store", store_url)
        assert done.code == 1
        assert "other content" in done.err
        assert ", 0 corrected," in done.out
        assert look(store_url)["ada"][0].total_points == 5
        client[name]["users"].update_one({}, {"$set": {"totalPoints": 50}})
        assert ", 1 corrected," in run("import", "--from-mongo", source, "--store", store_url).out
        assert look(store_url)["ada"][0].total_points == 50
        assert run("verify", "--store", store_url).code == 0

    def test_an_event_that_was_mended_since_is_taken_and_the_difference_shrinks(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        client[name]["learningevents"].insert_many([older.plain_event(), older.plain_event(eventType="jugling")])
        client[name]["users"].insert_one(older.plain_user(totalPoints=10))
        assert run("import", "--from-mongo", source, "--store", store).code == 1
        assert look(store)["ada"][0].adopted.popitem()[1] == 5
        client[name]["learningevents"].update_many({}, {"$set": {"eventType": "code_run"}})
        assert "1 corrected" in run("import", "--from-mongo", source, "--store", store).out
        progress, _ = look(store)["ada"]
        assert (progress.total_points, progress.events, progress.adopted.popitem()[1]) == (10, 2, 0)
        assert run("verify", "--store", store).code == 0


class TestOddUsers:
    def test_each_has_a_clear_outcome(
        self, run: Run, client: Client, name: str, source: str, store: str, tmp_path: Path
    ) -> None:
        first, second = ObjectId(), ObjectId()
        client[name]["learningevents"].insert_many(
            [older.plain_event(userId=user_id) for user_id in ("twice", "stray", "no-total", "Ünal")]
        )
        client[name]["users"].insert_many(
            [
                older.plain_user(_id=first, userId="twice", totalPoints=20, badges=["first_run"]),
                older.plain_user(_id=second, userId="twice", totalPoints=80, badges=["polyglot", "first_run"]),
                older.plain_user(userId="quiet", totalPoints=30),
                older.plain_user(userId="no-total", totalPoints="many", createdAt="yesterday", badges="first_run"),
                older.plain_user(userId="Ünal", totalPoints=5, photoURL="javascript:alert(1)", badges=[None, 3]),
                older.plain_user(userId=None),
                older.plain_user(userId=12),
            ]
        )
        rejects = tmp_path / "rejects.ndjson"
        done = run("import", "--from-mongo", source, "--store", store, "--rejects", rejects)
        assert done.code == 1
        assert (
            "users: 4 taken over, 0 corrected, 0 already there, 2 rejected; "
            "1 without events, 1 with events and no document, 1 documents merged"
        ) in done.out
        found = {user_id: progress for user_id, (progress, _) in look(store).items()}
        assert found.keys() == {"twice", "stray", "quiet", "no-total", "Ünal"}
        assert found["twice"].total_points == 80
        assert {"first_run", "polyglot"} <= found["twice"].awards.keys()
        assert found["twice"].adopted.keys() == {f"mongo:user:{first}"}
        assert (found["quiet"].total_points, found["quiet"].events) == (30, 0)
        assert found["quiet"].created_at == to_ms(older.SPRING)
        assert found["no-total"].total_points == 5
        assert found["no-total"].created_at == to_ms(older.SPRING), "its first event"
        assert found["stray"].total_points == 5
        assert found["Ünal"].photo_url is None
        kept = [json.loads(line) for line in rejects.read_bytes().splitlines()]
        assert sum(line["outcome"] == "rejected" for line in kept) == 2
        assert {line["document"]["userId"] for line in kept if line["outcome"] == "changed"} == {
            "twice",
            "no-total",
            "Ünal",
        }
        assert run("verify", "--store", store).code == 0

    def test_badges_held_stay_held_and_those_that_history_earns_come_without_points(
        self, run: Run, client: Client, name: str, source: str, store: str
    ) -> None:
        client[name]["learningevents"].insert_many([older.plain_event() for _ in range(10)])
        held = ["code_runner_10", "streak_30", "beta_tester", "streak_30"]
        client[name]["users"].insert_one(older.plain_user(totalPoints=50 + 25 + 200 + 15, badges=held))
        client[name]["achievements"].insert_many(
            [{"badgeId": "beta_tester", "points": 15}, {"badgeId": "streak_30", "points": 150}]
        )
        done = run("import", "--from-mongo", source, "--store", store)
        assert done.code == 0
        assert "badges unknown to the rulebook, kept: 1: beta_tester (1)" in done.out
        assert "badge streak_30: defined there with 150 points, counted with the rulebook's 200" in done.out
        assert "differences: 0 users" in done.out
        awards = look(store)["ada"][0].awards
        assert {badge: awards[badge].points for badge in ("code_runner_10", "streak_30", "beta_tester")} == {
            "code_runner_10": 25,
            "streak_30": 200,
            "beta_tester": 15,
        }
        # Ten runs earn it, too, but the older server had not awarded it.
        assert awards["first_run"].points == 0
        assert awards["first_run"].earned_at == to_ms(older.SPRING)


class TestRefusals:
    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("mongodb://ada:s3cret@127.0.0.1:1/older?serverSelectionTimeoutMS=300", "can be reached"),
            ("mongodb://ada:s3cret@127.0.0.1:1", "with the database named"),
            ("mongodb://ada:s3cr:et@x@127.0.0.1:1/older", "percent-encoded"),
            ("mongodb://ada:s3cret@127.0.0.1:port/older", "--from-mongo takes"),
            ("postgres://ada:s3cret@127.0.0.1/older", "--from-mongo takes"),
        ],
    )
    def test_a_url_that_leads_nowhere_is_one_sentence_without_its_password(
        self, run: Run, store_url: str, database: Path, url: str, told: str
    ) -> None:
        done = run("import", "--from-mongo", url, "--store", store_url)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert told in done.err
        assert "s3cr" not in done.err
        assert not database.exists()

    def test_a_database_without_the_collections(
        self, run: Run, client: Client, name: str, source: str, store_url: str
    ) -> None:
        client[name]["users"].insert_one(older.plain_user())
        done = run("import", "--from-mongo", source, "--store", store_url)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "has no collection learningevents" in done.err

    def test_the_store_in_the_older_database_itself(
        self, run: Run, client: Client, server: Deployment, name: str, source: str
    ) -> None:
        older.fill(client, name, users=3)
        before = client[name].list_collection_names()
        done = run("import", "--from-mongo", source, "--store", source.replace("127.0.0.1", "localhost"))
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "name the same database" in done.err
        assert sorted(client[name].list_collection_names()) == sorted(before)

    def test_a_store_as_the_source(self, run: Run, client: Client, name: str, source: str, store_url: str) -> None:
        older.fill(client, name, users=3)
        client[name].create_collection("ledger")
        assert "is a Laurels store" in run("import", "--from-mongo", source, "--store", store_url).err

    def test_the_role_read_is_enough_and_without_it_one_sentence_says_so(
        self, run: Run, tmp_path: Path, store_url: str, database: Path
    ) -> None:
        guarded = deploy(tmp_path / "guarded", "--auth", members=0)
        try:
            with MongoClient(guarded.url("admin")) as first:
                first["admin"].command("createUser", "root", pwd="r00t", roles=["root"])
            with MongoClient(guarded.url("admin", who="root:r00t"), tz_aware=True) as root:
                older.fill(root, "older", users=5)
                root["admin"].command("createUser", "reader", pwd="s3cret", roles=[{"role": "read", "db": "older"}])
                root["admin"].command("createUser", "nobody", pwd="s3cret", roles=[])
                before = digest(root, "older")
            for who, told in (
                ("reader:s3crets", "refuses the user name or the password"),
                ("nobody:s3cret", "role read"),
            ):
                url = guarded.url("older", who=who, options="&authSource=admin")
                done = run("import", "--from-mongo", url, "--store", store_url)
                assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
                assert told in done.err
                assert "s3cret" not in done.err
                assert not database.exists()
            url = guarded.url("older", who="reader:s3cret", options="&authSource=admin")
            assert run("import", "--from-mongo", url, "--store", store_url).code == 0
            with MongoClient(guarded.url("admin", who="root:r00t")) as root:
                assert digest(root, "older") == before
        finally:
            guarded.end()

    def test_a_source_that_goes_away_says_how_far_it_got_and_can_be_continued(
        self, run: Run, start: Start, tmp_path: Path, store_url: str
    ) -> None:
        other = deploy(tmp_path / "other", members=0)
        try:
            with MongoClient(other.url("admin")) as filling:
                older.fill(filling, "older", users=400)
            url = other.url("older", options="&serverSelectionTimeoutMS=500")
            importing = start("import", "--from-mongo", url, "--store", store_url)
            wait_for_entries(importing, store_url, 500)
            other.nodes[0].kill()
            assert importing.wait(timeout=60) == 2
            assert importing.stderr is not None
            told = importing.stderr.read().decode()
            assert len(told.splitlines()) == 1
            assert "Run the same command again to continue" in told
            other.nodes[0].start()
            other.nodes[0].wait()
            assert run("import", "--from-mongo", url, "--store", store_url).code == 0
            assert run("verify", "--store", store_url).code == 0
        finally:
            other.end()

    @pytest.mark.parametrize("arguments", [(), ("events.ndjson", "--from-mongo", "mongodb://127.0.0.1/older")])
    def test_one_source_must_be_named(self, run: Run, arguments: tuple[str, ...]) -> None:
        done = run("import", *arguments)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "Name either" in done.err
