"""`laurels keys`: shown once, kept as a hash, listed by prefix, ended for good."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

import pytest

from laurels.bootstrap import system_clock
from laurels.domain.keys import SCOPES
from tests.cli.conftest import Ran, Run
from tests.http.callers import make_key, revoke


@pytest.fixture
def laurels(run: Run, store_url: str) -> Run:
    """Runs a command on the store, and asserts its exit code."""

    def laurels(*arguments: str, code: int = 0) -> Ran:
        ran = run(*arguments, "--store", store_url)
        assert ran.code == code, ran.err
        return ran

    return laurels


def test_a_key_is_shown_once_and_kept_as_its_hash(laurels: Run, database: Path) -> None:
    made = laurels(
        "keys", "create", "--new-store", "--name", "platform", "--scope", "events:write", "--scope", "users:write"
    )
    key = made.out.strip()
    assert re.fullmatch(r"lrl_[0-9A-Za-z]{12}_[0-9A-Za-z]{40}", key)
    prefix = key.split("_")[1]
    assert prefix in made.err
    with sqlite3.connect(database) as connection:
        [row] = connection.execute("SELECT prefix, digest FROM keys").fetchall()
    assert row == (prefix, hashlib.sha256(key.encode()).hexdigest())
    kept = b"".join(path.read_bytes() for path in database.parent.glob("laurels.db*"))
    assert key.split("_")[2].encode() not in kept
    listed = laurels("keys", "list").out
    assert key.split("_")[2] not in listed
    assert all(part in listed for part in (prefix, "platform", "events:write users:write", "active"))


def test_sessions_are_listed_until_they_end_and_no_key_can_pass_for_one(laurels: Run, store_url: str) -> None:
    prefix = laurels("keys", "create", "--new-store", "--name", "a", "--scope", "admin").out.split("_")[1]
    session = make_key(store_url, "admin", parent=prefix, expires_at=system_clock() + 3_600_000)
    assert f"session of {prefix}" in laurels("keys", "list").out
    # It ends within the hour, which is no reason to make another key.
    assert "1 key may be used" in laurels("doctor").out
    revoke(store_url, session)
    listed = laurels("keys", "list").out
    assert prefix in listed
    assert "session of" not in listed
    # Such a key would open nothing, since a session is valid only in its cookie.
    refused = laurels("keys", "create", "--name", f"session of {prefix}", "--scope", "admin", code=2)
    assert "Must not begin with 'session of '" in refused.err


def test_a_revoked_key_stays_listed_as_revoked(laurels: Run) -> None:
    prefix = laurels("keys", "create", "--new-store", "--name", "a", "--scope", "admin").out.split("_")[1]
    assert laurels("keys", "revoke", prefix).out == f"{prefix} is revoked\n"
    assert "revoked" in laurels("keys", "list").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--name", "a", "--scope", "everything"], ", ".join(SCOPES)),
        (["--name", "", "--scope", "admin"], "name: Must have 1 to 100 printable"),
        (["--name", "a\nb", "--scope", "admin"], "name: Must have 1 to 100 printable"),
    ],
)
def test_a_wrong_key_is_not_made(laurels: Run, options: list[str], said: str) -> None:
    refused = laurels("keys", "create", "--new-store", *options, code=2)
    assert said in refused.err
    assert refused.out == ""
    assert "0 keys" in laurels("keys", "list").out


def test_an_unknown_prefix_is_an_error(laurels: Run) -> None:
    laurels("keys", "create", "--new-store", "--name", "a", "--scope", "admin")
    assert "no key with this prefix" in laurels("keys", "revoke", "unknown00000", code=2).err
