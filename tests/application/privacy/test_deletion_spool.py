"""Who was deleted does not come back out of the spool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from laurels.application.ports.spool import SetAside, Spooled
from laurels.application.recording.commands import QueuedEvent
from laurels.domain.events import LearningEvent
from laurels.errors import LaurelsError, StoreUnavailable, UserDeleted
from laurels.storage.spool import FileSpool
from laurels.testing.clocks import SettableClock
from tests.application.outage.test_spooling_recorder import Setting, opened


@pytest.fixture
async def setting(store_url: str, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Setting]:
    async with opened(store_url, clock, tmp_path / "spool", limit=10) as setting:
        yield setting


async def refused(setting: Setting, user: str) -> LaurelsError | None:
    """Why an event is not taken; None if it is."""
    try:
        await setting.accept(user)
    except LaurelsError as error:
        return error
    return None


async def test_what_waits_elsewhere_is_dropped_when_its_turn_comes(setting: Setting) -> None:
    await setting.accept("ada", "first")
    await setting.store.real.tombstones.mark_deleted("ada", 1)
    await setting.store.real.tombstones.purge(["ada"])
    await setting.queue("ada", "late")
    await setting.queue("bob", "other")
    await setting.drained()
    stats = await setting.spool.stats()
    assert (stats.waiting, stats.set_aside, stats.bytes) == (0, 0, 0)
    assert await setting.ledger("bob") == ["other"]
    assert await setting.ledger("ada") == []
    assert await setting.store.real.tombstones.leftovers() == {}
    assert isinstance(await refused(setting, "ada"), UserDeleted)


async def test_what_waits_and_was_set_aside_here_goes_with_them(setting: Setting) -> None:
    await setting.accept("ada", "first")
    spooled = [Spooled(LearningEvent(user_id=user, event_type="no", event_id="x"), 1) for user in ("ada", "bob")]
    await setting.spool.append(spooled)
    # Of no event type that there is: both are set aside.
    await setting.drained()
    assert len(await setting.spool.set_aside()) == 2
    await setting.service.delete_user("ada")
    assert [each.spooled.event.user_id for each in await setting.spool.set_aside()] == ["bob"]
    assert (await setting.spool.stats()).set_aside == 1


async def test_who_is_known_to_the_spool_alone_can_be_deleted(setting: Setting) -> None:
    await setting.spool.append([Spooled(LearningEvent(user_id="ada", event_type="no", event_id="x"), 1)])
    await setting.drained()
    document = b"".join([piece async for piece in await setting.service.personal_data("ada")])
    assert b'"profile":null' in document
    assert b'"eventId":"x"' in document
    await setting.service.delete_user("ada")
    assert await setting.spool.set_aside() == []
    assert isinstance(await refused(setting, "ada"), UserDeleted)


async def test_what_was_set_aside_while_they_were_deleted_goes_at_the_next_start(
    setting: Setting, store_url: str, clock: SettableClock, tmp_path: Path
) -> None:
    await setting.accept("ada", "first")
    other = await FileSpool.open(tmp_path / "other", limit=100_000)
    await other.append(
        [Spooled(LearningEvent(user_id=user, event_type="no", event_id="x"), 1) for user in ("ada", "bob")]
    )
    await other.complete([], [SetAside(each, "no") for each in await other.first(9)])
    await setting.service.delete_user("ada")
    await setting.store.real.tombstones.close(["ada"])
    async with opened(store_url, clock, tmp_path / "other", limit=10) as started:
        await started.service.deletion.sweep()
        assert [each.spooled.event.user_id for each in await other.set_aside()] == ["bob"]
    await other.close()


async def test_nothing_last_known_is_shown_of_them_while_the_store_is_away(setting: Setting) -> None:
    await setting.accept("ada", "first")
    await setting.service.projector.flush()
    await setting.service.learners.dashboard("ada")
    await setting.service.leaderboards.rank("ada")
    await setting.service.leaderboards.page()
    await setting.service.delete_user("ada")

    async def gone() -> None:
        raise StoreUnavailable("It is not there.")

    # It stays away: nobody finds it back meanwhile.
    setattr(setting.store, "check", gone)  # noqa: B010  what it lacks is the real one's
    assert isinstance(await setting.queue("bob", "now"), QueuedEvent)
    service = setting.service
    with pytest.raises(StoreUnavailable):
        await service.learners.dashboard("ada")
    with pytest.raises(StoreUnavailable):
        await service.leaderboards.rank("ada")
    with pytest.raises(StoreUnavailable):
        await service.leaderboards.page()
