"""`laurels import --from-mongo`: what cannot be taken over is one sentence, and nothing is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymongo import MongoClient

from tests.cli.conftest import Run, Start
from tests.cli.importing import older_database as older
from tests.cli.importing.older_database import Client, digest, wait_for_users
from tests.mongod import Deployment, deploy


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
            wait_for_users(importing, store_url, 20)
            other.nodes[0].kill()
            assert importing.wait(timeout=60) == 2
            assert importing.stderr is not None
            place, told = importing.stderr.read().decode().split("\n", 1)
            assert place == f"store: {store_url}"
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
