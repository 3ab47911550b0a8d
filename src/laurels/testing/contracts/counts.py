"""The contract's fourth part: the counts of a board equal its lines, whatever the writers and the order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laurels.application.ports.boards import Holder, Holders
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.domain.boards.ranking import Ranking, Standing
from laurels.testing.builders import NOON, card, progress, project, standing
from laurels.testing.handles import OpenStore

LARGEST = 2**63 - 1
# Near each other and far apart, on both sides of the bounds of ranges of points, of zero, and of 64 bits.
_POINTS = st.one_of(
    st.integers(-40, 140),
    st.sampled_from([31, 32, 1023, 1024, 2**30, 2**60, -(2**60) - 1, LARGEST, -LARGEST]),
    st.integers(-LARGEST, LARGEST),
)
_LINE = st.tuples(st.integers(0, 7), st.integers(1, 9), _POINTS, st.booleans())
# Each inner list is one call of `project`: user, seq, points, shown or not. A call has each user at most once.
_CALLS = st.lists(st.lists(_LINE, max_size=8, unique_by=lambda line: line[0]), max_size=12)

_BADGES = st.sets(st.sampled_from("abc"))
# User, seq, badges, those that could have been earned, counted or not.
_SHOWN = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6), _BADGES, _BADGES, st.booleans()))


class CountContract:
    """`count`, `ranking` and `miscounted`."""

    async def test_an_empty_board_counts_nobody(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert [await store.boards.count("none"), await store.boards.count("none", above=0)] == [0, 0]
        assert await store.boards.miscounted() == []

    async def test_count_tells_how_many_stand_on_a_board_and_above_points(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for user_id, points in (("ada", 30), ("bob", 20), ("cleo", 20), ("dan", 10)):
            await project(one, user_id, points=points, boards=["all", "2026-03"])
        await project(one, "ada", 2, points=33)
        for store in (one, other):
            counts = [await store.boards.count("all", above=points) for points in (33, 32, 20, 19, 10, 9, -1)]
            assert counts == [0, 1, 1, 3, 3, 4, 4]
            assert await store.boards.count("all") == await store.boards.count("2026-03") == 4
            assert await store.boards.count("2026-03", above=29) == 1
            asked = [33, 32, 20, 10, -1, 2**70, -(2**70)]
            assert await store.boards.counts_above("all", asked) == dict(zip(asked, [0, 1, 1, 3, 4, 0, 4], strict=True))
            assert await store.boards.counts_above("all", []) == {}

    @given(calls=_CALLS, asked=st.lists(_POINTS, max_size=5))
    @settings(
        max_examples=max(1, settings().max_examples // 4),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
        print_blob=True,
    )
    async def test_counting_the_fast_way_is_counting_everyone(
        self, open_store: OpenStore, calls: list[list[tuple[int, int, int, bool]]], asked: list[int]
    ) -> None:
        # One database serves all examples; each has its own users and boards.
        run = uuid4().hex
        store = await open_store()
        newest: dict[int, tuple[int, int | None]] = {}
        for call in calls:
            await _project(store, run, call)
            for user, seq, points, is_shown in call:
                if seq > newest.get(user, (0, 0))[0]:
                    newest[user] = seq, points if is_shown else None
        held = [points for _, points in newest.values() if points is not None]
        assert await store.boards.count(f"{run} all") == await store.boards.count(f"{run} month") == len(held)
        for points in {*asked, *held, *(points - 1 for points in held)}:
            assert await store.boards.count(f"{run} all", above=points) == sum(other > points for other in held), points
        for user, (_, points) in newest.items():
            found = await store.boards.ranking(f"{run} all", f"{run} {user}")
            if points is None:
                assert found is None
                continue
            above = [other for other in held if other > points]
            assert found is not None
            assert (found.above, found.of, found.next_points) == (len(above), len(held), min(above, default=None))
        assert await store.boards.miscounted() == []
        await store.close()

    async def test_a_ranking_is_a_standing_with_what_is_above_it(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id, points in (("ada", 30), ("bob", 20), ("cleo", 20), ("dan", -10)):
            await project(store, user_id, points=points)
        assert [await store.boards.ranking("all", user_id) for user_id in ("ada", "bob", "cleo", "dan", "eve")] == [
            Ranking(standing("ada", 30), 0, 4, None),
            Ranking(standing("bob", 20), 1, 4, 30),
            Ranking(standing("cleo", 20), 1, 4, 30),
            Ranking(standing("dan", -10), 3, 4, 20),
            None,
        ]

    async def test_points_beyond_64_bits_are_above_or_below_everyone(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", points=LARGEST)
        await project(store, "bob", points=-LARGEST)
        assert [await store.boards.count("all", above=points) for points in (2**70, LARGEST, -LARGEST, -(2**70))] == [
            0, 0, 1, 2,
        ]  # fmt: skip

    async def test_many_who_write_at_once_are_counted_once(self, open_store: OpenStore) -> None:
        handles = [await open_store(), await open_store(), await open_store()]
        draw = random.Random(5)
        calls = [[(user, seq, draw.randrange(200)) for user in range(25)] for seq in range(1, 16)]
        draw.shuffle(calls)
        newest = {user: points for user, _, points in max(calls, key=lambda call: call[0][1])}
        await asyncio.gather(*(_project(handles[n % 3], "r", call) for n, call in enumerate(calls)))
        for store in handles:
            for points in range(-1, 201, 7):
                expected = sum(other > points for other in newest.values())
                assert await store.boards.count("r all", above=points) == expected
            assert await store.boards.miscounted() == []

    async def test_who_reads_while_others_write_counts_everyone_once(self, open_store: OpenStore) -> None:
        writer, reader = await open_store(), await open_store()
        await _project(writer, "r", [(user, 1, 10) for user in range(40)])
        done = asyncio.Event()

        async def write() -> None:
            for seq in range(2, 30):
                await _project(writer, "r", [(user, seq, 10 * seq + user) for user in range(40)])
            done.set()

        writing = asyncio.create_task(write())
        while not done.is_set():
            assert await reader.boards.count("r all") == 40
            assert await reader.boards.count("r all", above=9) == 40
            assert await reader.boards.miscounted() == []
            await asyncio.sleep(0)
        await writing

    async def test_holders_are_those_whose_cards_show_a_badge_and_are_counted(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for store in (one, other):
            assert await store.boards.holders() == Holders(0, {})
        await _show(one, "ada", 1, ["first", "second"])
        await _show(other, "bob", 1, ["first"])
        await _show(one, "cleo", 1, ["first"], is_counted=False)
        for store in (one, other):
            assert await store.boards.holders() == Holders(2, {"first": 2, "second": 1})
        # One badge less, one user not counted any more, one newly counted; older or equal versions change nothing.
        await _show(other, "ada", 2, ["first"])
        await _show(one, "ada", 1, ["first", "second"])
        await _show(one, "bob", 2, ["first"], is_counted=False)
        await _show(other, "cleo", 2, ["first", "third"])
        await _show(one, "cleo", 2, ["first"])
        for store in (one, other):
            assert await store.boards.holders() == Holders(2, {"first": 2, "third": 1})
            assert await store.boards.miscounted_badges() == []
        await one.snapshots.clear()
        assert await other.boards.holders() == Holders(0, {})
        assert await other.boards.miscounted_badges() == []

    async def test_holders_come_in_the_order_in_which_they_earned_a_badge(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for store in (one, other):
            assert await _ends(store, "first") == ([], [])
        # More than are asked for, and not in the order of their ids; one who is not shown as themselves.
        for number in (3, 1, 7, 5, 2, 6, 4):
            await _earn(one, f"user-{number}", 1, {"first": NOON + number, "a.b$c%": NOON - number})
        await _show(other, "hidden", 1, ["first"])
        for store in (one, other):
            first = [Holder(f"user-{number}", NOON + number) for number in range(1, 8)]
            assert await _ends(store, "first") == (first[:3], first[:3:-1])
            assert (await store.boards.first_holders("a.b$c%", limit=1)) == [Holder("user-7", NOON - 7)]
            assert await store.boards.first_holders("first", limit=100) == first
            assert await _ends(store, "a") == await _ends(store, "") == ([], [])
            assert await store.boards.miscounted_badges() == []

    async def test_who_lost_a_badge_or_is_shown_no_more_is_no_holder(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for number, user_id in enumerate(("ada", "bob", "cleo", "dan"), 1):
            await _earn(one, user_id, 2, {"first": NOON + number, "second": NOON})
        # A badge taken back, a date that came to be earlier, one who left, and one who was deleted.
        await _earn(other, "ada", 3, {"second": NOON})
        await _earn(one, "bob", 3, {"first": NOON - 5, "second": NOON})
        await _show(other, "cleo", 3, ["first", "second"])
        await one.tombstones.mark_deleted("dan", NOON)
        await one.tombstones.purge(["dan"])
        # What is older or the same changes nothing.
        await _earn(one, "ada", 2, {"first": NOON + 1, "second": NOON})
        await _earn(other, "bob", 3, {"first": NOON + 9})
        for store in (one, other):
            assert await store.boards.first_holders("first", limit=9) == [Holder("bob", NOON - 5)]
            assert {each.user_id for each in await store.boards.latest_holders("second", limit=9)} == {"ada", "bob"}
            assert await store.boards.miscounted_badges() == []
        await other.snapshots.clear()
        assert await _ends(one, "first") == ([], [])
        assert await one.boards.miscounted_badges() == []

    @given(calls=_SHOWN)
    @settings(
        max_examples=max(1, settings().max_examples // 4),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
        print_blob=True,
    )
    async def test_counting_holders_is_counting_the_newest_cards(
        self, open_store: OpenStore, calls: list[tuple[int, int, set[str], set[str], bool]]
    ) -> None:
        store = await open_store()
        await store.snapshots.clear()
        newest: dict[int, tuple[int, set[str], set[str]]] = {}
        for user, seq, badges, eligible, is_counted in calls:
            await _show(store, f"user-{user}", seq, sorted(badges), sorted(eligible), is_counted=is_counted)
            if seq > newest.get(user, (0, badges, eligible))[0]:
                newest[user] = seq, badges | {"all"} if is_counted else set(), eligible if is_counted else set()
        counted = Counter(badge for _, badges, _ in newest.values() for badge in badges)
        could = Counter(badge for _, _, eligible in newest.values() for badge in eligible)
        assert await store.boards.holders() == Holders(counted.pop("all", 0), dict(counted), dict(could))
        assert await store.boards.miscounted_badges() == []
        await store.close()

    async def test_who_is_deleted_holds_nothing(self, open_store: OpenStore) -> None:
        store = await open_store()
        await _show(store, "ada", 1, ["first"], ["first", "second"])
        await _show(store, "bob", 1, ["first"], ["first"])
        await store.tombstones.mark_deleted("ada", NOON)
        await store.tombstones.purge(["ada"])
        assert await store.boards.holders() == Holders(1, {"first": 1}, {"first": 1})
        assert await store.boards.miscounted_badges() == []

    async def test_clearing_counts_nobody_and_projecting_again_counts_everybody(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        calls = [(user, 3, 7 * user) for user in range(20)]
        await _project(one, "r", calls)
        await other.snapshots.clear()
        assert [await one.boards.count("r all"), await one.boards.count("r all", above=-1)] == [0, 0]
        assert await one.boards.miscounted() == []
        await _project(one, "r", calls)
        assert await other.boards.count("r all", above=69) == 10


async def _project(store: Store, run: str, call: Sequence[tuple[int, int, int] | tuple[int, int, int, bool]]) -> None:
    """Project users, named by number, on two boards with the same points; shown, unless the fourth value says
    otherwise."""
    kept: list[Projection] = []
    cards: list[Any] = []
    for user, seq, points, *is_shown in call:
        user_id = f"{run} {user}"
        line = Standing(user_id, points, 1, NOON, *is_shown)
        kept.append(Projection(progress(user_id, seq, points=points), {f"{run} all": line, f"{run} month": line}))
        cards.append(card(user_id, points))
    await store.snapshots.project(kept, cards=cards)


async def _show(
    store: Store, user_id: str, seq: int, badges: list[str], eligible: Sequence[str] = (), *, is_counted: bool = True
) -> None:
    shown = replace(card(user_id), badges=badges, eligible=list(eligible), is_counted=is_counted)
    await store.snapshots.project([Projection(progress(user_id, seq), {})], cards=[shown])


async def _earn(store: Store, user_id: str, seq: int, earned: dict[str, int]) -> None:
    shown = replace(card(user_id), badges=list(earned), earned_at=list(earned.values()))
    await store.snapshots.project([Projection(progress(user_id, seq), {})], cards=[shown])


async def _ends(store: Store, badge: str) -> tuple[list[Holder], list[Holder]]:
    """The first three holders, and the latest three."""
    return (
        await store.boards.first_holders(badge, limit=3),
        await store.boards.latest_holders(badge, limit=3),
    )
