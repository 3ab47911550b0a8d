"""The contract's third part: the boards and their order."""

from __future__ import annotations

import random
from itertools import product

from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.domain.boards.ranking import SortKey, Standing
from laurels.domain.periods import parse_period
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.testing.builders import NOON, card, progress, project, standing
from laurels.testing.handles import AWKWARD_IDS, OpenStore


class BoardContract:
    """`standings`, `standings_of` and `standing`; `count` has a part of its own."""

    async def test_more_points_come_first_then_earlier_reached_then_the_user_id(self, open_store: OpenStore) -> None:
        store = await open_store()
        lines = await _fill(store)
        assert await store.boards.standings("all", limit=1_000) == lines
        assert await store.boards.standings("all", limit=5) == lines[:5]

    async def test_the_version_is_another_one_after_anything_that_boards_show(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        seen = {await other.boards.version()}
        assert await one.boards.version() in seen
        for points in (5, 7):
            await project(one, "ada", seq=points, points=points)
            await project(one, "bob", seq=points, points=points)
            seen.add(await other.boards.version())
        assert len(seen) == 3
        # Only the card changes, here the name.
        await one.snapshots.project([Projection(progress("ada", 9), {})], cards=[card("ada", display_name="Ada")])
        seen.add(await other.boards.version())
        await one.tombstones.mark_deleted("bob", NOON)
        await one.tombstones.purge(["bob"])
        seen.add(await other.boards.version())
        await one.snapshots.clear()
        seen.add(await other.boards.version())
        assert len(seen) == 6
        assert await other.boards.version() in seen

    async def test_boards_of_old_days_and_weeks_are_dropped_with_their_counts(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        assert await one.boards.horizon() == RetentionCutoff()
        kept = ["2026-03", "2026-03-13", "2026-03-13@py", "2026-W11", "all"]
        for number in range(5):
            boards = [*kept, "2026-03-12", "2026-03-12@py", "2026-W10"]
            await project(one, f"user {number}", points=number, boards=boards)
        assert await one.boards.count("2026-W10", above=2) == 2
        horizon = RetentionCutoff(parse_period("2026-03-13")[1], parse_period("2026-W11")[1])
        await one.boards.set_horizon(horizon)
        assert await other.boards.horizon() == horizon
        version = await other.boards.version()
        dropped: list[int] = []
        while count := await other.boards.drop(horizon, limit=4):
            dropped.append(count)
        assert sum(dropped) == 15
        assert max(dropped) <= 4
        assert await one.boards.version() != version
        for board, users in [*((each, 5) for each in kept), ("2026-03-12", 0), ("2026-03-12@py", 0), ("2026-W10", 0)]:
            assert len(await one.boards.standings(board, limit=10)) == users
            assert await one.boards.count(board) == users
        assert await one.boards.miscounted() == []
        await one.snapshots.clear()
        assert await one.boards.horizon() == horizon

    async def test_user_ids_break_a_tie_by_code_point(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id in AWKWARD_IDS:
            await project(store, user_id, points=7)
        found = await store.boards.standings("all", limit=1_000)
        assert [line.user_id for line in found] == sorted(AWKWARD_IDS)
        middle = found[9]
        assert await store.boards.standings("all", limit=1_000, after=middle.place) == found[10:]

    async def test_a_millisecond_decides_who_was_earlier(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", points=7, reached_at=NOON + 1)
        await project(store, "bob", points=7, reached_at=NOON)
        assert [line.user_id for line in await store.boards.standings("all", limit=2)] == ["bob", "ada"]

    async def test_after_a_place_comes_what_follows_it(self, open_store: OpenStore) -> None:
        store = await open_store()
        lines = await _fill(store)
        for position, line in enumerate(lines):
            assert await store.boards.standings("all", limit=4, after=line.place) == lines[position + 1 : position + 5]

    async def test_before_a_place_come_the_last_ones_ahead_of_it_in_order(self, open_store: OpenStore) -> None:
        store = await open_store()
        lines = await _fill(store)
        for position, line in enumerate(lines):
            found = await store.boards.standings("all", limit=4, before=line.place)
            assert found == lines[max(0, position - 4) : position]

    async def test_a_place_needs_no_holder(self, open_store: OpenStore) -> None:
        store = await open_store()
        lines = await _fill(store)
        nowhere = SortKey(20, NOON + 1, "b again")
        ahead = [line for line in lines if line.place.sort_key < nowhere.sort_key]
        assert 0 < len(ahead) < len(lines)
        assert await store.boards.standings("all", limit=1_000, before=nowhere) == ahead
        assert await store.boards.standings("all", limit=1_000, after=nowhere) == lines[len(ahead) :]

    async def test_a_place_is_excluded_whoever_holds_it_now(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id, points in (("ada", 30), ("bob", 20), ("cleo", 10)):
            await project(store, user_id, points=points)
        place = standing("bob", 20).place
        await project(store, "bob", 2, points=40)
        assert [line.user_id for line in await store.boards.standings("all", limit=9, after=place)] == ["cleo"]
        assert [line.user_id for line in await store.boards.standings("all", limit=9, before=place)] == ["bob", "ada"]

    async def test_every_page_size_walks_the_whole_board_forth_and_back(self, open_store: OpenStore) -> None:
        store = await open_store()
        lines = await _fill(store)
        for limit in (1, 2, 7, len(lines)):
            forth = await store.boards.standings("all", limit=limit)
            while page := await store.boards.standings("all", limit=limit, after=forth[-1].place):
                forth += page
            assert forth == lines
            back = lines[-1:]
            while page := await store.boards.standings("all", limit=limit, before=back[0].place):
                back = page + back
            assert back == lines

    async def test_who_stands_still_is_met_once_while_others_move(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        draw = random.Random(11)
        steady = {f"steady {number}": 10 * (number % 6) for number in range(40)}
        for user_id, points in steady.items():
            await project(one, user_id, points=points)
        moving = [f"moving {number}" for number in range(15)]
        for user_id in moving:
            await project(one, user_id, points=draw.randrange(60))
        met: list[str] = []
        after: SortKey | None = None
        seq = 2
        while page := await one.boards.standings("all", limit=3, after=after):
            met += [line.user_id for line in page]
            after = page[-1].place
            for user_id in draw.sample(moving, 5):
                await project(other, user_id, seq, points=draw.randrange(60), reached_at=NOON + seq)
            seq += 1
        assert sorted(user_id for user_id in met if user_id in steady) == sorted(steady)

    async def test_a_line_that_moved_stands_at_its_new_place_only(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", 1, points=10)
        await project(store, "bob", 1, points=20)
        await project(store, "ada", 2, points=30, reached_at=NOON + 5)
        assert await store.boards.standings("all", limit=9) == [
            standing("ada", 30, reached_at=NOON + 5),
            standing("bob", 20),
        ]
        assert await store.boards.count("all") == 2

    async def test_boards_are_kept_apart(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", boards=["all", "2026-03", "2026-W11", "2026-03-14"])
        await project(store, "bob", boards=["all", "2026-03"], points=9)
        assert [await store.boards.count(board) for board in ("all", "2026-03", "2026-W11", "2026-03-14")] == [
            2,
            2,
            1,
            1,
        ]
        assert [line.user_id for line in await store.boards.standings("2026-03", limit=9)] == ["bob", "ada"]
        assert await store.boards.standings("2026-W11", limit=9) == [standing("ada")]
        assert await store.boards.standings("2026-04", limit=9) == []

    async def test_one_users_standing_is_found_by_board_and_id(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", points=9, boards=["all"])
        assert await store.boards.standing("all", "ada") == standing("ada", 9)
        assert await store.boards.standing("2026-03", "ada") is None
        assert await store.boards.standing("all", "Ada") is None

    async def test_the_standings_of_some_users_come_in_the_boards_order(self, open_store: OpenStore) -> None:
        store = await open_store()
        lines = await _fill(store)
        await project(store, "ada", boards=["2026-03"], points=99)
        wanted = lines[::3]
        asked = [line.user_id for line in wanted]
        random.Random(5).shuffle(asked)
        assert await store.boards.standings_of("all", [*asked, "ada", "nobody", asked[0]]) == wanted
        assert await store.boards.standings_of("all", []) == []
        assert await store.boards.standings_of("an empty one", asked) == []

    async def test_the_standings_of_some_users_tell_ids_apart_by_code_point(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id in AWKWARD_IDS[::2]:
            await project(store, user_id, points=7)
        found = await store.boards.standings_of("all", AWKWARD_IDS)
        assert [line.user_id for line in found] == sorted(AWKWARD_IDS[::2])

    async def test_a_line_that_is_not_shown_is_on_no_page(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id, points in (("ada", 30), ("bob", 20), ("cleo", 10)):
            await project(store, user_id, points=points)
        ada, bob, cleo = await store.boards.standings("all", limit=5)
        await project(store, "bob", 2, points=40, is_shown=False)
        # The late write of another process is older than the user's leaving.
        await project(store, "bob", 1, points=20)
        assert await store.boards.standings("all", limit=5) == [ada, cleo]
        assert await store.boards.standings("all", limit=5, after=ada.place) == [cleo]
        assert await store.boards.standings("all", limit=5, before=cleo.place) == [ada]
        assert await store.boards.standings_of("all", ["ada", "bob"]) == [ada]
        assert await store.boards.standing("all", "bob") is None
        assert await store.boards.ranking("all", "bob") is None
        assert [await store.boards.count("all"), await store.boards.count("all", above=15)] == [2, 1]
        kept = (await store.snapshots.projected(["bob"]))["bob"].standings["all"]
        assert (kept.points, kept.is_shown) == (40, False)
        await project(store, "bob", 3, points=20)
        assert await store.boards.standings("all", limit=5) == [ada, bob, cleo]
        assert await store.boards.count("all") == 3
        assert await store.boards.miscounted() == []

    async def test_no_points_are_a_standing_too(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", points=0, reached_at=0)
        assert await store.boards.standings("all", limit=9) == [standing("ada", 0, reached_at=0)]


async def _fill(store: Store) -> list[Standing]:
    """A board with ties of every kind, written in random order; returns its lines in the order of the contract."""
    lines = [
        standing(f"{name} {points} {later}", points, reached_at=NOON + later)
        for name, points, later in product("cab", (10, 30, 20), (2, 0, 1))
    ]
    random.Random(3).shuffle(lines)
    for line in lines:
        await project(store, line.user_id, points=line.points, reached_at=line.reached_at)
    return sorted(lines, key=lambda line: line.place.sort_key)
