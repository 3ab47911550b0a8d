"""How rare badges are: who is counted, when it is said, and how seldom the store is asked."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from laurels.application.maintenance.verification import verify
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.application.queries.learners.progress_reader import ProgressReader, recent_progress
from laurels.application.queries.rarity import NOTHING_KNOWN, RarityReader, Shares
from laurels.application.queries.views import Rarity
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.testing.builders import small_rulebook
from tests.waiting import SOON


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'laurels.db'}"


async def shares_now(service: Service, minimum: int = 1) -> dict[str, Rarity | None]:
    await service.projector.flush()
    shares = await RarityReader(service.store, service.rulebook, minimum=minimum).shares()
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
        assert (await shares_now(laurels))["third"] == Rarity(3, 0.75)
        await laurels.suspend_user("cleo")
        assert (await shares_now(laurels))["third"] == Rarity(2, 0.6667)
        await laurels.deletion.delete("ada")
        shares = await shares_now(laurels)
        assert (shares["third"], shares["century"]) == (Rarity(1, 0.5), Rarity(0, 0.0))
        assert await shares_now(laurels, minimum=3) == dict.fromkeys(shares)
        assert (await shares_now(laurels, minimum=2))["third"] == Rarity(1, 0.5)


async def test_a_badge_of_a_time_is_rare_among_those_who_were_active_then(tmp_path: Path) -> None:
    rules = small_rulebook(
        badges=[dated_badge("autumn", "2025-09-01", "2025-11-30"), dated_badge("old", None, "2025-01-31")]
    )
    async with open_service(url_in(tmp_path), rulebook=rules) as laurels:
        for user, day in (
            ("ada", "2025-10-05"),
            ("bob", "2025-11-29"),
            ("cleo", "2025-11-30"),
            ("dan", "2025-08-31"),
            ("eve", "2025-01-31"),
        ):
            await run_on(laurels, user, day)
        # Before and after is not in between; where a badge was granted, it could be had.
        await run_on(laurels, "dan", "2025-12-01")
        await laurels.corrections.grant("dan", "old", reason="he was there")
        assert await shares_now(laurels) == {"autumn": Rarity(3, 1.0), "old": Rarity(2, 1.0)}
        await laurels.suspend_user("eve")
        # Too few could have earned it, while there are enough learners.
        assert await shares_now(laurels, minimum=2) == {"autumn": Rarity(3, 1.0), "old": None}
        assert (await verify(laurels.store, rules)).is_clean


async def test_a_badge_of_a_time_is_missed_by_those_who_were_active_and_did_not_earn_it(tmp_path: Path) -> None:
    rules = small_rulebook(badges=[dated_badge("autumn", "2025-09-01", None, target=2)])
    async with open_service(url_in(tmp_path), rulebook=rules) as laurels:
        for user, day, times in (("ada", "2025-09-01", 2), ("bob", "2025-10-01", 1), ("cleo", "2025-08-31", 2)):
            for _ in range(times):
                await run_on(laurels, user, day)
        assert await shares_now(laurels) == {"autumn": Rarity(1, 0.5)}
        await run_on(laurels, "cleo", "2025-11-01", event_id="late")
        assert await shares_now(laurels) == {"autumn": Rarity(1, 0.3333)}
        # An event that is taken back was none.
        await laurels.corrections.retract("cleo", "late", reason="a mistake")
        assert await shares_now(laurels) == {"autumn": Rarity(1, 0.5)}


async def test_learners_who_test_are_on_no_board_and_in_no_share(tmp_path: Path) -> None:
    rules = small_rulebook(boards={"test_users": ["qa-*", "probe"], "languages": True})
    async with open_service(url_in(tmp_path), rulebook=rules) as laurels:
        for user in ("ada", "qa-1", "probe", "probe-2", "a-qa-1"):
            await laurels.record(user, "run", metadata={"language": "python"})
        await laurels.projector.flush()
        for language in (None, "python"):
            page = await laurels.leaderboards.page(language=language)
            assert {row.user_id for row in page.leaderboard} == {"ada", "probe-2", "a-qa-1"}
        assert (await laurels.leaderboards.rank("qa-1")).rank is None
        assert (await laurels.store.boards.holders()).users == 3
        assert (await laurels.learners.dashboard("qa-1")).total_events == 1
        assert (await verify(laurels.store, rules)).is_clean


async def test_what_was_counted_is_shown_for_a_while_and_is_one_object_until_it_changes(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), projection_interval=3_600) as laurels:
        await record_and_project(laurels, "ada")
        slow, quick = (
            RarityReader(laurels.store, laurels.rulebook, minimum=1),
            RarityReader(laurels.store, laurels.rulebook, minimum=1, interval=0.0),
        )
        first = await quick.shares()
        assert (await slow.shares()).of("third") == first.of("third") == Rarity(1, 1.0)
        assert await counted_again(quick) is first
        await record_and_project(laurels, "bob", times=1)
        assert (await counted_again(quick)).of("third") == Rarity(1, 0.5)
        assert (await slow.shares()).of("third") == Rarity(1, 1.0)


async def test_a_store_that_cannot_be_asked_leaves_what_was_known_before(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), projection_interval=3_600) as laurels:
        await record_and_project(laurels, "ada")
        known, nothing = (RarityReader(laurels.store, laurels.rulebook, minimum=1, interval=0.0) for _ in range(2))
        await known.shares()
        await laurels.store.close()
        assert (await counted_again(known)).of("third") == Rarity(1, 1.0)
        assert await nothing.shares() == NOTHING_KNOWN


async def test_a_dashboard_that_is_kept_says_how_rare_a_badge_is_now(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), projection_interval=3_600) as laurels:
        rarity = RarityReader(laurels.store, laurels.rulebook, minimum=1, interval=0.0)
        learners = LearnerQueries(
            laurels.store,
            laurels.rulebook,
            laurels.clock,
            reader=ProgressReader(laurels.store, laurels.rulebook, recent_progress()),
            rarity=rarity,
        )
        await record_and_project(laurels, "ada")
        assert [badge.held for badge in (await learners.dashboard("ada")).badges] == [Rarity(1, 1.0), Rarity(1, 1.0)]
        await record_and_project(laurels, "bob", times=1)
        await counted_again(rarity)
        assert [badge.held for badge in (await learners.dashboard("ada")).badges] == [Rarity(2, 1.0), Rarity(1, 0.5)]
        assert {state.badge_id: state.held for state in await learners.badges("bob")}["third"] == Rarity(1, 0.5)


def dated_badge(badge_id: str, first: str | None, last: str | None, *, target: int = 1) -> dict[str, Any]:
    days = {key: day for key, day in (("from", first), ("until", last)) if day is not None}
    criterion = {"kind": "count", "event": "run", "target": target}
    about = {"name": badge_id, "description": "Of a time.", "icon": "x", "category": "coding", "rarity": "rare"}
    return {"id": badge_id, "points": 5, "criterion": criterion, **about, **days}


async def run_on(laurels: Service, user: str, day: str, *, event_id: str | None = None) -> None:
    await laurels.record(user, "run", event_id=event_id, timestamp=datetime.fromisoformat(f"{day}T12:00:00+00:00"))


async def record_and_project(laurels: Service, user: str, *, times: int = 3) -> None:
    for _ in range(times):
        await laurels.record(user, "run")
    await laurels.projector.flush()


async def counted_again(rarity: RarityReader) -> Shares:
    """What is known when a count is over that began after this was called."""
    if rarity.counting is not None:
        await asyncio.wait({rarity.counting})
    async with asyncio.timeout(SOON):
        while rarity.counting is None:
            await asyncio.sleep(0.001)
            await rarity.shares()
        await asyncio.wait({rarity.counting})
    return rarity.known
