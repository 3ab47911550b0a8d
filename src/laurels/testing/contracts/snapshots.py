"""The contract's second part: snapshots and cards, how they follow the ledger, and how they are dropped."""

from __future__ import annotations

import asyncio
import random

from laurels.application.ports.snapshots import Projected, Projection
from laurels.testing.builders import NOON, VERSION, card, event_entry, history, progress, project, standing
from laurels.testing.handles import AWKWARD_IDS, OpenStore

# Later than everything that these tests record.
LATER = NOON + 1_000_000


class SnapshotContract:
    """`project`, `behind`, `cards`, `users`, `projected` and `clear_projections`."""

    async def test_what_was_projected_comes_back_whole(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        kept = Projection(progress("ada", 4), {"all": standing("ada", 5), "2026-03": standing("ada", 3)})
        shown = card("ada", display_name="Ada \N{SNOWMAN}", photo_url="https://example.org/a.png")
        await one.snapshots.project([kept], cards=[shown])
        assert await other.snapshots.projected(["ada"]) == {"ada": Projected(kept.progress, shown, kept.standings)}
        assert await other.boards.cards(["ada"]) == {"ada": shown}
        assert (await other.ledger.read({"ada": None}, VERSION)).snapshots == {"ada": kept.progress}

    async def test_a_user_of_whom_there_is_more_than_a_document_holds_stands_in_nobodys_way(
        self, open_store: OpenStore
    ) -> None:
        store = await open_store()
        large = progress("ada", 4)
        large.once = bytes(17 * 1024 * 1024)
        projections = [Projection(large, {"all": standing("ada", 5)}), Projection(progress("bob", 3), {})]
        await store.snapshots.project(projections, cards=[card("ada"), card("bob")])
        found = await store.snapshots.projected(["ada", "bob"])
        assert found["bob"].progress == progress("bob", 3)
        assert found["ada"].progress in (large, None)
        assert (found["ada"].card, found["ada"].standings) == (card("ada"), {"all": standing("ada", 5)})
        # Read from the ledger again if it was not kept.
        read = (await store.ledger.read({"ada": None, "bob": None}, VERSION)).snapshots
        assert read.get("ada") in (large, None)
        assert read["bob"] == progress("bob", 3)

    async def test_a_projection_outlives_a_clean_end(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", 2)
        await store.close()
        assert await (await open_store()).boards.cards(["ada"]) == {"ada": card("ada")}

    async def test_many_users_are_projected_in_one_call(self, open_store: OpenStore) -> None:
        store = await open_store()
        users = [f"user {number}" for number in range(250)]
        await store.snapshots.project(
            [Projection(progress(user_id), {"all": standing(user_id)}) for user_id in users],
            cards=[card(user_id) for user_id in users],
        )
        assert (await store.snapshots.projected(users)).keys() == set(users)
        assert await store.boards.count("all") == 250

    async def test_project_takes_all_that_it_needs_before_it_is_awaited(self, open_store: OpenStore) -> None:
        store = await open_store()
        moving, lines, shown = progress("ada", 3), {"all": standing("ada", 5)}, card("ada")
        projections, cards = [Projection(moving, lines)], [shown]
        written = store.snapshots.project(projections, cards=cards)
        moving.seq, moving.total_points = 4, 99
        moving.awards.clear()
        lines["all"] = standing("ada", 99)
        shown.badges.append("later")
        projections.clear()
        cards.clear()
        await written
        kept = (await store.snapshots.projected(["ada"]))["ada"]
        assert kept == Projected(progress("ada", 3), card("ada"), {"all": standing("ada", 5)})

    async def test_an_older_projection_is_never_put_over_a_newer_one(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await project(one, "ada", 5, points=50)
        newer = await one.snapshots.projected(["ada"])
        await project(other, "ada", 4, points=40)
        await project(other, "ada", 4, points=40, version="v2")
        assert await one.snapshots.projected(["ada"]) == newer
        assert await one.boards.cards(["ada"]) == {"ada": card("ada", 50)}
        assert await one.boards.standing("all", "ada") == standing("ada", 50)

    async def test_projecting_again_changes_nothing(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", 5, points=50)
        before = await store.snapshots.projected(["ada"])
        await project(store, "ada", 5, points=50)
        assert await store.snapshots.projected(["ada"]) == before
        assert await store.boards.count("all") == 1

    async def test_a_standing_that_is_missing_is_added_beside_a_newer_snapshot(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", 5, points=50, boards=["all"])
        await project(store, "ada", 4, points=40, boards=["all", "2026-03"])
        kept = (await store.snapshots.projected(["ada"]))["ada"]
        assert kept.progress == progress("ada", 5, points=50)
        assert kept.standings == {"all": standing("ada", 50), "2026-03": standing("ada", 40)}

    async def test_a_snapshot_replaces_one_of_the_same_seq_and_another_version(self, open_store: OpenStore) -> None:
        store = await open_store()
        await project(store, "ada", 5, points=50)
        await project(store, "ada", 5, points=51, version="v2")
        assert (await store.ledger.read({"ada": None}, VERSION)).snapshots == {}
        assert (await store.ledger.read({"ada": None}, "v2")).snapshots == {
            "ada": progress("ada", 5, points=51, version="v2")
        }
        assert await store.boards.cards(["ada"]) == {"ada": card("ada", 51)}

    async def test_projections_that_race_end_at_the_newest(self, open_store: OpenStore) -> None:
        handles = [await open_store(), await open_store()]
        seqs = list(range(1, 41))
        random.Random(7).shuffle(seqs)
        await asyncio.gather(*(project(handles[seq % 2], "ada", seq, points=seq) for seq in seqs))
        expected = {"ada": Projected(progress("ada", 40, points=40), card("ada", 40), {"all": standing("ada", 40)})}
        assert await handles[0].snapshots.projected(["ada"]) == expected

    # behind

    async def test_a_projection_is_read_whole_while_others_are_written(self, open_store: OpenStore) -> None:
        reader, writer = await open_store(), await open_store()
        is_done = False

        async def write() -> None:
            nonlocal is_done
            for seq in range(1, 20):
                for user_id in ("ada", "bob"):
                    await project(writer, user_id, seq, points=seq, boards=["all", "2026"])
            is_done = True

        writing = asyncio.create_task(write())
        while not is_done:
            for user_id, found in (await reader.snapshots.projected(["ada", "bob"])).items():
                assert found.progress is not None
                points = found.progress.total_points
                assert found.standings == dict.fromkeys(["all", "2026"], standing(user_id, points))
        await writing

    async def test_nobody_is_behind_on_an_empty_or_fully_projected_store(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert await store.snapshots.behind(10, before=LATER) == []
        await store.ledger.append([*history("ada", 3), *history("bob", 1)])
        await project(store, "ada", 3)
        await project(store, "bob", 1)
        assert await store.snapshots.behind(10, before=LATER) == []

    async def test_those_who_have_waited_longest_come_first(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for user_id in ("cleo", "ada", "bob"):
            await one.ledger.append(history(user_id, 1))
        assert await other.snapshots.behind(10, before=LATER) == ["cleo", "ada", "bob"]
        assert await other.snapshots.behind(2, before=LATER) == ["cleo", "ada"]
        await project(one, "cleo", 1)
        await one.ledger.append([event_entry("cleo", 2)])
        assert await other.snapshots.behind(10, before=LATER) == ["ada", "bob", "cleo"]

    async def test_entries_recorded_at_the_instant_or_later_are_not_asked_about(self, open_store: OpenStore) -> None:
        store = await open_store()
        for minute, user_id in enumerate(("ada", "bob", "ada")):
            await store.ledger.append([event_entry(user_id, 1 + minute // 2, at=NOON + 60_000 * minute)])
        recorded_at = [NOON + 60_000 * minute + 7 for minute in range(3)]
        assert await store.snapshots.behind(10, before=recorded_at[0]) == []
        assert await store.snapshots.behind(10, before=recorded_at[1]) == ["ada"]
        assert await store.snapshots.behind(10, before=recorded_at[2]) == ["ada", "bob"]
        await project(store, "ada", 1)
        await project(store, "bob", 1)
        assert await store.snapshots.behind(10, before=recorded_at[2]) == []
        assert await store.snapshots.behind(10, before=recorded_at[2] + 1) == ["ada"]

    async def test_a_user_is_named_once_however_many_entries_wait(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([*history("ada", 50), *history("bob", 50)])
        await project(store, "ada", 20)
        assert await store.snapshots.behind(10, before=LATER) == ["ada", "bob"]

    async def test_users_who_write_again_fall_behind_again(self, open_store: OpenStore) -> None:
        store = await open_store()
        for seq in range(1, 6):
            await store.ledger.append([event_entry("ada", seq)])
            assert await store.snapshots.behind(10, before=LATER) == ["ada"]
            await project(store, "ada", seq)
            assert await store.snapshots.behind(10, before=LATER) == []

    # cards, users, projected

    async def test_cards_are_given_of_those_who_have_one(self, open_store: OpenStore) -> None:
        store = await open_store()
        for user_id in AWKWARD_IDS:
            await project(store, user_id)
        await store.ledger.append(history("no card yet"))
        found = await store.boards.cards([*AWKWARD_IDS, "no card yet", "nobody"])
        assert found == {user_id: card(user_id) for user_id in AWKWARD_IDS}
        assert await store.boards.cards([]) == {}

    async def test_users_come_ascending_by_code_point_page_by_page(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([event_entry(user_id, 1) for user_id in AWKWARD_IDS])
        await store.ledger.append([event_entry(user_id, 2) for user_id in AWKWARD_IDS])
        assert await store.ledger.users() == sorted(AWKWARD_IDS)
        met: list[str] = []
        while page := await store.ledger.users(after=met[-1] if met else "", limit=4):
            assert len(page) <= 4
            met += page
        assert met == sorted(AWKWARD_IDS)

    async def test_users_known_to_a_projection_only_are_named_too(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([*history("bob", 2), *history("dora", 1)])
        await project(store, "ada")
        await project(store, "bob")
        # A user with only a profile, who is on no board.
        await project(store, "cleo", boards=())
        await project(store, "emma", boards=())
        assert await store.ledger.users() == ["ada", "bob", "cleo", "dora", "emma"]
        assert await store.ledger.users(after="bob", limit=2) == ["cleo", "dora"]

    async def test_projected_leaves_out_those_of_whom_nothing_is_kept(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append(history("ada", 1))
        await project(store, "bob", 1, version="an older version")
        found = await store.snapshots.projected(["ada", "bob", "nobody"])
        kept = progress("bob", 1, version="an older version")
        assert found == {"bob": Projected(kept, card("bob"), {"all": standing("bob")})}
        assert await store.snapshots.projected([]) == {}

    # clear_projections

    async def test_clearing_drops_the_projections_and_leaves_the_ledger(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.append([*history("ada", 3), *history("bob", 1)])
        await project(one, "ada", 3, boards=["all", "2026-03"])
        await project(one, "ghost", 1)
        await other.snapshots.clear()
        assert await one.snapshots.projected(["ada", "ghost"]) == {}
        assert await one.boards.cards(["ada", "ghost"]) == {}
        assert await one.boards.standings("all", limit=10) == []
        assert await one.boards.count("2026-03") == 0
        assert (await one.ledger.read({"ada": None}, VERSION)).snapshots == {}
        assert await one.ledger.entries("ada") == history("ada", 3)
        assert await one.ledger.users() == ["ada", "bob"]

    async def test_after_clearing_everyone_is_behind_and_can_be_projected_again(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([*history("ada", 3), *history("bob", 1)])
        await project(store, "ada", 3)
        await project(store, "bob", 1)
        await store.snapshots.clear()
        assert await store.snapshots.behind(10, before=LATER) == ["ada", "bob"]
        await project(store, "ada", 2)
        assert (await store.snapshots.projected(["ada"]))["ada"].progress == progress("ada", 2)
