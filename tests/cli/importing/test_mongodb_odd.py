"""`laurels import --from-mongo`: every odd document has a clear outcome, and none is lost in silence."""

from __future__ import annotations

import json
from pathlib import Path

from bson import Int64, ObjectId

from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.periods import to_ms
from tests.cli.conftest import Run
from tests.cli.importing import older_database as older
from tests.cli.importing.older_database import Client, look


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
        taken = {entry.event_id: entry.body for entry in look(store)["ada"][1]}
        remarked = {json.loads(line)["document"]["_id"]: json.loads(line) for line in rejects.read_bytes().splitlines()}
        for number, (change, metadata, remark) in enumerate(changes):
            body = taken[f"mongo:e{number:02}"]
            assert isinstance(body, EventRecorded)
            assert body.metadata == {"language": "python", **metadata}, change
            assert body.outcome.points == 5
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
        bodies = [entry.body for entry in look(store_url)["ada"][1]]
        assert [body.outcome.points for body in bodies if isinstance(body, EventRecorded)] == [7, 7, 7, *[0] * 7]

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
        assert look(store)["ada"][0].migrated.popitem()[1] == 5
        client[name]["learningevents"].update_many({}, {"$set": {"eventType": "code_run"}})
        assert "1 corrected" in run("import", "--from-mongo", source, "--store", store).out
        progress, _ = look(store)["ada"]
        assert (progress.total_points, progress.events, progress.migrated.popitem()[1]) == (10, 2, 0)
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
            "1 without events, 1 with events and no document, 1 document merged"
        ) in done.out
        found = {user_id: progress for user_id, (progress, _) in look(store).items()}
        assert found.keys() == {"twice", "stray", "quiet", "no-total", "Ünal"}
        assert found["twice"].total_points == 80
        assert {"first_run", "polyglot"} <= found["twice"].awards.keys()
        assert found["twice"].migrated.keys() == {f"mongo:user:{first}"}
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
