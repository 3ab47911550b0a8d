"""Recording: retries, races, and what each caller is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from laurels import EventConflict, InvalidEvent, InvalidProfile, LaurelsError, StoreUnavailable
from laurels.application.maintenance.verification import verify
from laurels.application.recording import committer
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import Entry, EventRecorded, ProfileChanged
from laurels.domain.profiles import MOST_ZONE_CHANGES
from laurels.testing.builders import learning_event, small_rulebook
from laurels.testing.clocks import SettableClock


async def ledger_of(laurels: Service, user_id: str = "ada") -> list[EventRecorded]:
    """The user's recorded events in order."""
    entries = await laurels.store.ledger.entries(user_id, limit=100_000)
    return [entry.body for entry in entries if isinstance(entry.body, EventRecorded)]


async def test_an_entry_says_whether_its_event_made_the_streak_longer(laurels: Service, clock: SettableClock) -> None:
    said: list[tuple[int, bool]] = []
    for days in (0, 0, 1, 0, 1, 3):
        clock.advance(timedelta(days=days))
        body = (await laurels.record("ada", "run")).body
        said.append((body.daily_streak, body.extends_streak))
    assert said == [(1, False), (1, False), (2, True), (2, False), (3, True), (1, False)]
    # Two days are told late; with the second, the streak that was lost is whole again.
    late = [await laurels.record("ada", "run", timestamp=clock.moment - timedelta(days=days)) for days in (2, 1)]
    assert [(each.body.daily_streak, each.body.extends_streak) for each in late] == [(1, False), (6, True)]


