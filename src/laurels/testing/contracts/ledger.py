"""The contract's first part: appending to the ledger, and reading from it."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from laurels.application.ports.ledger import LATER_LIMIT
from laurels.domain.ledger.entries import Award, CurrencySpent, Entry, EventRecorded, MergedFrom, MergedInto, Repointed
from laurels.testing.builders import (
    NOON,
    VERSION,
    event_entry,
    history,
    migration_entry,
    profile_entry,
    progress,
    project,
)
from laurels.testing.handles import AWKWARD_IDS, OpenStore

ROUNDS = 60


class LedgerContract:
    """`append`, `entries`, `load` and `read`."""

    # append: written entries are there

    async def test_an_appended_entry_is_visible_to_another_handle_at_once(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for entry in history(length=20):
            assert await one.ledger.append([entry]) == frozenset()
            assert (await other.ledger.entries("ada"))[-1] == entry

    async def test_an_entry_comes_back_whole_to_the_millisecond(self, open_store: OpenStore) -> None:
        store = await open_store()
        metadata: dict[str, Any] = {
            "language": "C++",
            "codeLength": 0,
            "ratio": 0.1,
            "whole": 1.0,
            "big": 2**63 - 1,
            "flag": True,
            "nothing": None,
            "list": [1, [2, {}], "\N{SNOWMAN}"],
            "$set": {"a.b": "'\"\\\n"},
        }
        first = event_entry(
            at=NOON + 1, awards=[Award(each, 10, NOON + 1) for each in ("first", "busy@2026-W12")], metadata=metadata
        )
        second = profile_entry(seq=2, zone_from=NOON + 999, timeZone="Asia/Kathmandu", preferences={"a": {"b": [1.5]}})
        assert isinstance(first.body, EventRecorded)
        unpaid = replace(first.body.outcome, points=0, unpaid="once")
        third = replace(event_entry(seq=3), body=replace(first.body, outcome=unpaid, once_key="task \N{SNOWMAN}"))
        await store.ledger.append([first, second, third])
        assert await store.ledger.entries("ada") == [first, second, third]
        kept = (await store.ledger.entries("ada"))[0].body
        # In Python 1, 1.0 and True are equal; to a caller they are not.
        assert isinstance(kept, EventRecorded)
        assert [type(value) for value in kept.metadata.values()] == [type(value) for value in metadata.values()]

    async def test_an_migration_comes_back_whole_and_is_found_by_its_origin(self, open_store: OpenStore) -> None:
        store = await open_store()
        entry = migration_entry(
            adjustment=-35,
            stored_total=70,
            event_points=95,
            awards=[Award("old", 10, NOON + 1)],
            created_at=NOON - 123_456_789,
            profile={"displayName": "Ada \N{SNOWMAN}"},
        )
        assert await store.ledger.append([entry, event_entry(seq=2)]) == frozenset()
        assert (await store.ledger.entries("ada"))[0] == entry
        found = await store.ledger.load({}, [("ada", "elsewhere:1")], VERSION)
        assert found.known == {("ada", "elsewhere:1"): entry}
        assert await store.ledger.append([migration_entry(seq=3)]) == {"ada"}

    async def test_points_that_changed_come_back_whole(self, open_store: OpenStore) -> None:
        store = await open_store()
        body = Repointed([(1, 7), (3, 0)], {"first": 2}, -4, 11, 1, "rules", "maintainer")
        entry = Entry("ada", 3, None, NOON, body)
        await store.ledger.append([*history(length=2), entry])
        assert (await store.ledger.entries("ada"))[-1] == entry

    async def test_currencies_and_what_was_spent_come_back_whole_and_a_spending_is_found_by_its_id(
        self, open_store: OpenStore
    ) -> None:
        store = await open_store()
        given = (("coins", 5), ("gems", 1))
        event = event_entry(awards=[Award("first", 10, NOON, given)])
        assert isinstance(event.body, EventRecorded)
        event = replace(event, body=replace(event.body, outcome=replace(event.body.outcome, currencies=given)))
        spent = Entry("ada", 2, "spending:x", NOON, CurrencySpent("coins", 3, 7, 15, 1, "a hat", "maintainer"))
        counted = Repointed([], {}, 0, 15, 1, "rules", None, [(1, given), (2, ())], {"first": given}, (("coins", -1),))
        entries = [event, spent, Entry("ada", 3, None, NOON, counted)]
        assert await store.ledger.append(entries) == frozenset()
        assert await store.ledger.entries("ada") == entries
        found = await store.ledger.load({}, [("ada", "spending:x")], VERSION)
        assert found.known == {("ada", "spending:x"): spent}
        again = replace(spent, seq=4)
        assert await (await open_store()).ledger.append([again]) == {"ada"}

    async def test_a_merge_comes_back_whole(self, open_store: OpenStore) -> None:
        store = await open_store()
        awards = [Award("first", 2, NOON)]
        entries = [
            Entry("ada", 1, None, NOON, MergedFrom("bob", "begun", 0, 1, "why", ["first"], True, caller="maintainer")),
            Entry("ada", 2, None, NOON, MergedFrom("bob", "done", 9, 1, "why", awards=awards, events=3)),
            Entry("bob", 1, None, NOON, MergedInto("ada", 9, 0, 1, "why")),
        ]
        await store.ledger.append(entries)
        assert [*await store.ledger.entries("ada"), *await store.ledger.entries("bob")] == entries

    async def test_what_was_appended_outlives_the_handle(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append(history(length=3))
        await store.close()
        assert await (await open_store()).ledger.entries("ada") == history(length=3)

    async def test_a_batch_of_any_size_is_written_whole_and_in_order(self, open_store: OpenStore) -> None:
        store = await open_store()
        for size in (1, 2, 3, 63, 64, 65, 1000, 1025):
            user_id = f"user of {size}"
            batch = history(user_id, size)
            assert await store.ledger.append(batch) == frozenset()
            assert await store.ledger.entries(user_id, limit=size + 1) == batch

    async def test_entries_without_an_event_id_do_not_collide(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert await store.ledger.append([profile_entry(seq=1), profile_entry(seq=2)]) == frozenset()
        assert len(await store.ledger.entries("ada")) == 2

    async def test_appending_nothing_refuses_nobody(self, open_store: OpenStore) -> None:
        assert await (await open_store()).ledger.append([]) == frozenset()

    # append: refused users

    async def test_a_user_whose_seq_is_taken_is_refused(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.append([event_entry(event_id="first")])
        assert await other.ledger.append([event_entry(event_id="second")]) == {"ada"}
        assert [entry.event_id for entry in await other.ledger.entries("ada")] == ["first"]

    async def test_a_user_whose_event_id_is_taken_is_refused(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.append([event_entry(event_id="same")])
        assert await other.ledger.append([event_entry(seq=2, event_id="same")]) == {"ada"}
        assert len(await other.ledger.entries("ada")) == 1

    async def test_of_a_refused_user_no_entry_stands_even_when_only_the_second_collides(
        self, open_store: OpenStore
    ) -> None:
        store = await open_store()
        await store.ledger.append([event_entry(event_id="old"), event_entry("bob", 2, event_id="ahead")])
        by_id = [event_entry(seq=2, event_id="new"), event_entry(seq=3, event_id="old"), event_entry(seq=4)]
        assert await store.ledger.append(by_id) == {"ada"}
        by_seq = [event_entry("bob", 1, event_id="x"), event_entry("bob", 2, event_id="y")]
        assert await store.ledger.append(by_seq) == {"bob"}
        assert [entry.event_id for entry in await store.ledger.entries("ada")] == ["old"]
        assert [entry.event_id for entry in await store.ledger.entries("bob")] == ["ahead"]

    async def test_the_other_users_of_a_batch_are_written_all_the_same(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([event_entry("bob", 1, event_id="old")])
        batch = [
            event_entry("ada", 1),
            event_entry("bob", 1, event_id="new"),
            event_entry("cleo", 1),
            event_entry("ada", 2),
            event_entry("bob", 2),
        ]
        assert await store.ledger.append(batch) == {"bob"}
        assert await store.ledger.entries("ada") == [batch[0], batch[3]]
        assert await store.ledger.entries("cleo") == [batch[2]]
        assert [entry.event_id for entry in await store.ledger.entries("bob")] == ["old"]

    async def test_a_refused_user_can_append_after_reading_what_came_first(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append(history(length=1))
        assert await store.ledger.append([event_entry(event_id="mine")]) == {"ada"}
        assert await store.ledger.append([event_entry(seq=2, event_id="mine")]) == frozenset()

    async def test_of_two_handles_that_race_for_a_users_next_entry_one_wins(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for seq in range(1, ROUNDS + 1):
            mine, theirs = event_entry(seq=seq, event_id=f"mine {seq}"), event_entry(seq=seq, event_id=f"theirs {seq}")
            refused = await asyncio.gather(one.ledger.append([mine]), other.ledger.append([theirs]))
            assert sorted(refused, key=len) == [frozenset(), {"ada"}]
            assert (await one.ledger.entries("ada", after=seq - 1)) == [mine if not refused[0] else theirs]

    async def test_handles_that_race_with_overlapping_batches_decide_user_by_user(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(3)]
        users = [f"user {number}" for number in range(7)]
        for seq in range(1, ROUNDS // 3 + 1):
            order = [users, users[::-1], users[3:] + users[:3]]
            batches = [
                [event_entry(user_id, seq, event_id=f"{seq} by {writer}") for user_id in order[writer]]
                for writer in range(3)
            ]
            refused = await asyncio.gather(
                *(handle.ledger.append(batch) for handle, batch in zip(handles, batches, strict=True))
            )
            for user_id in users:
                winners = [writer for writer in range(3) if user_id not in refused[writer]]
                assert len(winners) == 1
                [entry] = await handles[0].ledger.entries(user_id, after=seq - 1)
                assert entry.event_id == f"{seq} by {winners[0]}"

    async def test_one_event_id_raced_for_at_different_seqs_is_recorded_once(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for number in range(ROUNDS):
            low, high = 2 * number + 1, 2 * number + 2
            refused = await asyncio.gather(
                one.ledger.append([event_entry(seq=low, event_id=f"e{number}")]),
                other.ledger.append([event_entry(seq=high, event_id=f"e{number}")]),
            )
            assert sorted(refused, key=len) == [frozenset(), {"ada"}]
        assert len(await one.ledger.entries("ada")) == ROUNDS

    # ids

    async def test_user_ids_are_compared_code_point_by_code_point(self, open_store: OpenStore) -> None:
        store = await open_store()
        batch = [event_entry(user_id, 1, event_id="e") for user_id in AWKWARD_IDS]
        assert await store.ledger.append(batch) == frozenset()
        for entry in batch:
            assert await store.ledger.entries(entry.user_id) == [entry]
        found = await store.ledger.load(dict.fromkeys(AWKWARD_IDS), [], VERSION)
        assert found.later == {entry.user_id: [entry] for entry in batch}

    async def test_event_ids_are_compared_code_point_by_code_point(self, open_store: OpenStore) -> None:
        store = await open_store()
        batch = [event_entry("ada", seq, event_id=event_id) for seq, event_id in enumerate(AWKWARD_IDS, 1)]
        assert await store.ledger.append(batch) == frozenset()
        found = await store.ledger.load({}, [("ada", event_id) for event_id in AWKWARD_IDS], VERSION)
        assert found.known == {("ada", entry.event_id): entry for entry in batch}

    async def test_an_event_id_belongs_to_its_user_only(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert (
            await store.ledger.append([event_entry("ada", event_id="e"), event_entry("bob", event_id="e")])
            == frozenset()
        )
        found = await store.ledger.load({}, [("cleo", "e")], VERSION)
        assert found.known == {}

    # entries

    async def test_entries_come_in_order_above_after_and_up_to_the_limit(self, open_store: OpenStore) -> None:
        store = await open_store()
        ledger = history(length=30)
        await store.ledger.append(ledger[:20])
        await store.ledger.append([event_entry("bob", 1)])
        await store.ledger.append(ledger[20:])
        assert await store.ledger.entries("ada") == ledger
        assert await store.ledger.entries("ada", after=12, limit=5) == ledger[12:17]
        assert await store.ledger.entries("ada", after=28, limit=5) == ledger[28:]
        assert await store.ledger.entries("ada", after=30) == []
        assert await store.ledger.entries("nobody") == []

    # load and read

    async def test_consult_gives_what_lies_beyond_a_known_head(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.append([*history("ada", 5), *history("bob", 2), *history("cleo", 1)])
        found = await other.ledger.load({"ada": 3, "bob": 2, "nobody": 0}, [], VERSION)
        assert found.later == {"ada": history("ada", 5)[3:]}
        assert found.snapshots == {}

    async def test_consult_gives_an_unknown_head_its_snapshot_and_what_lies_beyond(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([*history("ada", 5), *history("bob", 2)])
        await project(store, "ada", 3)
        await project(store, "cleo", 4)
        found = await store.ledger.load({"ada": None, "bob": None, "cleo": 4}, [], VERSION)
        assert found.snapshots == {"ada": progress("ada", 3)}
        assert found.later == {"ada": history("ada", 5)[3:], "bob": history("bob", 2)}

    async def test_a_snapshot_of_another_version_is_as_if_not_there(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append(history("ada", 5))
        await project(store, "ada", 3)
        for found in (await store.ledger.load({"ada": None}, [], "v2"), await store.ledger.read({"ada": None}, "v2")):
            assert found.snapshots == {}
            assert found.later == {"ada": history("ada", 5)}

    async def test_a_snapshot_of_any_version_that_is_asked_for_tells_its_version(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append([*history("ada", 5), *history("bob", 2), *history("cleo", 1)])
        await project(store, "ada", 3)
        await project(store, "bob", 2, version="v2")
        await project(store, "cleo", 1, version="v3")
        found = await store.ledger.read(dict.fromkeys(("ada", "bob", "cleo")), VERSION, "v2")
        assert {user_id: kept.version for user_id, kept in found.snapshots.items()} == {"ada": VERSION, "bob": "v2"}
        assert found.later == {"ada": history("ada", 5)[3:], "cleo": history("cleo", 1)}

    async def test_consult_and_read_stop_at_the_limit_in_order(self, open_store: OpenStore) -> None:
        store = await open_store()
        ledger = history("ada", LATER_LIMIT + 10)
        await store.ledger.append(ledger)
        await store.ledger.append(history("bob", 1))
        unknown = await store.ledger.load({"ada": None, "bob": None}, [], VERSION)
        assert unknown.later == {"ada": ledger[:LATER_LIMIT], "bob": history("bob", 1)}
        assert (await store.ledger.load({"ada": LATER_LIMIT}, [], VERSION)).later == {"ada": ledger[LATER_LIMIT:]}
        assert (await store.ledger.read({"ada": None}, VERSION)).later == {"ada": ledger[:LATER_LIMIT]}

    async def test_consult_gives_the_entries_behind_known_event_ids(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.append([*history("ada", 3), *history("bob", 1)])
        asked = [("ada", "e2"), ("bob", "e1"), ("bob", "e2"), ("nobody", "e1"), ("ada", "E2")]
        found = await other.ledger.load({}, asked, VERSION)
        assert found.known == {("ada", "e2"): event_entry("ada", 2), ("bob", "e1"): event_entry("bob", 1)}
        assert found.later == {}

    async def test_consult_sees_every_acknowledged_append_of_other_handles(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for seq in range(1, ROUNDS + 1):
            writer, asker = (one, other) if seq % 2 else (other, one)
            await writer.ledger.append([event_entry(seq=seq)])
            found = await asker.ledger.load({"ada": seq - 1}, [("ada", f"e{seq}")], VERSION)
            assert found.later == {"ada": [event_entry(seq=seq)]}
            assert found.known == {("ada", f"e{seq}"): event_entry(seq=seq)}

    async def test_asking_nothing_gives_nothing(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.ledger.append(history())
        for found in (await store.ledger.load({}, [], VERSION), await store.ledger.read({}, VERSION)):
            assert (found.snapshots, found.later, found.known) == ({}, {}, {})

    async def test_a_reader_sees_snapshot_and_later_entries_as_one(self, open_store: OpenStore) -> None:
        writer, reader = await open_store(), await open_store()
        acknowledged = 0

        async def write() -> None:
            nonlocal acknowledged
            for seq in range(1, ROUNDS + 1):
                await writer.ledger.append([event_entry(seq=seq)])
                acknowledged = seq
                if seq % 2:
                    await project(writer, "ada", seq)

        writing = asyncio.create_task(write())
        while not writing.done():
            at_least = acknowledged
            found = await reader.ledger.read({"ada": None}, VERSION)
            head = found.snapshots["ada"].seq if found.snapshots else 0
            later = [entry.seq for entry in found.later.get("ada", [])]
            assert later == list(range(head + 1, head + 1 + len(later)))
            assert head + len(later) >= at_least
            await asyncio.sleep(0)
        await writing

    # mark

    async def test_the_mark_changes_once_another_handles_write_was_seen(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.load({"ada": None}, [], VERSION)
        before = one.mark
        await other.ledger.append(history("ada", 1))
        await one.ledger.load({"ada": None}, [], VERSION)
        assert one.mark is None or one.mark != before
