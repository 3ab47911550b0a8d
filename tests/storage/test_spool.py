"""The spool on disk: what was kept is there, in order, for every process, up to the limit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from laurels import LearningEvent, StoreIncompatible, StoreUnavailable
from laurels.application.ports.spool import SetAside, Spooled
from laurels.storage.spool import FileSpool

LIMIT = 20_000


def spooled(user: str, number: int, *, text: str = "") -> Spooled:
    event = LearningEvent(user_id=user, event_type="run", event_id=str(number), metadata={"text": text})
    return Spooled(event, 1_000 + number)


def ids(events: list[Spooled]) -> list[str]:
    return [f"{each.event.user_id} {each.event.event_id}" for each in events]


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[FileSpool]:
    spool = await FileSpool.open(tmp_path / "a" / "spool", limit=LIMIT)
    yield spool
    await spool.close()


async def test_what_was_kept_comes_back_whole_and_in_order(spool: FileSpool, tmp_path: Path) -> None:
    assert spool.is_empty
    given = [spooled("ada", 1, text="snow \N{SNOWMAN}"), spooled("o'hara", 2), spooled("ada", 3)]
    await spool.append(given)
    again = await FileSpool.open(tmp_path / "a" / "spool", limit=LIMIT)
    assert not again.is_empty
    found = await again.first(10)
    assert [(each.event, each.arrived_at) for each in found] == [(each.event, each.arrived_at) for each in given]
    assert [each.position for each in found] == [1, 2, 3]
    assert await again.waiting_of(["ada", "nobody", "o'hara"]) == {"ada", "o'hara"}
    assert ids(await again.first(1)) == ["ada 1"]
    await again.close()


async def test_callers_at_once_are_kept_in_the_order_of_their_calls(spool: FileSpool) -> None:
    await asyncio.gather(*(spool.append([spooled("ada", number)]) for number in range(60)))
    assert ids(await spool.first(100)) == [f"ada {number}" for number in range(60)]


async def test_beyond_the_limit_a_call_is_refused_whole_and_smaller_ones_fit(spool: FileSpool) -> None:
    await spool.append([spooled("ada", 1, text="x" * 10_000)])
    with pytest.raises(StoreUnavailable, match="as much as it may"):
        await spool.append([spooled("ada", 2), spooled("ada", 3, text="x" * 10_000)])
    await spool.append([spooled("ada", 4)])
    assert ids(await spool.first(10)) == ["ada 1", "ada 4"]
    # There is room, and not for any event.
    assert await spool.check() == "full"
    await spool.append([spooled("ada", 5, text="x" * 8_500)])
    assert await spool.check() == "full"
    await spool.complete(await spool.first(10), [])
    assert (spool.is_empty, await spool.check(), (await spool.stats()).bytes) == (True, "ok", 0)


async def test_it_says_that_it_is_full_when_the_largest_event_does_not_fit(tmp_path: Path) -> None:
    spool = await FileSpool.open(tmp_path / "spool", limit=64 * 1024)
    number = 0
    while await spool.check() == "ok":
        number += 1
        await spool.append([spooled("ada", number, text="x" * 500)])
    assert number > 50
    with pytest.raises(StoreUnavailable):
        await spool.append([spooled("ada", 901, text="x" * 16_000), spooled("ada", 902, text="x" * 5_000)])
    # One that still fits is taken all the same.
    await spool.append([spooled("ada", 903, text="x" * 500)])
    await spool.close()


async def test_another_process_sees_at_once_that_something_waits(spool: FileSpool, tmp_path: Path) -> None:
    other = await FileSpool.open(tmp_path / "a" / "spool", limit=LIMIT)
    await spool.append([spooled("ada", 1)])
    assert not other.is_empty
    await other.complete(await other.first(1), [])
    assert spool.is_empty
    assert spool.take_turn()
    assert not other.take_turn()
    spool.end_turn()
    assert other.take_turn()
    await other.close()
    assert spool.take_turn()


async def test_the_flag_is_set_right_after_a_crash(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = await FileSpool.open(folder, limit=LIMIT)
    await spool.append([spooled("ada", 1)])
    await spool.close()
    # As an older state of the file that the power failure left.
    (folder / "flag").write_bytes(b"\0")
    spool = await FileSpool.open(folder, limit=LIMIT)
    assert not spool.is_empty
    await spool.complete(await spool.first(1), [])
    await spool.close()
    (folder / "flag").write_bytes(b"\1")
    spool = await FileSpool.open(folder, limit=LIMIT)
    assert spool.is_empty
    await spool.close()


async def test_what_is_set_aside_counts_and_can_be_tried_again_or_deleted(spool: FileSpool) -> None:
    await spool.append([spooled("ada", number) for number in range(4)])
    first, second, third, fourth = await spool.first(10)
    await spool.complete([first], [SetAside(second, "No."), SetAside(third, "Never.")])
    stats = await spool.stats()
    assert (stats.waiting, stats.set_aside, stats.queued, stats.drained) == (1, 2, 4, 1)
    assert stats.bytes > 0
    assert stats.oldest_at == fourth.arrived_at
    assert [(each.spooled, each.reason) for each in await spool.set_aside()] == [(second, "No."), (third, "Never.")]
    await spool.complete([fourth], [])
    assert spool.is_empty
    assert await spool.retry() == 2
    assert not spool.is_empty
    assert ids(await spool.first(10)) == ["ada 1", "ada 2"]
    again = await spool.first(10)
    await spool.complete([again[0]], [SetAside(again[1], "Still not.")])
    assert await spool.discard() == 1
    stats = await spool.stats()
    assert (stats.waiting, stats.set_aside, stats.bytes, stats.drained) == (0, 0, 0, 3)


async def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"spool folder .*file cannot be used"):
        await FileSpool.open(tmp_path / "file", limit=LIMIT)


async def test_the_spool_of_a_newer_version_is_refused(spool: FileSpool, tmp_path: Path) -> None:
    await spool.close()
    connection = apsw.Connection(str(tmp_path / "a" / "spool" / "spool.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreIncompatible, match="newer Laurels"):
        await FileSpool.open(tmp_path / "a" / "spool", limit=LIMIT)


KEEP = """
import asyncio, os, sys
from pathlib import Path
from laurels import LearningEvent
from laurels.application.ports.spool import Spooled
from laurels.storage.spool import FileSpool

