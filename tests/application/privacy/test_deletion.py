"""Deleting a learner: gone at once, everywhere, and never back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from laurels import LearningEvent
from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.privacy.deletion import Deletion
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.tombstones import digest_of
from laurels.errors import UnknownUser, UserDeleted
from laurels.testing.builders import event_entry, small_rulebook
from laurels.testing.clocks import SettableClock

STORES = {"sqlite": "store_url", "mongodb": "mongodb_url"}


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(STORES[request.param])


@pytest.fixture
async def here(url: str, clock: SettableClock) -> AsyncIterator[Service]:
    async with open_service(url, rulebook=small_rulebook(), clock=clock, projection_interval=3600) as laurels:
        for user_id, times in (("ada", 5), ("bob", 3), ("cleo", 3), ("dan", 1)):
            await laurels.change_profile(user_id, {"displayName": user_id.title()})
            for number in range(times):
                await laurels.record(user_id, "talk", event_id=str(number))
        await laurels.projector.flush()
        yield laurels


@pytest.fixture
async def elsewhere(url: str, clock: SettableClock, here: Service) -> AsyncIterator[Service]:
    """Another process, which has everybody in its memory."""
    async with open_service(url, rulebook=small_rulebook(), clock=clock, projection_interval=3600) as laurels:
        for user_id in ("ada", "bob"):
            await laurels.record(user_id, "run", event_id="elsewhere")
            await laurels.learners.dashboard(user_id)
        await laurels.projector.flush()
        yield laurels


async def assert_gone(laurels: Service, user_id: str) -> None:
    """Neither shown nor taken, and nothing is left."""
    for asked in (laurels.learners.dashboard, laurels.learners.export, laurels.learners.badges):
        with pytest.raises(UnknownUser):
            await asked(user_id)
    with pytest.raises(UnknownUser):
        await laurels.leaderboards.rank(user_id)
    with pytest.raises(UnknownUser):
        await laurels.personal_data(user_id)
    page = await laurels.leaderboards.page()
    assert user_id not in {row.user_id for row in page.leaderboard}
    assert page.total == len(page.leaderboard)
    kind = next(iter(laurels.rulebook.event_types))
    with pytest.raises(UserDeleted):
        await laurels.record(user_id, kind)
    with pytest.raises(UserDeleted):
        await laurels.record(user_id, kind, event_id="0")
    # Changes nothing that anybody would see, and so needs no append.
    with pytest.raises(UserDeleted):
        await laurels.change_profile(user_id, {"displayName": user_id.title()})
    assert await laurels.store.tombstones.leftovers() == {}


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


async def test_gone_here_and_elsewhere_at_once(here: Service, elsewhere: Service) -> None:
    await here.delete_user("ada")
    await assert_gone(here, "ada")
    await assert_gone(elsewhere, "ada")
    for laurels in (here, elsewhere):
        await laurels.projector.flush()
        await laurels.projector.catch_up(before=laurels.clock() + 1)
    page = await here.leaderboards.page()
    assert [(row.rank, row.user_id) for row in page.leaderboard] == [(1, "bob"), (2, "cleo"), (3, "dan")]
    assert (await verify(here.store, here.rulebook)).is_clean


async def test_what_a_verification_finds_is_gone_once_they_are_deleted_again(here: Service) -> None:
    await here.projector.flush()
    await here.store.tombstones.mark_deleted("ada", here.clock())
    # As if their data had come back with a backup, long after it.
    await here.store.tombstones.close(["ada"])
    [difference] = (await verify(here.store, here.rulebook)).differences
    assert "delete them again" in difference.what
    await here.delete_user("ada")
    assert (await verify(here.store, here.rulebook)).is_clean


async def test_of_a_batch_only_their_events_are_refused(here: Service, elsewhere: Service) -> None:
    await elsewhere.delete_user("ada")
    events = [LearningEvent(user_id=user_id, event_type="run") for user_id in ("bob", "ada", "new", "ada")]
    results = await here.record_many(events)
    assert [type(result) for result in results] == [RecordedEntry, UserDeleted, RecordedEntry, UserDeleted]


async def test_deleting_again_answers_the_same(here: Service, elsewhere: Service, clock: SettableClock) -> None:
    first = await here.delete_user("ada")
    clock.advance(timedelta(days=1))
    assert await elsewhere.delete_user("ada") == first
    await here.store.tombstones.close(["ada"])
    assert (await elsewhere.delete_user("ada")).deleted_at == first.deleted_at


async def test_an_id_of_whom_nothing_is_held_is_not_closed(here: Service) -> None:
    with pytest.raises(UnknownUser):
        await here.delete_user("adda")
    await here.record("adda", "run")


async def test_others_are_told(here: Service) -> None:
    told: list[tuple[str, int]] = []

    async def tell(user_id: str, at: int) -> None:
        told.append((user_id, at))

    here.deletion.on_deleted.append(tell)
    await here.delete_user("ada")
    assert told == [("ada", here.clock())]


async def test_rebuilding_revives_nobody(here: Service) -> None:
    await here.delete_user("ada")
    await rebuild(here.store, here.rulebook)
    await assert_gone(here, "ada")
    assert (await verify(here.store, here.rulebook)).is_clean


async def test_what_others_delete_leaves_the_memory_and_ends_the_streams(here: Service, elsewhere: Service) -> None:
    feed, other = elsewhere.live.follow_user("ada"), elsewhere.live.follow_user("bob")
    assert await feed.take(5)
    waiting = asyncio.create_task(feed.take(30))
    await here.delete_user("ada")
    assert await asyncio.wait_for(waiting, 10) == []
    assert feed.is_ended
    assert not other.is_ended
    await elsewhere.deletion.sweep()
    assert elsewhere.recorder.cache.peek("ada") is None
    assert elsewhere.recorder.cache.peek("bob") is not None
    other.close()


async def test_what_was_on_its_way_is_found_and_then_the_id_is_forgotten(here: Service) -> None:
    await here.delete_user("ada")
    deletion = Deletion(here.store, here.clock, spool=None, forget=here._forget, grace=0)  # pyright: ignore[reportPrivateUsage]
    left: list[str] | None = None
    for _ in range(20):
        # What the projector writes just now is found by the next.
        await deletion.sweep()
        if not (left := await here.store.tombstones.open_ids()):
            break
    await deletion.close()
    assert left == []
    await assert_gone(here, "ada")


async def test_verify_reports_what_is_left(store_url: str, database: Path, clock: SettableClock) -> None:
    async with open_service(store_url, rulebook=small_rulebook(), clock=clock) as laurels:
        await laurels.record("ada", "run")
        await laurels.record("bob", "run")
        await laurels.projector.flush()
        connection = apsw.Connection(str(database))
        # As if somebody had put it back from a backup.
        connection.execute("CREATE TABLE backup AS SELECT * FROM ledger WHERE user_id = 'ada'")
        await laurels.delete_user("ada")
        assert (await verify(laurels.store, laurels.rulebook)).is_clean
        connection.execute("INSERT INTO ledger SELECT * FROM backup")
        connection.close()
        [difference] = (await verify(laurels.store, laurels.rulebook)).differences
        assert difference.user_id == "ada"
        assert "left in ledger" in difference.what
        await laurels.delete_user("ada")
        assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_no_byte_of_them_is_left_in_the_file(store_url: str, database: Path, clock: SettableClock) -> None:
    who = "a-very-particular-learner"
    async with open_service(store_url, rulebook=small_rulebook(), clock=clock) as laurels:
        for number in range(200):
            await laurels.record(who, "run", {"language": "Volapyk", "number": number})
            await laurels.record("bob", "run")
        await laurels.projector.flush()
        await laurels.delete_user(who)
        await laurels.store.tombstones.close([who])
    connection = apsw.Connection(str(database))
    connection.execute("VACUUM")
    connection.close()
    kept = b"".join(path.read_bytes() for path in database.parent.glob("laurels.db*"))
    assert who.encode() not in kept
    assert b"Volapyk" not in kept
    assert digest_of(who).encode() in kept


async def test_two_processes_that_hammer_a_user_who_is_deleted(url: str, processes: Path) -> None:
    program = processes / "hammer_user.py"
    running = [start([sys.executable, str(program), url, "ada", str(number)]) for number in range(2)]
    async with open_service(url) as laurels:
        for process in running:
            assert process.stdout is not None
            # Both are at it.
            for _ in range(3):
                assert await asyncio.to_thread(process.stdout.readline) == "recorded\n"
        await laurels.delete_user("ada")
        for process in running:
            said, _ = await asyncio.to_thread(process.communicate, timeout=30)
            assert process.returncode == 0
            assert said.endswith("deleted\n")
        await assert_gone(laurels, "ada")
        assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_a_deletion_that_was_killed_in_the_middle_is_carried_on(url: str, processes: Path) -> None:
    async with open_service(url) as laurels:
        for first in range(1, 12_001, 2_000):
            await laurels.store.ledger.append([event_entry("ada", seq) for seq in range(first, first + 2_000)])
    arguments = [sys.executable, str(processes / "delete_user.py"), url, "ada"]
    with start(arguments) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "deleted\n"
        process.kill()
    async with open_service(url) as laurels:
        with pytest.raises(UserDeleted):
            await laurels.record("ada", "code_run")
        await laurels.deletion.sweep()
        await assert_gone(laurels, "ada")
