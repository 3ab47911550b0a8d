"""What the library gives: flat verbs, results with properties, Python's times."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from laurels import (
    BadgeProgress,
    BalanceTooLow,
    EarnedBadge,
    EventConflict,
    InvalidEvent,
    InvalidInput,
    InvalidProfile,
    InvalidQuery,
    Laurels,
    LearningEvent,
    Queued,
    Recorded,
    Repaired,
    RepairRefused,
    SyncLaurels,
    Timeframe,
    UnknownUser,
    UserDeleted,
    Visibility,
)
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


class TestRecording:
    async def test_a_result_says_what_the_event_brought(self, laurels: Laurels) -> None:
        recorded = await laurels.record("ada", "code_run", language="python", code_length=240, event_id="run-1")
        assert isinstance(recorded, Recorded)
        assert (recorded.points, recorded.total_points, recorded.level, recorded.leveled_up) == (7, 17, 1, False)
        assert (recorded.user_id, recorded.event_id, recorded.event_type) == ("ada", "run-1", "code_run")
        assert (recorded.timestamp, recorded.daily_streak, recorded.is_replay) == (NOON, 1, False)
        [badge] = recorded.badges
        assert (badge.badge_id, badge.name, badge.points, badge.earned_at) == ("first_run", "First Steps", 10, NOON)

    async def test_again_it_is_a_replay_and_with_other_content_a_conflict(self, laurels: Laurels) -> None:
        first = await laurels.record("ada", "code_run", {"language": "python"}, event_id="run-1")
        again = await laurels.record("ada", "code_run", language="python", event_id="run-1")
        assert again.is_replay
        assert (again.points, again.badges, again.total_points) == (first.points, first.badges, first.total_points)
        with pytest.raises(EventConflict):
            await laurels.record("ada", "code_run", language="go", event_id="run-1")

    async def test_it_happened_when_the_caller_says(self, laurels: Laurels) -> None:
        at = datetime.fromisoformat("2026-01-05T10:30:00.123+01:00")
        recorded = await laurels.record("ada", "code_run", timestamp=at)
        assert recorded.timestamp == at
        assert recorded.timestamp.tzinfo is UTC

    async def test_many_have_one_result_each_and_none_spoils_another(self, laurels: Laurels) -> None:
        untyped: Any = {"user_id": "ada", "event_type": ["code_run"]}
        events = [
            LearningEvent(user_id="ada", event_type="code_run"),
            LearningEvent(user_id="ada", event_type="cod_run"),
            LearningEvent(**untyped),
            LearningEvent(user_id="bob", event_type="challenge_complete"),
        ]
        first, second, third, fourth = await laurels.record_many(events)
        assert isinstance(first, Recorded)
        assert isinstance(second, InvalidEvent)
        assert isinstance(third, InvalidEvent)
        assert (second.field, third.field) == ("eventType", "eventType")
        assert isinstance(fourth, Recorded)
        assert (fourth.user_id, fourth.points) == ("bob", 20)
        assert await laurels.record_many([]) == []

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"timestamp": "2026-01-01"}, "timestamp"),
            ({"timestamp": datetime(2026, 1, 1)}, "timestamp"),  # noqa: DTZ001  that it has no zone is the point
            ({"metadata": "python"}, "metadata"),
            ({"event_type": 5}, "eventType"),
            ({"user_id": 5}, "userId"),
            ({"event_id": 5}, "eventId"),
            ({"once_key": ""}, "onceKey"),
            ({"code_length": -1}, "metadata.codeLength"),
            ({"language": 5}, "metadata.language"),
            ({"session_duration": timedelta(seconds=1)}, "metadata.sessionDuration"),
        ],
    )
    async def test_what_is_wrong_is_named_and_changes_nothing(
        self, laurels: Laurels, wrong: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(InvalidEvent) as caught:
            await laurels.record(**{"user_id": "ada", "event_type": "code_run", **wrong})
        assert caught.value.field == field
        with pytest.raises(UnknownUser):
            await laurels.dashboard("ada")

    async def test_all_that_is_wrong_is_named_at_once(self, laurels: Laurels) -> None:
        untyped: Any = laurels.record
        with pytest.raises(InvalidEvent) as caught:
            await untyped("", 7, language=5, code_length=-1, timestamp="2026-01-01T00:00:00Z")
        fields = ["userId", "eventType", "metadata.language", "metadata.codeLength", "timestamp"]
        assert [field for field, _ in caught.value.faults] == fields
        with pytest.raises(InvalidEvent) as caught:
            await untyped("", "code_run", metadata="python")
        assert [field for field, _ in caught.value.faults] == ["userId", "metadata"]

    async def test_a_field_that_is_given_twice_must_be_the_same(self, laurels: Laurels) -> None:
        given = {"language": "python", "codeLength": 3}
        with pytest.raises(InvalidEvent) as caught:
            await laurels.record("ada", "code_run", given, language="rust", code_length=3)
        assert [field for field, _ in caught.value.faults] == ["metadata.language"]
        assert isinstance(await laurels.record("ada", "code_run", given, language="python"), Recorded)

    async def test_while_the_database_is_away_it_is_queued(self, store_url: str, tmp_path: Path) -> None:
        async with Laurels.open(store_url, spool=tmp_path / "spool") as laurels:
            assert laurels.service.fallback is not None
            away = laurels.service.fallback.availability.mark_down
            away("a test says so")
            queued = await laurels.record("ada", "code_run", event_id="run-1", timestamp=NOON)
            assert isinstance(queued, Queued)
            assert (queued.user_id, queued.event_id, queued.timestamp) == ("ada", "run-1", NOON)
            assert (queued.is_queued, queued.points, queued.badges) == (True, None, [])
            away("a test says so")
            [other] = await laurels.record_many([LearningEvent(user_id="bob", event_type="code_run")])
            assert isinstance(other, Queued)
            assert other.event_id


class TestReading:
    async def test_a_dashboard_has_times_and_numbers(self, laurels: Laurels, clock: SettableClock) -> None:
        await laurels.record("ada", "code_run", language="python")
        clock.advance(timedelta(days=2))
        await laurels.record("ada", "ai_explain", language="go")
        dashboard = await laurels.dashboard("ada")
        assert (dashboard.user.user_id, dashboard.user.created_at) == ("ada", NOON)
        assert dashboard.user.last_active_at == NOON + timedelta(days=2)
        assert (dashboard.total_events, dashboard.daily_streak, dashboard.is_stale) == (2, 1, False)
        assert dashboard.event_stats["code_run"].points == 5
        assert [(each.language, each.count) for each in dashboard.top_languages] == [("go", 1), ("python", 1)]
        assert [badge.badge_id for badge in dashboard.new_badges] == ["bilingual", "first_ai_help"]
        assert dashboard.level_progress.next_level_at == 100
        all_new = await laurels.dashboard("ada", since=NOON)
        assert [badge.badge_id for badge in all_new.new_badges] == ["first_run", "bilingual", "first_ai_help"]

    async def test_activity_speaks_of_dates(self, laurels: Laurels) -> None:
        await laurels.record("ada", "code_run", timestamp=datetime(2026, 3, 1, 23, tzinfo=UTC))
        await laurels.record("ada", "code_run")
        activity = await laurels.activity("ada")
        assert [(day.date, day.events) for day in activity.days] == [(date(2026, 3, 1), 1), (date(2026, 3, 14), 1)]
        activity = await laurels.activity("ada", first=date(2026, 3, 2), last=date(2026, 3, 31))
        assert [day.date for day in activity.days] == [date(2026, 3, 14)]

    async def test_badges_say_how_far(self, laurels: Laurels) -> None:
        await laurels.record("ada", "code_run")
        badges = {badge.badge_id: badge for badge in await laurels.badges("ada")}
        assert (badges["first_run"].earned, badges["first_run"].earned_at) == (True, NOON)
        assert (badges["code_runner_10"].earned_at, badges["code_runner_10"].current) == (None, 1)

    async def test_boards_and_ranks(self, laurels: Laurels) -> None:
        await laurels.record("ada", "code_run")
        await laurels.record("bob", "challenge_complete")
        await laurels.flush()
        board = await laurels.leaderboard(limit=1)
        [first] = board.rows
        assert (first.rank, first.user_id, first.last_active_at, board.total) == (1, "bob", NOON, 2)
        assert board.next is not None
        [second] = (await laurels.leaderboard(limit=1, cursor=board.next)).rows
        assert second.user_id == "ada"
        weekly = await laurels.leaderboard("weekly", around="ada")
        assert (weekly.timeframe, weekly.period) == (Timeframe.WEEKLY, "2026-W11")
        friends = await laurels.leaderboard(users=["ada"])
        assert [(row.rank, row.user_id) for row in friends.rows] == [(1, "ada")]
        rank = await laurels.rank("ada", "daily")
        assert (rank.rank, rank.of, rank.timeframe) == (2, 2, Timeframe.DAILY)

    async def test_the_history_adds_up_to_the_total(self, laurels: Laurels) -> None:
        await laurels.set_profile("ada", display_name="Ada")
        for number in range(12):
            await laurels.record("ada", "code_run", {"number": number}, event_id=f"run-{number}")
        entries = [entry async for entry in laurels.history("ada")]
        assert [entry.seq for entry in entries] == list(range(13, 0, -1))
        assert (entries[-1].kind, entries[-1].event, entries[-1].points) == ("profile", None, 0)
        assert entries[0].event is not None
        assert (entries[0].event.event_id, entries[0].event.metadata) == ("run-11", {"number": 11})
        assert (entries[0].at, entries[0].recorded_at) == (NOON, NOON)
        total = sum(entry.points + sum(badge.points for badge in entry.badges) for entry in entries)
        assert total == (await laurels.dashboard("ada")).user.total_points
        assert total > 12 * 5

    @pytest.mark.parametrize(
        "ask",
        [
            lambda laurels: laurels.dashboard("ada", since="yesterday"),
            lambda laurels: laurels.dashboard("ada", since=datetime(2026, 1, 1)),  # noqa: DTZ001  the point
            lambda laurels: laurels.activity("ada", first="2026-01-01"),
            lambda laurels: laurels.leaderboard("yearly"),
            lambda laurels: laurels.leaderboard(users=["ada"], around="ada"),
            lambda laurels: laurels.leaderboard(limit="x"),
            lambda laurels: laurels.leaderboard(limit=True),
            lambda laurels: laurels.leaderboard(period=5),
            lambda laurels: laurels.leaderboard(cursor=5),
            lambda laurels: laurels.leaderboard(around=5),
            lambda laurels: laurels.leaderboard(users="ada"),
            lambda laurels: laurels.leaderboard(users=[5]),
            lambda laurels: laurels.leaderboard(language=5),
            lambda laurels: laurels.rank("ada", period=5),
            lambda laurels: laurels.rank("ada", "yearly"),
            lambda laurels: laurels.dashboard(5),
        ],
    )
    async def test_a_question_that_makes_no_sense_is_refused(self, laurels: Laurels, ask: Callable[..., Any]) -> None:
        await laurels.record("ada", "code_run")
        with pytest.raises(InvalidQuery):
            await ask(laurels)


class TestBadgesThatMayBeEarnedAgain:
    async def test_an_award_names_its_week_and_lists_show_one_badge_with_its_count(self, store_url: str) -> None:
        async with Laurels.open(store_url, rulebook="school") as laurels:
            monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
            lessons = [monday + timedelta(weeks=week, days=day) for week in range(2) for day in range(5)]
            recorded = [await laurels.record("ada", "lesson_attended", timestamp=at) for at in lessons]
            brought = [badge for each in recorded for badge in each.badges if badge.badge_id == "full_week"]
            assert [(badge.period, badge.count, badge.points) for badge in brought] == [
                ("2026-W10", None, 25),
                ("2026-W11", None, 25),
            ]
            expected = (2, 50, lessons[4], lessons[9])
            shown: list[EarnedBadge | BadgeProgress] = [
                *(await laurels.dashboard("ada")).badges,
                *await laurels.badges("ada"),
            ]
            found = [each for each in shown if each.badge_id == "full_week"]
            assert [(each.count, each.points, each.earned_at, each.last_earned_at) for each in found] == [expected] * 2
            assert isinstance(found[1], BadgeProgress)
            assert (found[1].repeat, found[1].current) == ("week", 0)


class TestCurrencies:
    async def test_they_are_given_and_spent_once(self, store_url: str) -> None:
        coins = {"name": "Coins", "events": {"run": 5}, "badges": {"first": 10}, "board": True}
        rules = small_rulebook(currencies={"coins": coins})
        async with Laurels.open(store_url, rulebook=rules) as laurels:
            recorded = await laurels.record("ada", "run")
            assert (recorded.currencies, recorded.badges[0].currencies) == ({"coins": 5}, {"coins": 10})
            spending = await laurels.spend("ada", "coins", 12, reason="A hat.", spending_id="order-1")
            assert (spending.amount, spending.balance, spending.is_replay) == (12, 3, False)
            again = await laurels.spend("ada", "coins", 12, reason="A hat.", spending_id="order-1")
            assert msgspec.structs.replace(again, is_replay=False) == spending
            with pytest.raises(BalanceTooLow) as caught:
                await laurels.spend("ada", "coins", 4, reason="Another hat.")
            assert (caught.value.balance, caught.value.amount) == (3, 4)
            held = (await laurels.dashboard("ada")).currencies["coins"]
            assert (held.balance, held.earned, held.spent, held.level, held.owed) == (3, 15, 12, None, 0)
            kinds = [(line.kind, line.currencies, line.reason) async for line in laurels.history("ada")]
            assert kinds == [("spending", {"coins": -12}, "A hat."), ("event", {"coins": 15}, None)]
            await laurels.service.projector.flush()
            board = await laurels.leaderboard(currency="coins")
            assert (board.currency, [(row.user_id, row.points, row.currency_level) for row in board.rows]) == (
                "coins",
                [("ada", 15, None)],
            )
            assert (await laurels.rank("ada", currency="coins")).points == 15


class TestStreaks:
    async def test_a_missed_day_is_repaired_for_points(self, tmp_path: Path) -> None:
        rules = small_rulebook(streak={"repair": {"within": 3, "price": 4}})
        async with Laurels.open(f"sqlite:///{tmp_path}/repairs.db", rulebook=rules, publish=True) as laurels:
            today = datetime.now(UTC)
            for ago in (3, 1):
                await laurels.record("ada", "talk", timestamp=today - timedelta(days=ago))
            missed = (today - timedelta(days=2)).date()
            shown = (await laurels.dashboard("ada")).streak
            assert shown is not None
            assert shown.repair is not None
            assert (shown.repair.price, missed in shown.repair.days) == (4, True)
            done = await laurels.repair_streak("ada", missed, reason="Was ill.")
            assert isinstance(done, Repaired)
            assert (done.first, done.points, done.total_points, done.is_replay) == (missed, 4, 16, False)
            assert (await laurels.repair_streak("ada", missed)).is_replay
            line = await anext(laurels.history("ada"))
            assert (line.kind, line.points, line.day, line.reason) == ("repair", -4, missed, "Was ill.")
            with pytest.raises(RepairRefused):
                await laurels.repair_streak("ada", today.date() + timedelta(days=1))


class TestUsers:
    async def test_a_profile_is_set_by_pythons_names(self, laurels: Laurels) -> None:
        profile = await laurels.set_profile("ada", display_name="Ada", time_zone="Europe/London")
        assert (profile.display_name, profile.time_zone, profile.visibility) == ("Ada", "Europe/London", "public")
        profile = await laurels.set_profile("ada", preferences={"theme": "dark"}, visibility="alias", alias="Countess")
        assert (profile.display_name, profile.preferences) == ("Ada", {"theme": "dark"})
        assert (profile.visibility, profile.alias) == (Visibility.ALIAS, "Countess")
        assert not (await laurels.set_profile("ada", display_name=None)).has_name
        assert await laurels.profile("ada") == await laurels.set_profile("ada")
        profile = await laurels.set_profile("ada", badges_seen_at=NOON)
        assert profile.badges_seen_at == NOON
        with pytest.raises(InvalidProfile, match="datetime with a time zone"):
            await laurels.set_profile("ada", badges_seen_at=NOON.replace(tzinfo=None))
        with pytest.raises(InvalidProfile):
            await laurels.set_profile("ada", time_zone="London")
        untyped: Any = {"preferences": 5}
        with pytest.raises(InvalidProfile, match="preferences"):
            await laurels.set_profile("ada", **untyped)

    async def test_a_deleted_user_is_gone(self, laurels: Laurels) -> None:
        await laurels.record("ada", "code_run")
        assert await laurels.delete_user("ada") == NOON
        with pytest.raises(UnknownUser):
            await laurels.dashboard("ada")
        with pytest.raises(UserDeleted):
            await laurels.record("ada", "code_run")


class TestOpening:
    async def test_without_a_store_it_works_on_that_of_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LAURELS_STORE", f"sqlite:///{tmp_path}/named.db")
        monkeypatch.setenv("LAURELS_DATA", f"{tmp_path}/data")
        monkeypatch.setenv("LAURELS_RULEBOOK", "school")
        async with Laurels.open() as laurels:
            assert laurels.rulebook.name == "school"
        assert (tmp_path / "named.db").exists()
        async with Laurels.open(rulebook="coding") as laurels:
            assert laurels.rulebook.name == "coding"
        async with Laurels.open(f"sqlite:///{tmp_path}/other.db") as laurels:
            assert laurels.rulebook.name == "coding"
        monkeypatch.delenv("LAURELS_STORE")
        async with Laurels.open():
            assert (tmp_path / "data" / "laurels.db").exists()

    def test_arguments_of_wrong_types_are_named_at_once(self) -> None:
        untyped: Any = Laurels.open_sync
        for url in (5, "", Path("laurels.db")):
            with pytest.raises(InvalidInput, match="sqlite:///PATH"):
                untyped(url)
        with pytest.raises(InvalidInput) as caught:
            untyped(rulebook=5, settings={}, projection_interval="x", batch=0, spool=5)
        fields = ["rulebook", "settings", "projection_interval", "batch", "spool"]
        assert [field for field, _ in caught.value.faults] == fields


class TestFaces:
    def test_the_synchronous_one_has_every_method_of_the_other(self) -> None:
        def methods(kind: type) -> set[str]:
            return {name for name in dir(kind) if not name.startswith("_")}

        assert methods(Laurels) - {"open", "open_sync", "service"} == methods(SyncLaurels) - {"close", "loop_thread"}

    def test_both_are_opened_with_the_same_arguments(self) -> None:
        opened, opened_sync = (inspect.signature(each).parameters for each in (Laurels.open, Laurels.open_sync))
        assert opened == opened_sync
