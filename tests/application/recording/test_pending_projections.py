"""The user who waited longest is projected first, with all the days that were touched meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from laurels.application.recording.projecting import pending_projections
from laurels.application.recording.projecting.pending_projections import (
    PendingProjections,
    Touched,
    days_touched,
    languages_touched,
)
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import (
    Award,
    BadgeRevoked,
    BadgesGiven,
    CurrencySpent,
    Entry,
    EntryBody,
    EventRetracted,
    MergedFrom,
    MergedInto,
    Repointed,
    StreakRepaired,
)
from laurels.domain.ledger.repairs import Repair
from laurels.domain.periods import MS_PER_DAY, Timeframe, day_of, period_name, to_datetime
from laurels.domain.progress import BoardDay, Progress
from laurels.testing.builders import NOON, event_entry, migration_entry, profile_entry, small_rulebook
from laurels.testing.clocks import SettableClock

NOON_DAY = day_of(NOON)
HELD = {NOON_DAY - 9: BoardDay(5, 1, 1), NOON_DAY - 8: BoardDay(5, 1, 1)}


def waiting(*users: str) -> PendingProjections:
    pending = PendingProjections()
    for user in users:
        pending.add(user, [1])
    return pending


def days_of(taken: list[tuple[str, Touched]]) -> list[tuple[str, set[int]]]:
    return [(user_id, touched.days) for user_id, touched in taken]


class TestWaiting:
    def test_nobody_waits_at_first(self) -> None:
        pending = PendingProjections()
        assert (len(pending), pending.users(), pending.take(5), pending.since) == (0, [], [], None)

    def test_days_of_a_user_come_together_at_their_first_place(self) -> None:
        pending = waiting("ada", "bob")
        pending.add("ada", (day for day in (2, 1, 3)))
        pending.add("bob", [])
        assert days_of(pending.take(5)) == [("ada", {1, 2, 3}), ("bob", {1})]

    def test_who_is_taken_waits_no_more_and_comes_last_the_next_time(self) -> None:
        pending = waiting("ada", "bob", "cem")
        assert pending.take(0) == []
        assert days_of(pending.take(1)) == [("ada", {1})]
        assert "ada" not in pending
        pending.add("ada", [7])
        assert pending.users() == ["bob", "cem", "ada"]
        assert days_of(pending.take(2)) == [("bob", {1}), ("cem", {1})]
        assert days_of(pending.take(2)) == [("ada", {7})]

    def test_what_is_handed_in_stays_the_callers(self) -> None:
        days = {1}
        pending = PendingProjections()
        pending.add("ada", days)
        pending.add("ada", [2])
        assert days == {1}

    def test_who_is_discarded_waits_no_more(self) -> None:
        pending = waiting("ada", "bob")
        pending.discard("ada")
        pending.discard("nobody")
        assert pending.users() == ["bob"]

    def test_a_user_may_wait_without_a_day(self) -> None:
        pending = PendingProjections()
        pending.add("ada", ())
        assert "ada" in pending
        assert days_of(pending.take(1)) == [("ada", set())]


def waiting_like(pending: PendingProjections) -> list[tuple[str, Touched]]:
    """Who waits, as they would be taken; they go on waiting."""
    taken = pending.take(len(pending))
    for user_id, touched in taken:
        pending.put_back(user_id, touched)
    return taken


class TestSince:
    def test_it_is_when_the_first_of_those_who_wait_began_to(self) -> None:
        pending = waiting("ada")
        began = pending.since
        assert began is not None
        pending.add("bob", [1])
        assert pending.since == began

    def test_once_taken_it_is_that_of_those_who_come_later(self) -> None:
        pending = waiting("ada")
        began = pending.since
        assert [touched.since for _, touched in pending.take(1)] == [began]
        assert pending.since is None
        pending.add("ada", [1])
        assert pending.since is not None
        assert pending.since != began

    def test_while_some_are_taken_it_is_that_of_the_others(self) -> None:
        pending = waiting("ada", "bob")
        [(_, taken)] = pending.take(1)
        [(_, left)] = waiting_like(pending)
        assert pending.since == left.since
        assert left.since > taken.since

    def test_who_is_put_back_has_waited_since_the_beginning_and_comes_last(self) -> None:
        pending = waiting("ada", "bob")
        began = pending.since
        [(_, touched)] = pending.take(1)
        pending.add("ada", [2])
        pending.put_back("ada", touched)
        assert pending.since == began
        assert days_of(pending.take(5)) == [("bob", {1}), ("ada", {1, 2})]


class TestQuietUsers:
    """Who changes now and then does not wait for those who change all the time."""

    def test_half_of_those_who_are_taken_were_not_taken_lately(self) -> None:
        busy = [f"busy {n}" for n in range(10)]
        pending = waiting(*busy)
        pending.take(10)
        for user in (*busy, "ada", "bob", "cem"):
            pending.add(user, [1])
        assert [user for user, _ in pending.take(4)] == ["ada", "bob", "busy 0", "busy 1"]
        assert [user for user, _ in pending.take(4)] == ["cem", "busy 2", "busy 3", "busy 4"]
        assert [user for user, _ in pending.take(9)] == ["busy 5", "busy 6", "busy 7", "busy 8", "busy 9"]

    def test_the_longest_waiting_are_taken_however_many_quiet_ones_come(self) -> None:
        pending = waiting("busy")
        pending.take(1)
        pending.add("busy", [1])
        for n in range(20):
            pending.add(f"user {n}", [1])
        assert "busy" in dict(pending.take(2))

    def test_after_a_while_everybody_is_quiet_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pending = waiting("ada", "bob")
        pending.take(2)
        monkeypatch.setattr(pending_projections, "QUIET", 0.0)
        pending.take(0)
        for user in ("bob", "ada"):
            pending.add(user, [1])
        monkeypatch.undo()
        pending.add("cem", [1])
        assert [user for user, _ in pending.take(4)] == ["bob", "ada", "cem"]

    def test_only_so_many_are_remembered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pending_projections, "_REMEMBERED", 2)
        pending = waiting(*"abcd")
        pending.take(4)
        pending.take(0)
        for user in "dcba":
            pending.add(user, [1])
        assert [user for user, _ in pending.take(2)] == ["b", "d"]


def touched_by(body: EntryBody) -> set[int]:
    """The days of the boards that an entry changes, for somebody who stands on those of `HELD`."""
    progress = Progress(user_id="ada", version="v", board_days=dict(HELD))
    return set(days_touched(progress, Entry("ada", 5, None, NOON + MS_PER_DAY, body), small_rulebook()))


class TestDays:
    def test_an_event_touches_the_day_on_which_it_happened(self) -> None:
        assert touched_by(event_entry(at=NOON - 3 * MS_PER_DAY).body) == {NOON_DAY - 3}

    def test_the_day_is_that_of_the_boards_zone(self) -> None:
        rulebook = small_rulebook(boards={"zone": "Pacific/Auckland"})
        progress = Progress(user_id="ada", version="v")
        assert set(days_touched(progress, event_entry(at=NOON), rulebook)) == {NOON_DAY + 1}

    def test_badges_given_touch_the_days_on_which_they_were_earned(self) -> None:
        awards = [Award("first", 10, NOON - MS_PER_DAY), Award("third", 10, NOON), Award("century", 10, NOON)]
        assert touched_by(BadgesGiven("grant", awards, 30, 1, "rules")) == {NOON_DAY - 1, NOON_DAY}

    @pytest.mark.parametrize(
        ("changes", "is_everywhere"),
        [
            ({"visibility": "alias"}, True),
            ({"pseudonym": "p", "displayName": "A"}, True),
            ({"suspended": True}, True),
            ({"displayName": "Ada", "preferences": {}}, False),
        ],
    )
    def test_a_profile_touches_all_boards_where_it_says_how_the_user_appears(
        self, changes: dict[str, Any], is_everywhere: bool
    ) -> None:
        assert touched_by(profile_entry(**changes).body) == (set(HELD) if is_everywhere else set())

    def test_a_migration_touches_the_all_time_board_which_goes_with_any_day(self) -> None:
        assert touched_by(migration_entry().body) < set(HELD)
        assert len(touched_by(migration_entry().body)) == 1

    @pytest.mark.parametrize(
        "body",
        [
            EventRetracted("e1", 1, 5, 5, 1, "A mistake."),
            BadgeRevoked(Award("first", 10, NOON), 5, 1, "A mistake."),
            Repointed([(1, 9)], {}, 4, 9, 1, "rules"),
            MergedFrom("bob", "done", 5, 1, "One person."),
            MergedInto("bob", 5, 0, 1, "One person."),
        ],
    )
    def test_what_changes_the_past_touches_all_boards(self, body: EntryBody) -> None:
        assert touched_by(body) == set(HELD)

    def test_a_spending_touches_none(self) -> None:
        assert touched_by(CurrencySpent("coins", 5, 0, 5, 1, "A hat.")) == set()

    def test_a_repair_touches_the_all_time_board_and_the_days_of_what_it_brings(self) -> None:
        repair = Repair(NOON_DAY, NOON_DAY, 10)
        assert len(touched_by(StreakRepaired(repair, 5, 1, "rules"))) == 1
        brought = [Award("streak", 30, NOON)]
        assert touched_by(StreakRepaired(repair, 5, 1, "rules", awards=brought)) == {NOON_DAY}


async def test_a_badge_that_a_repair_brings_stands_on_the_boards_of_its_day(store_url: str) -> None:
    clock, rulebook = SettableClock(NOON), small_rulebook(streak={"repair": {"within": 3, "price": 2}})
    async with open_service(store_url, rulebook=rulebook, clock=clock, projection_interval=3_600) as laurels:
        for ago in (4, 3, 1):
            await laurels.record("ada", "run", timestamp=to_datetime(NOON - ago * MS_PER_DAY))
        await laurels.projector.flush()
        made = await laurels.repairs.repair("ada", to_datetime(NOON - 2 * MS_PER_DAY).date(), caller="ada")
        assert [award.badge_id for award in made.awards] == ["streak"]
        await laurels.projector.flush()
        standing = await laurels.store.boards.standing(period_name(Timeframe.DAILY, NOON_DAY), "ada")
        assert standing is not None
        assert standing.points == 30


def languages_of(*entries: Entry) -> set[str] | None:
    pending = PendingProjections()
    for entry in entries:
        pending.add("ada", [1], languages_touched(entry))
    [(_, touched)] = pending.take(1)
    return touched.languages


class TestLanguages:
    def test_an_event_touches_the_boards_of_its_own_language_alone(self) -> None:
        python, other = event_entry(metadata={"language": "python"}), event_entry(metadata={"language": "go"})
        assert languages_of(event_entry()) == set()
        assert languages_of(python, event_entry(), other) == {"python", "go"}

    def test_badges_given_touch_none(self) -> None:
        given = BadgesGiven("grant", [Award("first", 10, NOON)], 10, 1, "rules")
        assert languages_of(Entry("ada", 5, None, NOON, given)) == set()

    def test_whatever_changes_all_lines_touches_all_of_them(self) -> None:
        python = event_entry(metadata={"language": "python"})
        assert languages_of(python, profile_entry(visibility="hidden"), python) is None
        assert languages_of(python, Entry("ada", 6, None, NOON, EventRetracted("e5", 1, 5, 5, 1, "A mistake."))) is None