class TestRetries:
    """The same event id again."""

    async def test_fifty_at_once_make_one_entry_and_fifty_equal_answers(self, laurels: Service) -> None:
        results = await asyncio.gather(*(laurels.record("ada", "run", event_id="e1") for _ in range(50)))
        assert len({id(result.entry.body) for result in results if not result.is_replay}) == 1
        assert Counter(result.is_replay for result in results) == {True: 49, False: 1}
        answers = [laurels.learners.recorded(result) for result in results]
        assert answers == [answers[0]] * 50
        assert [badge.badge_id for badge in answers[0].new_badges] == ["first"]
        assert len(await ledger_of(laurels)) == 1

    async def test_a_retry_much_later_gives_the_first_answer(self, laurels: Service, clock: SettableClock) -> None:
        first = await laurels.record("ada", "run", {"language": "python"}, event_id="e1")
        for number in range(5):
            await laurels.record("ada", "run", event_id=f"other {number}")
        clock.advance(timedelta(days=400))
        again = await laurels.record("ada", "run", {"language": "python"}, event_id="e1")
        assert again.is_replay
        assert laurels.learners.recorded(again) == laurels.learners.recorded(first)
        assert len(await ledger_of(laurels)) == 6

    async def test_a_retry_may_leave_the_timestamp_out(self, laurels: Service, clock: SettableClock) -> None:
        at = clock.moment - timedelta(days=3)
        await laurels.record("ada", "run", event_id="e1", timestamp=at)
        clock.advance(timedelta(hours=5))
        again = await laurels.record("ada", "run", event_id="e1")
        assert again.is_replay
        assert again.body.at == (await ledger_of(laurels))[0].at

    async def test_a_retry_may_not_change_anything(self, laurels: Service, clock: SettableClock) -> None:
        await laurels.record("ada", "run", {"codeLength": 1}, event_id="e1")
        for event in (
            learning_event("ada", "talk", event_id="e1", codeLength=1),
            learning_event("ada", "run", event_id="e1", codeLength=2),
            learning_event("ada", "run", event_id="e1"),
            learning_event("ada", "run", event_id="e1", codeLength=1, at=clock.moment - timedelta(milliseconds=1)),
            learning_event("ada", "run", event_id="e1", codeLength=1, ratio=True),
        ):
            with pytest.raises(EventConflict):
                await laurels.record_event(event)
        assert len(await ledger_of(laurels)) == 1

    async def test_a_number_and_a_truth_value_are_other_content(self, laurels: Service) -> None:
        await laurels.record("ada", "run", {"value": 1}, event_id="e1")
        for value in (True, 1.0, "1"):
            with pytest.raises(EventConflict):
                await laurels.record("ada", "run", {"value": value}, event_id="e1")

    async def test_of_different_contents_that_race_for_an_id_one_is_recorded(self, laurels: Service) -> None:
        tries = [laurels.record("ada", "run", {"codeLength": n}, event_id="e1") for n in range(20)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert Counter(type(result) for result in results) == {RecordedEntry: 1, EventConflict: 19}
        assert len(await ledger_of(laurels)) == 1

    async def test_the_same_id_of_another_user_is_another_event(self, laurels: Service) -> None:
        results = await asyncio.gather(*(laurels.record(user, "run", event_id="e1") for user in ("ada", "Ada", "bob")))
        assert [result.is_replay for result in results] == [False] * 3


class TestBatches:
    """Several events in one call."""

    async def test_a_duplicate_within_the_batch_is_a_replay_and_a_changed_one_a_conflict(
        self, laurels: Service
    ) -> None:
        results = await laurels.record_many(
            [
                learning_event("ada", event_id="a"),
                learning_event("ada", event_id="b"),
                learning_event("ada", event_id="a"),
                learning_event("ada", "talk", event_id="b"),
                learning_event("bob", event_id="a"),
            ]
        )
        told = [result.is_replay if isinstance(result, RecordedEntry) else type(result) for result in results]
        assert told == [False, False, True, EventConflict, False]
        assert len(await ledger_of(laurels)) == 2

    async def test_a_wrong_line_spoils_no_other(self, laurels: Service, clock: SettableClock) -> None:
        wrong = [
            learning_event("ada", "no such type"),
            learning_event("", "run"),
            learning_event("ada", "run", codeLength=-1),
            learning_event("ada", "run", at=clock.moment + timedelta(minutes=6)),
        ]
        events = [line for pair in zip(wrong, [learning_event("ada")] * 4, strict=True) for line in pair]
        results = await laurels.record_many(events)
        assert [type(result) for result in results] == [InvalidEvent, RecordedEntry] * 4
        assert len(await ledger_of(laurels)) == 4

    async def test_a_batch_without_a_valid_line_and_an_empty_one_answer_at_once(self, laurels: Service) -> None:
        assert await laurels.record_many([]) == []
        [result] = await laurels.record_many([learning_event("ada", "no such type")])
        assert isinstance(result, InvalidEvent)
        assert await laurels.store.ledger.users() == []

    async def test_events_are_recorded_in_the_order_of_the_batch(self, laurels: Service) -> None:
        events = [learning_event(f"user {n % 3}", event_id=f"e{n}") for n in range(2_500)]
        results = await laurels.record_many(events)
        assert all(isinstance(result, RecordedEntry) for result in results)
        for user in range(3):
            entries = await laurels.store.ledger.entries(f"user {user}", limit=2_500)
            assert [entry.event_id for entry in entries] == [f"e{n}" for n in range(user, 2_500, 3)]
        assert (await verify(laurels.store, laurels.rulebook)).is_clean

    async def test_a_batch_of_replays_writes_nothing(self, laurels: Service) -> None:
        events = [learning_event(f"user {n % 40}", event_id=f"e{n}") for n in range(1_500)]
        first = await laurels.record_many(events)
        again = await laurels.record_many(events)
        assert all(isinstance(result, RecordedEntry) and result.is_replay for result in again)
        assert [result.entry for result in again if isinstance(result, RecordedEntry)] == [
            result.entry for result in first if isinstance(result, RecordedEntry)
        ]
        assert (await verify(laurels.store, laurels.rulebook)).events == 1_500


class TestManyCallers:
    """Concurrent callers, one user."""

    async def test_each_badge_is_awarded_once_and_the_total_is_the_sum(self, store_url: str) -> None:
        kinds = [
            ("code_run", {"codeLength": 600, "language": "python"}),
            ("ai_explain", {}),
            ("ai_debug", {"language": "go"}),
            ("session_join", {"role": "mentor"}),
            ("challenge_complete", {"language": "rust"}),
            ("visualize", {"language": "c"}),
            ("snippet_create", {"language": "sql"}),
        ]

        async def call(laurels: Service, caller: int) -> list[RecordedEntry]:
            mine = [kinds[(caller + n) % len(kinds)] for n in range(20)]
            return [await laurels.record("ada", kind, metadata) for kind, metadata in mine]

        async with open_service(store_url) as laurels:
            results = [*chain(*await asyncio.gather(*(call(laurels, caller) for caller in range(32))))]
            progress = await laurels.learners.progress("ada")
        awarded = [award for result in results for award in result.body.outcome.awards]
        assert Counter(award.badge_id for award in awarded) == dict.fromkeys(progress.awards, 1)
        assert {"code_runner_10", "polyglot", "mentor", "points_1000", "collaborator_25"} <= progress.awards.keys()
        earned = sum(result.body.outcome.points for result in results) + sum(award.points for award in awarded)
        assert progress.total_points == earned
        assert sorted(result.entry.seq for result in results) == list(range(1, 32 * 20 + 1))
        assert max(result.body.outcome.total_points for result in results) == earned

    async def test_two_handles_share_one_user_without_a_gap_or_a_double(
        self, store_url: str, clock: SettableClock
    ) -> None:
        rulebook = small_rulebook()

        async def call(laurels: Service, caller: int) -> list[RecordedEntry]:
            return [await laurels.record("ada", "run", event_id=f"{caller} {n // 2}") for n in range(40)]

        async with (
            open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=0.01) as one,
            open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=0.01) as other,
        ):
            callers = [call((one, other)[caller % 2], caller // 2) for caller in range(12)]
            results = [*chain(*await asyncio.gather(*callers))]
            found = await verify(one.store, rulebook)
        assert found.is_clean
        # Each id was sent twice by each of two callers, one on either handle.
        assert found.events == 6 * 20
        assert Counter(result.is_replay for result in results) == {False: 120, True: 360}

    async def test_on_a_remote_store_those_who_come_again_share_a_commit(
        self, laurels: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two halves of the callers, each of which always waited while the other one was written."""
        monkeypatch.setattr(type(laurels.store), "is_remote", True)
        # However slow the machine is, all come again in this time.
        monkeypatch.setattr(committer, "LONGEST_PAUSE", 1.0)
        monkeypatch.setattr(committer, "_PAUSE", 2.0)
        append, sizes = laurels.store.ledger.append, list[int]()

        async def append_slowly(entries: Sequence[Entry]) -> frozenset[str]:
            sizes.append(len(entries))
            await asyncio.sleep(0.1)
            return await append(entries)

        monkeypatch.setattr(laurels.store.ledger, "append", append_slowly)

        async def call(caller: int) -> None:
            # As after a way over the network.
            for _ in range(8):
                await laurels.record(f"user {caller}", "run")
                await asyncio.sleep(0.002)

        first = [asyncio.create_task(call(caller)) for caller in range(20)]
        while not sizes:  # noqa: ASYNC110  a store sends no event
            await asyncio.sleep(0.001)
        await asyncio.gather(*first, *(call(caller) for caller in range(20, 40)))
        assert sum(sizes) == 320
        assert 40 in sizes

    async def test_a_caller_who_stops_waiting_takes_nothing_with_them(self, laurels: Service) -> None:
        waiting = [asyncio.create_task(laurels.record("ada", "run", event_id=f"e{n}")) for n in range(20)]
        await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        results = await asyncio.gather(*(laurels.record("ada", "run", event_id=f"e{n}") for n in range(20)))
        assert all(result.is_replay for result in results)
        assert (await verify(laurels.store, laurels.rulebook)).events == 20


class TestProfiles:
    """Profile changes, and the days that they decide."""

    async def test_a_zone_set_before_the_first_event_holds_from_the_beginning(
        self, laurels: Service, clock: SettableClock
    ) -> None:
        await laurels.change_profile("ada", {"timeZone": "Pacific/Auckland"})
        await laurels.record("ada", "run", timestamp=datetime(2020, 6, 1, 12, 30, tzinfo=UTC))
        days = (await laurels.learners.progress("ada")).days
        assert list(days) == [datetime(2020, 6, 2).toordinal()]  # noqa: DTZ001  a calendar day has no zone

    async def test_a_later_zone_moves_no_old_day_and_decides_the_new_ones(
        self, laurels: Service, clock: SettableClock
    ) -> None:
        late = datetime(2026, 3, 13, 23, 30, tzinfo=UTC)
        await laurels.record("ada", "run", event_id="e1", timestamp=late)
        before = (await laurels.learners.progress("ada")).days
        await laurels.change_profile("ada", {"timeZone": "Asia/Tokyo"})
        assert (await laurels.learners.progress("ada")).days == before
        # A late arrival counts in the zone that held when it happened.
        await laurels.record("ada", "run", event_id="e2", timestamp=late + timedelta(minutes=1))
        assert (await laurels.learners.progress("ada")).days.keys() == before.keys()
        clock.set(datetime(2026, 3, 14, 23, 30, tzinfo=UTC))
        await laurels.record("ada", "run", event_id="e3")
        activity = await laurels.learners.activity("ada")
        assert [(day.date, day.events) for day in activity.days] == [("2026-03-13", 2), ("2026-03-15", 1)]
        assert (await verify(laurels.store, laurels.rulebook)).is_clean

    async def test_a_zone_replaced_before_the_first_event_leaves_no_trace(self, laurels: Service) -> None:
        await laurels.change_profile("ada", {"timeZone": "Asia/Tokyo"})
        await laurels.change_profile("ada", {"timeZone": "Europe/Lisbon"})
        assert (await laurels.learners.progress("ada")).zones == [(0, "Europe/Lisbon")]

    async def test_a_zone_is_changed_only_so_often_a_day(self, laurels: Service, clock: SettableClock) -> None:
        await laurels.record("ada", "run")
        zones = ["Asia/Tokyo", "Europe/Lisbon"]
        for number in range(MOST_ZONE_CHANGES):
            await laurels.change_profile("ada", {"timeZone": zones[number % 2]})
        with pytest.raises(InvalidProfile, match="timeZone: Was changed 10 times"):
            await laurels.change_profile("ada", {"timeZone": zones[0], "displayName": "Ada"})
        assert (await laurels.change_profile("ada", {"alias": "Owl"})).time_zone == zones[1]
        clock.set(clock.moment + timedelta(hours=24))
        assert (await laurels.change_profile("ada", {"timeZone": zones[0]})).time_zone == zones[0]

    async def test_setting_what_holds_already_writes_nothing(self, laurels: Service) -> None:
        await laurels.change_profile("ada", {"displayName": "Ada", "preferences": {"a": 1}})
        user = await laurels.change_profile("ada", {"displayName": "Ada", "preferences": {"a": 1}})
        assert user.display_name == "Ada"
        entries = await laurels.store.ledger.entries("ada")
        assert [entry.body for entry in entries] == [ProfileChanged({"displayName": "Ada", "preferences": {"a": 1}})]

    async def test_what_holds_is_asked_of_the_ledger_not_remembered(self, store_url: str) -> None:
        rulebook = small_rulebook()
        async with open_service(store_url, rulebook=rulebook) as one, open_service(store_url, rulebook=rulebook) as two:
            await one.change_profile("ada", {"displayName": "Ada"})
            await two.change_profile("ada", {"displayName": "Countess"})
            user = await one.change_profile("ada", {"displayName": "Ada"})
            assert user.display_name == "Ada"
            assert (await two.learners.progress("ada")).display_name == "Ada"

    async def test_the_answer_is_a_copy_that_later_events_leave_alone(self, laurels: Service) -> None:
        progress = await laurels.recorder.change_profile("ada", {"displayName": "Ada"})
        await laurels.record("ada", "run")
        assert (progress.seq, progress.events) == (1, 0)


class TestClosing:
    """The end of a process that has a choice."""

    async def test_what_was_accepted_is_recorded_before_the_end(self, store_url: str, clock: SettableClock) -> None:
        rulebook = small_rulebook()
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            waiting = [asyncio.create_task(laurels.record("ada", "run", event_id=f"e{n}")) for n in range(100)]
            await asyncio.sleep(0)
        assert not any(result.is_replay for result in await asyncio.gather(*waiting))
        async with open_service(store_url, rulebook=rulebook, clock=clock) as laurels:
            found = await verify(laurels.store, rulebook)
        assert (found.is_clean, found.events, found.behind) == (True, 100, 0)

    async def test_later_calls_are_refused(self, store_url: str) -> None:
        async with open_service(store_url, rulebook=small_rulebook()) as laurels:
            pass
        with pytest.raises(StoreUnavailable):
            await laurels.record("ada", "run")
        with pytest.raises(StoreUnavailable):
            await laurels.change_profile("ada", {"displayName": "Ada"})
        with pytest.raises(LaurelsError):
            await laurels.learners.dashboard("ada")
