"""A spool belongs to one store: its events and keys are never taken for those of another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from laurels.application.ports.spool import SetAside, Spooled
from laurels.errors import SettingsError
from laurels.storage.local_copies import keys, rulebook
from laurels.storage.local_copies.owner import NAME, claim, owner_of
from laurels.storage.spool.file_spool import FileSpool
from laurels.testing.builders import NOON, learning_event

WAITING = Spooled(learning_event(event_id="e1"), NOON)
REMEMBERED = (keys.NAME, rulebook.NAME)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[FileSpool]:
    opened = await FileSpool.open(tmp_path, limit=1_000_000)
    for name in REMEMBERED:
        (tmp_path / name).write_text("of the store before")
    yield opened
    await opened.close()


def remembered_in(folder: Path) -> list[str]:
    return [name for name in REMEMBERED if (folder / name).exists()]


async def test_the_first_store_that_asks_for_it_has_it(spool: FileSpool, tmp_path: Path) -> None:
    assert owner_of(tmp_path) is None
    await claim(tmp_path, "sqlite:///a é.db", spool)
    assert owner_of(tmp_path) == "sqlite:///a é.db"
    assert remembered_in(tmp_path) == list(REMEMBERED)


async def test_the_same_store_has_it_whatever_waits(spool: FileSpool, tmp_path: Path) -> None:
    await claim(tmp_path, "a", spool)
    await spool.append([WAITING])
    await claim(tmp_path, "a", spool)
    assert remembered_in(tmp_path) == list(REMEMBERED)


async def test_another_store_takes_an_empty_one_and_what_was_remembered_is_forgotten(
    spool: FileSpool, tmp_path: Path
) -> None:
    await claim(tmp_path, "a", spool)
    await claim(tmp_path, "b", spool)
    assert (owner_of(tmp_path), remembered_in(tmp_path)) == ("b", [])


@pytest.mark.parametrize("is_set_aside", [False, True])
async def test_another_store_is_refused_while_there_are_events_for_the_first(
    spool: FileSpool, tmp_path: Path, *, is_set_aside: bool
) -> None:
    await claim(tmp_path, "a", spool)
    await spool.append([WAITING])
    if is_set_aside:
        [waiting] = await spool.first(1)
        await spool.complete([], [SetAside(waiting, "Differs.")])
    with pytest.raises(SettingsError, match=r"has 1 event for the store a, and this is b\. Name another folder"):
        await claim(tmp_path, "b", spool)
    assert owner_of(tmp_path) == "a"
    assert remembered_in(tmp_path) == list(REMEMBERED)
    # As it says: where both are the same database, the name may be taken away.
    (tmp_path / NAME).unlink()
    await claim(tmp_path, "b", spool)
    assert owner_of(tmp_path) == "b"