async def main():
    spool = await FileSpool.open(Path(sys.argv[1]), limit=10**8)
    assert spool.take_turn()
    for number in range(10**6):
        event = LearningEvent(user_id="ada", event_type="run", event_id=str(number))
        await spool.append([Spooled(event, number)])
        os.write(1, f"{number}\\n".encode())

asyncio.run(main())
"""


def test_a_killed_process_leaves_all_that_it_was_told_is_kept_and_its_turn(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KEEP, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(200):
        assert process.stdout.readline()
    process.kill()
    told = 200 + len(process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()
    found, has_turn = asyncio.run(look(tmp_path))
    assert found[:told] == [str(number) for number in range(told)]
    assert len(found) <= told + 1
    assert has_turn


async def look(folder: Path) -> tuple[list[str | None], bool]:
    spool = await FileSpool.open(folder, limit=10**8)
    found = [each.event.event_id for each in await spool.first(10**6)]
    has_turn = spool.take_turn()
    await spool.close()
    return found, has_turn


@pytest.mark.parametrize("name", ["flag", "turn"])
async def test_a_link_in_its_folder_leads_nowhere(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / name).symlink_to(victim)
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        await FileSpool.open(tmp_path / "spool", limit=1_000_000)
    assert victim.read_bytes() == b""


@pytest.mark.parametrize("text", ['{"eventId": "1"}', "[]", "7", '{"userId": "ada", "eventType": 7}', '{"userId": 7}'])
async def test_a_row_that_is_no_event_is_set_aside_and_the_others_go_on(
    spool: FileSpool, tmp_path: Path, text: str
) -> None:
    await spool.append([spooled("ada", 1), spooled("ada", 2), spooled("bob", 3)])
    edited = apsw.Connection(str(tmp_path / "a" / "spool" / "spool.db"))
    edited.execute("UPDATE queue SET event = ? WHERE position IN (1, 2)", (text,))
    edited.close()
    assert ids(await spool.first(1)) == ["bob 3"]
    aside = await spool.set_aside()
    assert [each.spooled.position for each in aside] == [1, 2]
    assert "is no event" in aside[0].reason
    assert aside[0].spooled.event.metadata == {"text": text}
    stats = await spool.stats()
    assert (stats.waiting, stats.set_aside) == (1, 2)
    # Other users who are waited for, or deleted, are found too.
    assert ids((await spool.events_of("bob"))[0]) == ["bob 3"]
    assert await spool.events_of("ada") == ([], [])
    assert set(await spool.set_aside_users()) <= {"ada"}
    assert await spool.append([spooled("ada", 1)]) == [None]
    assert await spool.retry() == 2
    assert ids(await spool.first(10)) == ["bob 3", "ada 1"]
    assert len(await spool.set_aside()) == 2
