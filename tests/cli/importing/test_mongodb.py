"""`laurels import --from-mongo`: an older database moves in with its dates, points, badges and totals."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from laurels import Settings
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import EventRecorded, UserMigrated
from laurels.domain.periods import to_ms
from tests.cli.conftest import Run, Start, rows
from tests.cli.importing import older_database as older
from tests.cli.importing.older_database import Client, boards, digest, event_points, look, wait_for_users
from tests.mongod import Deployment


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
            bodies = [entry.body for entry in entries if isinstance(entry.body, EventRecorded)]
            assert [(f.at, f.outcome.points) for f in bodies] == [
                (to_ms(e["timestamp"]), int(e["points"])) for e in own
            ]
            migrated = entries[-1].body
            assert isinstance(migrated, UserMigrated)
            pays = older.BADGES | older.UNKNOWN
            due = event_points(own, person["userId"]) + sum(pays[badge] for badge in set(person["badges"]))
            assert migrated.adjustment == person["totalPoints"] - due
            off += migrated.adjustment != 0
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
        rows(
            database,
            f"UPDATE ledger SET body = packed(json_set(readable(body), {tampering})) "
            "WHERE readable(body) ->> 'kind' = 'migration'",
        )
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
            assert all(e.body.adjustment == 0 for e in entries if isinstance(e.body, UserMigrated))
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
            async with open_service(settings=Settings(store=store)) as laurels:
                outcome = (await laurels.record("ada", "ai_explain")).body.outcome
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
        wait_for_users(importing, store, 20)
        importing.send_signal(signal.SIGKILL)
        importing.wait()
        stood = sum(len(entries) for _, entries in look(store).values())
        assert 20 <= stood < total + 400, "it was to be killed on its way"
        done = run("import", "--from-mongo", source, "--store", store)
        assert done.code == 0
        found = look(store)
        for person in client[name]["users"].find():
            assert found[person["userId"]][0].total_points == person["totalPoints"]
        assert sum(len(entries) for _, entries in found.values()) == total + 400
        assert run("verify", "--store", store).code == 0
