"""The commands on MongoDB: one setting, and one sentence where they cannot start."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laurels.rulebooks.loader import load_rulebook
from tests.cli.conftest import Run, Start, event, ndjson
from tests.cli.test_serve import post, ready_url
from tests.mongod import Deployment
from tests.ports import free_port


class TestOneSetting:
    """Nothing but `LAURELS_STORE` says that the store is MongoDB."""

    def test_every_command_works_beside_two_workers(self, run: Run, start: Start, one_node_url: str) -> None:
        env = {"LAURELS_STORE": one_node_url}
        serving = start("serve", "--port", 0, "--workers", 2, env=env)
        url = ready_url(serving)
        for number in range(5):
            assert post(url, event(number)) == 201
        imported = run("import", "-", stdin=ndjson(event(number) for number in range(300)), env=env)
        assert imported.code == 0
        assert imported.out.startswith("295 recorded, 5 already there, 0 rejected")
        verified = run("verify", env=env)
        assert (verified.code, verified.err) == (0, "")
        assert verified.out.startswith("7 users, 300 entries, 300 events, ")
        rebuilt = run("rebuild", env=env)
        assert (rebuilt.code, rebuilt.out) == (0, "Rebuilt the projections of 7 users.\n")
        assert run("verify", env=env).out == verified.out
        serving.send_signal(signal.SIGTERM)
        _, told = serving.communicate(timeout=30)
        assert b"Traceback" not in told

    def test_a_server_publishes_its_rulebook(self, start: Start, mongodb_alone: Deployment) -> None:
        database = mongodb_alone.fresh()
        ready_url(start("serve", "--port", 0, "--store", mongodb_alone.url(database)))
        with mongodb_alone.client() as client:
            published = list(client[database].achievements.find().sort("position"))
        badges = load_rulebook("coding").badges
        assert [badge["badgeId"] for badge in published] == [badge.id for badge in badges]
        century = next(badge for badge in published if badge["badgeId"] == "points_100")
        assert {
            "name": "Century",
            "category": "milestone",
            "rarity": "common",
            "points": 20,
            "criterion": {"kind": "points", "target": 100},
        }.items() <= century.items()


class TestFailures:
    """One sentence that says what to do, and nobody's name, password or address."""

    # All commands open the store in the same way: each stands for the others.
    @pytest.mark.parametrize(
        ("command", "database", "who", "told"),
        [
            (
                "serve --port 0",
                "laurels",
                "writer:wrong",
                "MongoDB refuses the user name or the password of the store URL.",
            ),
            (
                "import -",
                "laurels",
                "",
                "The MongoDB user of the store URL lacks a permission; it needs the role readWrite",
            ),
            (
                "import -",
                "narrow",
                "narrow:p%40ss",
                "The MongoDB user of the store URL lacks a permission; it needs the role",
            ),
            (
                "rebuild",
                "",
                "writer:p%40ss",
                "A MongoDB store URL is mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE[?OPTIONS]",
            ),
        ],
        ids=["wrong password", "no password", "no right to make an index", "no database"],
    )
    def test_what_an_operator_must_mend_is_told_at_once(
        self, run: Run, mongodb_guarded: Deployment, command: str, database: str, who: str, told: str
    ) -> None:
        began = time.monotonic()
        done = run(*command.split(), env={"LAURELS_STORE": mongodb_guarded.url(database, who=who)})
        assert time.monotonic() - began < 45
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert done.err.startswith(told)
        for secret in ("writer", "narrow", "p%40ss", "127.0.0.1"):
            assert secret not in done.err

    def test_a_server_that_is_not_there_is_told_after_some_seconds(self, run: Run) -> None:
        began = time.monotonic()
        done = run("verify", "--store", f"mongodb://127.0.0.1:{free_port()}/laurels")
        assert time.monotonic() - began < 45
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert done.err.startswith("No MongoDB server that takes writes can be reached; start it, or check")

    def test_serve_gives_up_waiting_after_the_time_that_is_set(self, run: Run) -> None:
        url = f"mongodb://127.0.0.1:{free_port()}/laurels"
        began = time.monotonic()
        done = run(
            "serve", "--port", 0, env={"LAURELS_STORE": url, "LAURELS_STORE_WAIT_SECONDS": "12", "LAURELS_SPOOL": "off"}
        )
        assert time.monotonic() - began < 45
        assert done.code == 2
        first, *_, last = done.err.splitlines()
        assert first.endswith("Trying again for 12 seconds.")
        assert last.startswith("No MongoDB server that takes writes can be reached; start it, or check")


def test_serve_waits_for_a_server_that_starts_later(
    start: Start, deploy_mongodb: Callable[..., Any], tmp_path: Path
) -> None:
    deployment = deploy_mongodb(tmp_path / "late", members=0)
    try:
        [node] = deployment.nodes
        node.kill()
        serving = start("serve", "--port", 0, env={"LAURELS_STORE": deployment.url("laurels"), "LAURELS_SPOOL": "off"})
        assert serving.stderr is not None
        assert serving.stderr.readline().startswith(b"store: mongodb://")
        assert serving.stderr.readline().endswith(b"Trying again for 60 seconds.\n")
        node.start()
        assert post(ready_url(serving), event(1)) == 201
    finally:
        deployment.end()
