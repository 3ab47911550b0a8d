"""Buckets have names that are the same in every process on a store, and tell nobody whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from laurels.application.access.bucket_names import BucketNames
from laurels.storage.sqlite.store import SQLiteStore


async def test_all_processes_on_a_store_give_a_name_the_same_bucket(store: SQLiteStore) -> None:
    one, two = BucketNames(store.secrets), BucketNames(store.secrets)
    assert await one.of("address", "203.0.113.5") == await two.of("address", "203.0.113.5")
    assert await one.of("address", "203.0.113.5") == await one.of("address", "203.0.113.5")


async def test_processes_on_another_store_give_it_another(store: SQLiteStore, tmp_path: Path) -> None:
    other = await SQLiteStore.open(tmp_path / "other.db")
    try:
        names = [await BucketNames(each.secrets).of("user", "ada") for each in (store, other)]
    finally:
        await other.close()
    assert names[0] != names[1]


async def test_names_and_kinds_are_told_apart(store: SQLiteStore) -> None:
    names = BucketNames(store.secrets)
    asked = [(kind, name) for kind in ("user", "address") for name in ("ada", "Ada", "", "é", "e\u0301", "\ud800")]
    assert len({await names.of(kind, name) for kind, name in asked}) == len(asked)


@pytest.mark.parametrize("name", ["ada@example.org", "203.0.113.5", "x" * 10_000])
async def test_of_the_name_nothing_is_in_it(store: SQLiteStore, name: str) -> None:
    bucket = await BucketNames(store.secrets).of("user", name)
    kind, _, digest = bucket.partition(":")
    assert (kind, len(digest)) == ("user", 32)
    assert name not in bucket


async def test_while_the_store_is_away_a_process_goes_by_a_key_of_its_own(store: SQLiteStore) -> None:
    known = BucketNames(store.secrets)
    before = await known.of("user", "ada")
    await store.close()
    one, two = BucketNames(store.secrets), BucketNames(store.secrets)
    assert await one.of("user", "ada") == await one.of("user", "ada")
    assert len({before, await one.of("user", "ada"), await two.of("user", "ada")}) == 3
    # What was learned of the key stays.
    assert await known.of("user", "ada") == before
