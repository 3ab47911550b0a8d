"""Merging two users who are one person: on each store, with several processes, cut off anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from laurels import LearningEvent
from laurels.application.maintenance import merging
from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.privacy.retention import inactive_users
from laurels.application.queries.learners.history import history
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import Entry
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import EventConflict, InvalidInput, StoreUnavailable, UnknownUser, UserDeleted, UserMerged
from laurels.testing.clocks import SettableClock

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOWN = {"description": "x", "icon": "x", "category": "coding", "rarity": "common"}


def badge(badge_id: str, points: int, **criterion: Any) -> dict[str, Any]:
    return {"id": badge_id, "name": badge_id, "points": points, "criterion": criterion, **SHOWN}


RULES = Rulebook(
    msgspec.convert(
        {
            "name": "tests",
            "event_types": {"run": {"points": 5}, "talk": {"points": 3, "max_per_day": 2}},
            "levels": {"kind": "quadratic", "step": 10},
            "boards": {"languages": True},
            "badges": [
                badge("runs_3", 20, kind="count", event="run", target=3),
                badge("languages_2", 9, kind="distinct", field="language", target=2),
                badge("streak_4", 11, kind="streak", target=4),
                badge("points_60", 7, kind="points", target=60),
                badge("unreached", 4, kind="count", event="run", target=900),
            ],
        },
        RulebookData,
    )
)


@pytest.fixture(params=["store_url", "mongodb_url"])
async def two(request: pytest.FixtureRequest, clock: SettableClock) -> AsyncIterator[list[Service]]:
    """Two that know nothing of each other, on one database."""
    url = request.getfixturevalue(request.param)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_service(url, rulebook=RULES, clock=clock, projection_interval=3_600))
            for _ in range(2)
        ]


def event(
    user_id: str, event_id: str, *, days: int = 0, minutes: int = 0, kind: str = "run", **metadata: Any
) -> LearningEvent:
    at = START + timedelta(days=days, minutes=minutes)
    return LearningEvent(user_id=user_id, event_type=kind, event_id=event_id, timestamp=at, metadata=metadata)


OLD = [
    event("old", "o1", language="go"),
    event("old", "same", days=1, minutes=5),
    event("old", "1", days=2, kind="talk", language="c"),
    event("old", "o2", days=3, kind="talk"),
]
NEW = [
    event("ada", "1", days=2, minutes=1, kind="talk"),
    event("ada", "same", days=1, minutes=5),
    event("ada", "2", days=2, minutes=2, kind="talk", language="go"),
]


async def record(service: Service, events: Sequence[LearningEvent]) -> None:
    assert not any(isinstance(each, Exception) for each in await service.record_many(events))


async def assert_sound(both: list[Service]) -> Progress:
    """Assert that the ledger proves itself, as projected and as projected anew; the state of Ada."""
    for each in both:
        # What a process that was cut off left behind is projected by another one.
        await each.projector.catch_up(before=both[0].clock() + 1)
    store = both[0].store
    found = await verify(store, RULES)
    assert (found.differences, found.behind) == ([], 0)
    before = await store.snapshots.projected(["ada", "old"])
    await rebuild(store, RULES)
    assert await store.snapshots.projected(["ada", "old"]) == before
    shown = [await each.learners.progress("ada") for each in both]
    assert shown[0] == shown[1]
    return shown[0]


async def test_all_is_as_if_it_had_been_the_other_user_from_the_start(two: list[Service]) -> None:
    first, second = two
    await record(first, OLD)
    await record(second, NEW)
    await first.projector.flush()
    await second.corrections.grant("old", "unreached", reason="on paper")
    done = await first.merging.merge("old", "ada", reason="two sign-ups", caller="root")
    assert (done.events, done.renamed, done.is_replay) == (4, 1, False)

    progress = await assert_sound(two)
    # One of them is the same event, and the day of another one had had enough.
    assert (progress.events, progress.longest_streak) == (6, 4)
    assert {name: (each.count, each.points) for name, each in progress.types.items()} == {
        "run": (2, 10),
        "talk": (4, 9),
    }
    assert progress.awards.keys() == {"languages_2", "streak_4", "unreached"}
    assert progress.total_points == 19 + 9 + 11 + 4
    assert (await second.merging.merge("old", "ada", reason="two sign-ups")).is_replay
    assert (await first.learners.progress("ada")).seq == progress.seq

    old = await second.learners.progress("old")
    assert (old.total_points, old.events, old.awards, old.merged_into) == (0, 0, {}, "ada")
    assert await first.store.boards.count("all") == 1
    assert await first.store.boards.count("2026-03-01") == 1
    for user_id, kind in (("old", "merged-into"), ("ada", "merged-from")):
        known = await first.learners.progress(user_id)
        lines = [each async for each in history(first.store, RULES, user_id, known.seq)]
        assert (lines[0].kind, lines[0].reason) == (kind, "two sign-ups")
        assert lines[0].other_user_id == ("ada" if user_id == "old" else "old")
        assert sum(each.points + sum(award.points for award in each.awards) for each in lines) == known.total_points


async def test_nothing_is_recorded_any_more_for_who_was_merged_and_what_is_repeated_is_answered(
    two: list[Service],
) -> None:
    first, second = two
    await record(second, OLD)
    await record(first, NEW)
    await first.merging.merge("old", "ada", reason="x")
    for service in two:
        for made in (event("old", "new"), LearningEvent(user_id="old", event_type="run")):
            with pytest.raises(UserMerged, match="merged into the user ada; use that userId"):
                await service.record_event(made)
        again = await service.record_many([OLD[0], event("ada", f"later-{id(service)}"), event("old", "o1", days=9)])
        assert (again[0].is_replay, again[1].is_replay) == (True, False)  # type: ignore[union-attr]
        assert isinstance(again[2], EventConflict)
    with pytest.raises(UserMerged):
        await second.change_profile("old", {"displayName": "Old"})
    with pytest.raises(UserMerged):
        await second.corrections.retract("old", "o1", reason="x")
    # It goes on where it counts.
    await first.corrections.retract("ada", "o1", reason="x")
    assert (await assert_sound(two)).types["run"].count == 3


async def test_what_cannot_be_merged_is_refused_and_changes_nothing(two: list[Service]) -> None:
    first, _ = two
    for user_id in ("ada", "old", "gone", "bob"):
        await record(first, [event(user_id, "e")])
    await first.delete_user("gone")
    merge = first.merging.merge
    with pytest.raises(InvalidInput, match="another user"):
        await merge("ada", "ada", reason="x")
    with pytest.raises(InvalidInput, match="reason"):
        await merge("old", "ada", reason=" ")
    for users in (("nobody", "ada"), ("ada", "nobody")):
        with pytest.raises(UnknownUser, match="nobody"):
            await merge(*users, reason="x")
    for users in (("gone", "ada"), ("ada", "gone")):
        with pytest.raises(UserDeleted, match="gone"):
            await merge(*users, reason="x")
    assert (await first.learners.progress("ada")).seq == 1
    await merge("old", "ada", reason="x")
    with pytest.raises(UserMerged, match="old was merged into the user ada"):
        await merge("old", "bob", reason="x")
    with pytest.raises(UserMerged, match="old was merged into the user ada"):
        await merge("bob", "old", reason="x")
    with pytest.raises(UserMerged):
        await merge("ada", "old", reason="x")
    assert (await first.learners.progress("bob")).seq == 1


@pytest.mark.parametrize("is_written", [False, True], ids=["before it is written", "after it is written"])
async def test_it_may_be_cut_off_anywhere_and_asked_for_again(
    two: list[Service], monkeypatch: pytest.MonkeyPatch, is_written: bool, clock: SettableClock
) -> None:
    first, _ = two
    one, other = (merging.Merging(each.store, each.recorder, page=2) for each in two)
    cuts = 0
    for number in range(20):
        source, into = f"old-{number}", f"ada-{number}"
        for events, user_id in ((OLD, source), (NEW, into)):
            await record(first, [LearningEvent(**{**msgspec.structs.asdict(e), "user_id": user_id}) for e in events])
        left = number
        append = first.store.ledger.append

        async def cut_off(entries: Sequence[Entry], append: Callable[..., Any] = append) -> frozenset[str]:
            nonlocal left
            left -= 1
            if left < 0:
                if is_written:
                    await append(entries)
                raise StoreUnavailable("The store is away; try again.")
            return await append(entries)

        with monkeypatch.context() as patch:
            patch.setattr(first.store.ledger, "append", cut_off)
            try:
                await one.merge(source, into, reason="x")
            except StoreUnavailable:
                cuts += 1
            else:
                break
        await other.merge(source, into, reason="x")
    assert cuts >= 6
    await record(first, OLD)
    await record(first, NEW)
    await first.merging.merge("old", "ada", reason="x")
    expected = await assert_sound(two)
    for number in range(cuts):
        progress = await first.learners.progress(f"ada-{number}")
        same = ("events", "total_points", "types", "days", "board_days", "awards", "languages", "longest_streak")
        assert {name: getattr(progress, name) for name in same} == {name: getattr(expected, name) for name in same}


async def test_a_merge_that_is_not_finished_is_found_and_holds_up_others(
    two: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    for user_id in ("old", "ada", "bob"):
        await record(first, [event(user_id, "e")])
    with monkeypatch.context() as patch:
        patch.setattr(merging._Merge, "move", lambda *_: (_ for _ in ()).throw(StoreUnavailable("Gone.")))
        with pytest.raises(StoreUnavailable):
            await first.merging.merge("old", "ada", reason="x")
    for each in two:
        await each.projector.flush()
    [found] = (await verify(second.store, RULES)).differences
    assert (found.user_id, "not finished" in found.what) == ("old", True)
    # Else what is to come would find the ledger closed that it moves to.
    with pytest.raises(InvalidInput, match="laurels users merge old ada"):
        await second.merging.merge("ada", "bob", reason="x")
    assert (await second.learners.progress("bob")).merging == []
    await second.merging.merge("old", "ada", reason="x")
    await second.merging.merge("ada", "bob", reason="x")
    assert (await assert_sound(two)).merged_into == "bob"


async def between(
    monkeypatch: pytest.MonkeyPatch, merge: Callable[[], Awaitable[Any]], meanwhile: Callable[[], Awaitable[Any]]
) -> Any:
    """Do something after the ledger that is to be closed was read for the last time; what comes of the merge."""
    read, calls = merging.account_of, 0

    async def account_of(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        found = await read(*arguments)
        # Both are read at the beginning, and that one once more.
        if calls == 3:
            await meanwhile()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(merging, "account_of", account_of)
        return await merge()


async def test_two_merges_into_each_other_never_close_both(two: list[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = two
    for user_id in ("old", "ada"):
        await record(first, [event(user_id, user_id)])
    account = await merging.account_of(first.store, "old")
    other = merging._Merge(first.store, first.recorder, "ada", reason="x", caller=None)

    with pytest.raises(InvalidInput, match="not finished"):
        await between(
            monkeypatch,
            lambda: second.merging.merge("ada", "old", reason="x"),
            lambda: other._write(other._step(merging.BeginMerge, account)),
        )
    # It is not announced any more, so the other one can be done.
    assert (await first.learners.progress("old")).merging == []
    await second.merging.merge("old", "ada", reason="x")
    assert (await assert_sound(two)).events == 2


async def test_an_event_that_comes_before_the_ledger_is_closed_is_moved(
    two: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    for user_id in ("old", "ada"):
        await record(first, [event(user_id, user_id)])
    done = await between(
        monkeypatch,
        lambda: first.merging.merge("old", "ada", reason="x"),
        lambda: second.record_event(event("old", "late")),
    )
    assert done.events == 2
    assert (await assert_sound(two)).events == 3


async def test_deleting_the_one_who_is_left_deletes_all_of_them(two: list[Service]) -> None:
    first, second = two
    for user_id in ("older", "old", "ada", "bob"):
        await record(first, [event(user_id, f"e-{user_id}")])
    await first.merging.merge("older", "old", reason="x")
    await first.merging.merge("old", "ada", reason="x")
    told: list[str] = []

    async def tell(user_id: str, _at: int) -> None:
        told.append(user_id)

    second.deletion.on_deleted.append(tell)
    await second.delete_user("ada")
    assert told == ["older", "old", "ada"]
    for user_id in told:
        assert await first.store.ledger.entries(user_id) == []
        with pytest.raises(UserDeleted):
            await first.record_event(event(user_id, "late"))
    assert (await verify(first.store, RULES)).differences == []
    assert await first.store.ledger.users() == ["bob"]


async def test_a_merge_into_who_is_deleted_meanwhile_says_what_to_do(
    two: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    for user_id in ("old", "ada"):
        await record(first, [event(user_id, f"e-{user_id}")])
    move = merging._Merge.move

    async def deleted_first(self: Any, account: Any) -> Any:
        # As it is when a deletion had looked for merged users before this ledger was closed.
        await second.store.tombstones.mark_deleted("ada", 1)
        await second.store.tombstones.purge(["ada"])
        return await move(self, account)

    monkeypatch.setattr(merging._Merge, "move", deleted_first)
    with pytest.raises(UserDeleted, match="laurels users delete old --yes"):
        await first.merging.merge("old", "ada", reason="x")
    await first.projector.flush()
    [found] = (await verify(second.store, RULES)).differences
    assert (found.user_id, "delete them as well" in found.what) == ("old", True)
    await second.delete_user("old")
    assert (await verify(second.store, RULES)).is_clean


async def test_nothing_slips_in_while_several_merge_and_others_record(two: list[Service]) -> None:
    first, second = two
    await record(first, [event("ada", "e")])
    await record(second, [event("old", "o")])
    taken: list[str] = ["e", "o"]

    async def go_on() -> None:
        for number in range(40):
            made = event("old", f"new-{number}", minutes=number)
            try:
                await second.record_event(made)
            except UserMerged:
                continue
            taken.append(str(made.event_id))

    await asyncio.gather(go_on(), *(each.merging.merge("old", "ada", reason="x") for each in two))
    await assert_sound(two)
    entries = await first.store.ledger.entries("ada")
    assert sorted(each.event_id for each in entries if each.event_id) == sorted(taken)


async def test_who_was_merged_does_not_expire_alone(two: list[Service], clock: SettableClock) -> None:
    first, _ = two
    await record(first, OLD)
    await record(first, NEW)
    await first.merging.merge("old", "ada", reason="x")
    await first.projector.flush()
    clock.advance(timedelta(days=900))
    late = inactive_users(first.store, first.learners, before=clock() - 1)
    assert [each async for each in late] == ["ada"]


async def test_who_was_suspended_does_not_come_back_by_being_merged(two: list[Service]) -> None:
    first, second = two
    await record(first, OLD)
    await record(first, NEW)
    await first.suspend_user("old")
    await second.merging.merge("old", "ada", reason="x")
    assert (await assert_sound(two)).is_suspended
    assert await first.store.boards.count("all") == 0
