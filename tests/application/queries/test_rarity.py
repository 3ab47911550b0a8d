"""How rare badges are: who is counted, when it is said, and how seldom the store is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from laurels.application.queries.learners.learners import Learners
from laurels.application.queries.learners.progress_reader import ProgressReader, recent_progress
from laurels.application.queries.rarity import NOTHING_KNOWN, Rarity, Shares
from laurels.application.queries.views import Held
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from tests.waiting import SOON


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'laurels.db'}"


async def shares_now(service: Service, minimum: int = 1) -> dict[str, Held | None]:
    await service.projector.flush()
    shares = await Rarity(service.store, minimum=minimum).shares()
    return {badge.id: shares.of(badge.id) for badge in service.rulebook.badges}


async def test_counted_are_those_who_did_something_and_are_not_suspended(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook()) as laurels:
        for user in ("ada", "bob", "cleo", "dan"):
            await laurels.record(user, "talk")
        for user in ("ada", "bob", "cleo"):
            for _ in range(3):
                await laurels.record(user, "run")
        await laurels.change_profile("eve", {"displayName": "Eve"})
        # On no board, and counted: nobody is told from a share.
        await laurels.change_profile("bob", {"visibility": "hidden"})
        assert (await shares_now(laurels))["third"] == Held(3, 0.75)
        await laurels.suspend_user("cleo")
        assert (await shares_now(laurels))["third"] == Held(2, 0.6667)
        await laurels.deletion.delete("ada")
        shares = await shares_now(laurels)
        assert (shares["third"], shares["century"]) == (Held(1, 0.5), Held(0, 0.0))
        assert await shares_now(laurels, minimum=3) == dict.fromkeys(shares)
        assert (await shares_now(laurels, minimum=2))["third"] == Held(1, 0.5)


async def test_what_was_counted_is_shown_for_a_while_and_is_one_object_until_it_changes(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), projection_interval=3_600) as laurels:
        await record_and_project(laurels, "ada")
        slow, quick = Rarity(laurels.store, minimum=1), Rarity(laurels.store, minimum=1, interval=0.0)
        first = await quick.shares()
        assert (await slow.shares()).of("third") == first.of("third") == Held(1, 1.0)
        assert await counted_again(quick) is first
        await record_and_project(laurels, "bob", times=1)
        assert (await counted_again(quick)).of("third") == Held(1, 0.5)
        assert (await slow.shares()).of("third") == Held(1, 1.0)


async def test_a_store_that_cannot_be_asked_leaves_what_was_known_before(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), projection_interval=3_600) as laurels:
        await record_and_project(laurels, "ada")
        known, nothing = (Rarity(laurels.store, minimum=1, interval=0.0) for _ in range(2))
        await known.shares()
        await laurels.store.close()
        assert (await counted_again(known)).of("third") == Held(1, 1.0)
        assert await nothing.shares() == NOTHING_KNOWN


async def test_a_dashboard_that_is_kept_says_how_rare_a_badge_is_now(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), projection_interval=3_600) as laurels:
        rarity = Rarity(laurels.store, minimum=1, interval=0.0)
        learners = Learners(
            laurels.store,
            laurels.rulebook,
            laurels.clock,
            reader=ProgressReader(laurels.store, laurels.rulebook, recent_progress()),
            rarity=rarity,
        )
        await record_and_project(laurels, "ada")
        assert [badge.held for badge in (await learners.dashboard("ada")).badges] == [Held(1, 1.0), Held(1, 1.0)]
        await record_and_project(laurels, "bob", times=1)
        await counted_again(rarity)
        assert [badge.held for badge in (await learners.dashboard("ada")).badges] == [Held(2, 1.0), Held(1, 0.5)]
        assert {state.badge_id: state.held for state in await learners.badges("bob")}["third"] == Held(1, 0.5)


async def record_and_project(laurels: Service, user: str, *, times: int = 3) -> None:
    for _ in range(times):
        await laurels.record(user, "run")
    await laurels.projector.flush()


async def counted_again(rarity: Rarity) -> Shares:
    """What is known when a count is over that began after this was called."""
    if rarity.counting is not None:
        await asyncio.wait({rarity.counting})
    async with asyncio.timeout(SOON):
        while rarity.counting is None:
            await asyncio.sleep(0.001)
            await rarity.shares()
        await asyncio.wait({rarity.counting})
    return rarity.known
