"""Who is suspended stands on no board, whatever they do about it."""

from __future__ import annotations

import pytest

from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.service import Service
from laurels.errors import InvalidProfile, UnknownUser, UserDeleted

PERIODS = ("all", "2026-03", "2026-W11", "2026-03-14")


async def shown(laurels: Service) -> list[list[str]]:
    pages = [await laurels.leaderboards.page(period=period) for period in PERIODS]
    assert all(page.total == len(page.leaderboard) for page in pages)
    return [[row.user_id for row in page.leaderboard] for page in pages]


@pytest.fixture(autouse=True)
async def _recorded(laurels: Service) -> None:
    for user_id, count in (("ada", 3), ("bob", 2), ("cleo", 1)):
        for _ in range(count):
            await laurels.record(user_id, "talk")
    await laurels.projector.flush()


async def test_gone_from_all_boards_and_back_with_all_that_happened(laurels: Service) -> None:
    await laurels.suspend_user("ada")
    assert await shown(laurels) == [["bob", "cleo"]] * len(PERIODS)
    assert (await laurels.leaderboards.rank("ada")).rank is None
    await laurels.record("ada", "talk")
    await laurels.projector.flush()
    assert await shown(laurels) == [["bob", "cleo"]] * len(PERIODS)
    assert (await laurels.learners.dashboard("ada")).total_events == 4
    await laurels.suspend_user("ada", is_suspended=False)
    assert await shown(laurels) == [["ada", "bob", "cleo"]] * len(PERIODS)
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_the_profile_has_no_say_in_it(laurels: Service) -> None:
    await laurels.suspend_user("ada")
    for visibility in ("hidden", "alias", "public"):
        await laurels.change_profile("ada", {"visibility": visibility, "alias": "Owl"})
        assert await shown(laurels) == [["bob", "cleo"]] * len(PERIODS)
    with pytest.raises(InvalidProfile):
        await laurels.change_profile("ada", {"suspended": False})
    await laurels.change_profile("ada", {"visibility": "hidden"})
    await laurels.suspend_user("ada", is_suspended=False)
    assert await shown(laurels) == [["bob", "cleo"]] * len(PERIODS)


async def test_rebuilding_keeps_to_it(laurels: Service) -> None:
    await laurels.suspend_user("bob")
    await rebuild(laurels.store, laurels.rulebook)
    assert await shown(laurels) == [["ada", "cleo"]] * len(PERIODS)
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_nobody_comes_into_being_by_it(laurels: Service) -> None:
    with pytest.raises(UnknownUser):
        await laurels.suspend_user("nobody")
    await laurels.delete_user("ada")
    with pytest.raises(UnknownUser):
        await laurels.suspend_user("ada")
    with pytest.raises(UserDeleted):
        await laurels.recorder.suspend("ada", is_suspended=True)
    assert await laurels.store.ledger.users() == ["bob", "cleo"]
