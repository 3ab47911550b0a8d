"""Whatever happens, every board is what sorting everyone gives, and walking its pages meets everyone once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypedDict
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.boards.ranking import ranks_of
from laurels.domain.periods import board_name
from laurels.errors import UnknownUser, UserDeleted
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.examples import share_of

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
COINS = {"name": "Coins", "events": {"talk": 3}, "badges": {"first": 5}, "board": True}
RULEBOOK = small_rulebook(boards={"languages": ["py"]}, currencies={"coins": COINS})
PEOPLE = ("ada", "bob", "cleo", "dan", "eve", "fay", "gus")


class Kind(TypedDict, total=False):
    language: str
    currency: str


class Event(NamedTuple):
    user: str
    event_type: str
    language: str
    days_ago: int


class Delete(NamedTuple):
    user: str


class Leave(NamedTuple):
    user: str
    visibility: str


Step = Event | Leave | Delete | str
_PEOPLE = st.sampled_from(PEOPLE)
_EVENTS = st.builds(
    Event, _PEOPLE, st.sampled_from(["run", "talk"]), st.sampled_from(["py", "c"]), st.sampled_from([0, 1, 9, 40])
)
_LEAVES = st.builds(Leave, _PEOPLE, st.sampled_from(["public", "alias", "hidden"]))
_DELETIONS = st.builds(Delete, _PEOPLE)
_STEPS = st.lists(st.one_of(_EVENTS, _EVENTS, _EVENTS, _LEAVES, _DELETIONS, st.just("flush")), max_size=40)
BOARDS: list[tuple[str, Kind]] = [
    *((period, {}) for period in ("all", "2026-03", "2026-W11", "2026-03-14", "2026-02")),
    *((period, {"language": "py"}) for period in ("all", "2026-03", "2026-W11", "2026-03-14", "2026-02")),
    *((period, {"currency": "coins"}) for period in ("all", "2026-W11")),
]


async def do(laurels: Service, step: Step, name: dict[str, str]) -> None:
    match step:
        case Event():
            at = NOW - timedelta(days=step.days_ago)
            with suppress(UserDeleted):
                await laurels.record(name[step.user], step.event_type, {"language": step.language}, timestamp=at)
        case Leave():
            changes = {"visibility": step.visibility} | ({"alias": "Owl"} if step.visibility == "alias" else {})
            with suppress(UserDeleted):
                await laurels.change_profile(name[step.user], changes)
        case Delete():
            with suppress(UnknownUser):
                await laurels.delete_user(name[step.user])
            # At once, whatever is not projected yet.
            for period, kind in BOARDS:
                page = await laurels.leaderboards.page(period=period, **kind, limit=100)
                assert name[step.user] not in {row.user_id for row in page.leaderboard}
                assert page.total == len(page.leaderboard)
        case _:
            await laurels.projector.flush()


async def walk(laurels: Service, period: str, kind: Kind, limit: int) -> list[tuple[int, str, int]]:
    lines: list[tuple[int, str, int]] = []
    cursor = None
    while True:
        page = await laurels.leaderboards.page(period=period, **kind, limit=limit, cursor=cursor)
        lines += [(row.rank, row.user_id, row.points) for row in page.leaderboard]
        cursor = page.next
        if cursor is None:
            assert page.total == len(lines)
            return lines


async def check(laurels: Service) -> None:
    """Every board against the lines that follow from everybody's progress, sorted."""
    projected = await laurels.store.snapshots.projected(await laurels.store.ledger.users())
    for period, kind in BOARDS:
        board = board_name(period, **kind)
        everyone = [kept.standings[board] for kept in projected.values() if board in kept.standings]
        shown = sorted((line for line in everyone if line.is_shown), key=lambda line: line.place.sort_key)
        shown_as = {
            user: (kept.card.pseudonym if kept.card and kept.card.pseudonym else user)
            for user, kept in projected.items()
        }
        ranks = ranks_of([line.points for line in shown])
        expected = [(rank, shown_as[line.user_id], line.points) for rank, line in zip(ranks, shown, strict=True)]
        assert await walk(laurels, period, kind, 2) == expected, board
        assert await walk(laurels, period, kind, 100) == expected, board
        for rank, line in zip(ranks, shown, strict=True):
            found = await laurels.leaderboards.rank(line.user_id, period=period, **kind)
            above = [other.points for other in shown if other.points > line.points]
            to_next = min(above) - line.points if above else None
            assert (found.rank, found.of, found.points, found.points_to_next) == (
                rank, len(shown), line.points, to_next,
            )  # fmt: skip
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@settings(
    max_examples=share_of(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)
@given(steps=_STEPS)
async def test_every_board_is_what_sorting_everyone_gives(
    tmp_path: Path, clock: SettableClock, steps: list[Step]
) -> None:
    url = f"sqlite:///{tmp_path / uuid4().hex}.db"
    await go_through(url, clock, steps)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(steps=_STEPS)
async def test_every_board_is_so_on_mongodb(mongodb_url: str, clock: SettableClock, steps: list[Step]) -> None:
    async with open_service(mongodb_url, rulebook=RULEBOOK, clock=clock) as laurels:
        await laurels.store.snapshots.clear()
    await go_through(mongodb_url, clock, steps)


async def go_through(url: str, clock: SettableClock, steps: list[Step]) -> None:
    # One database may serve several examples: each has people of its own, and the boards hold all.
    run = uuid4().hex[:6]
    name = {person: f"{person}-{run}" for person in PEOPLE}
    async with open_service(url, rulebook=RULEBOOK, clock=clock, projection_interval=3_600) as laurels:
        for step in steps:
            await do(laurels, step, name)
        await laurels.projector.flush()
        await laurels.projector.catch_up(before=laurels.clock() + 1)
        await check(laurels)
        await rebuild(laurels.store, laurels.rulebook)
        await check(laurels)


async def test_walking_the_pages_meets_everyone_once_while_others_arrive(tmp_path: Path, clock: SettableClock) -> None:
    async with open_service(f"sqlite:///{tmp_path}/l.db", rulebook=RULEBOOK, clock=clock) as laurels:
        present = [f"user-{number:03d}" for number in range(60)]
        for number, user in enumerate(present):
            for _ in range(1 + number % 7):
                await laurels.record(user, "talk")
        await laurels.projector.flush()
        in_order = sorted(present, key=lambda user: (-(present.index(user) % 7), user))
        stop = asyncio.Event()

        async def arrive() -> AsyncIterator[None]:
            number = 0
            while not stop.is_set():
                number += 1
                user = f"late-{number % 40:03d}"
                await laurels.record(user, "talk")
                if number % 10 == 0:
                    await laurels.change_profile(user, {"visibility": ("hidden", "public")[number // 10 % 2]})
                yield

        arriving = asyncio.create_task(drain(arrive()))
        try:
            for limit in (1, 3, 7):
                met: list[str] = []
                cursor = None
                while True:
                    page = await laurels.leaderboards.page(limit=limit, cursor=cursor)
                    met += [row.user_id for row in page.leaderboard]
                    cursor = page.next
                    if cursor is None:
                        break
                assert len(met) == len(set(met))
                assert [user for user in met if user in present] == in_order
        finally:
            stop.set()
            await arriving


async def drain(steps: AsyncIterator[None]) -> None:
    async for _ in steps:
        await asyncio.sleep(0)


async def test_a_page_that_holds_the_whole_board_agrees_with_its_total(tmp_path: Path, clock: SettableClock) -> None:
    url = f"sqlite:///{tmp_path}/l.db"
    async with open_service(url, rulebook=RULEBOOK, clock=clock, projection_interval=0.001) as laurels:

        async def arrive() -> None:
            for number in range(90):
                await laurels.record(f"user-{number}", "talk")
                await laurels.projector.flush()

        arriving = asyncio.create_task(arrive())
        while not arriving.done():
            pages = await asyncio.gather(*(laurels.leaderboards.page(limit=100) for _ in range(5)))
            assert [page.total for page in pages] == [len(page.leaderboard) for page in pages]
        await arriving
        page = await laurels.leaderboards.page(limit=100)
        assert page.total == len(page.leaderboard) == 90
