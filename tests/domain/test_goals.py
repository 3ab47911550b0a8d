"""Goals of a learner's own: what a change of them moves, and whether each day and week met the goal of its time."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.application.recording.commands import ChangeProfile, RecordEvent, copy_of
from laurels.domain.events import LearningEvent
from laurels.domain.goal_records import LATEST, Judged, JudgedGoal, current_goals, records
from laurels.domain.goals import KINDS, GoalChange, GoalMet, changed, goal_faults, taken_over, targets_of
from laurels.domain.ledger.entries import Entry, EventRecorded, EventRetracted, ProfileChanged
from laurels.domain.periods import MS_PER_DAY, MS_PER_HOUR
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from tests.domain.test_streak_repairs import START, Learner, noon, rulebook_of
from tests.examples import share_of

PAUSING = rulebook_of(
    pauses=[{"from": "2026-03-07", "until": "2026-03-08"}, {"from": "2026-03-16", "until": "2026-03-22"}]
)
LATE = rulebook_of(grace=4)
PLAIN = Rulebook(
    msgspec.convert(
        {
            "name": "plain",
            "levels": {"kind": "quadratic", "step": 5},
            "event_types": {"a": {"points": 10}, "b": {"points": 3}},
            "badges": [],
        },
        RulebookData,
    )
)


class TestChanging:
    def test_a_change_holds_from_its_day_or_week_on(self) -> None:
        held = changed([], {"eventsPerDay": 3, "pointsPerWeek": 50}, START + 2)
        assert held == [GoalChange("eventsPerDay", START + 2, 3), GoalChange("pointsPerWeek", START, 50)]
        assert targets_of(held) == {"eventsPerDay": 3, "pointsPerWeek": 50}

    def test_the_last_change_of_a_day_is_the_one_that_counts(self) -> None:
        held = changed(changed([], {"eventsPerDay": 3}, START), {"eventsPerDay": 5}, START + 1)
        assert changed(held, {"eventsPerDay": 4}, START + 1) == [
            GoalChange("eventsPerDay", START, 3),
            GoalChange("eventsPerDay", START + 1, 4),
        ]
        assert changed(held, {"eventsPerDay": 3}, START + 1) == [GoalChange("eventsPerDay", START, 3)]
        assert changed([], {"eventsPerDay": None}, START) == []

    def test_an_ended_goal_has_no_target_and_can_be_set_again(self) -> None:
        held = changed(changed([], {"pointsPerWeek": 50}, START), {"pointsPerWeek": None}, START + 9)
        assert (targets_of(held), held[-1]) == ({}, GoalChange("pointsPerWeek", START + 7, 0))
        assert targets_of(changed(held, {"pointsPerWeek": 60}, START + 30)) == {"pointsPerWeek": 60}

    def test_of_another_user_those_are_taken_over_that_one_never_had(self) -> None:
        mine = changed(changed([], {"eventsPerDay": 3}, START), {"eventsPerDay": None}, START + 1)
        theirs = changed([], {"eventsPerDay": 9, "pointsPerDay": 5}, START)
        assert taken_over(mine, theirs) == [GoalChange("pointsPerDay", START, 5)]

    @pytest.mark.parametrize(
        ("value", "field", "words"),
        [
            ([], "goals", "an object with a target for each goal"),
            ({"eventsPerday": 5}, "goals.eventsPerday", 'Did you mean "eventsPerDay"'),
            ({"eventsPerDay": 0}, "goals.eventsPerDay", "from 1 to 1,000,000, or null"),
            ({"eventsPerDay": 1_000_001}, "goals.eventsPerDay", "from 1 to 1,000,000"),
            ({"pointsPerWeek": 2.5}, "goals.pointsPerWeek", "a whole number"),
            ({"pointsPerWeek": True}, "goals.pointsPerWeek", "a whole number"),
        ],
    )
    def test_what_is_no_target_is_refused(self, value: Any, field: str, words: str) -> None:
        [(named, sentence)] = goal_faults(value)
        assert named == field
        assert words in sentence

    def test_everything_that_is_wrong_is_said_at_once(self) -> None:
        assert len(goal_faults({"eventsPerDay": "x", "pointsPerDay": -1, "x": 1})) == 3


class Setter(Learner):
    """A learner who sets goals by the commands of the service. Days count from START, hours from midnight UTC."""

    def change(self, day: int, hour: int = 12, **changes: Any) -> None:
        self._take(ChangeProfile("ada", changes), _at(day, hour))

    def did(self, day: int, hour: int = 12, event_type: str = "a") -> list[GoalMet]:
        event = LearningEvent(user_id="ada", event_type=event_type)
        self._take(RecordEvent(event, _at(day, hour)), _at(day, hour))
        body = self.entries[-1].body
        assert isinstance(body, EventRecorded)
        return body.goals

    def _take(self, command: ChangeProfile | RecordEvent, now: int) -> None:
        entry = command.decide(self.progress, self.rulebook, now)
        if entry is not None:
            self.entries.append(entry)

    def record(self, goal_id: str, today: int) -> JudgedGoal:
        paused = self.rulebook.paused_days(self.progress)
        [found] = [each for each in records(self.progress, START + today, paused) if each.kind.id == goal_id]
        return found


def _at(day: int, hour: int) -> int:
    return noon(day) - MS_PER_DAY // 2 + hour * MS_PER_HOUR


@pytest.fixture
async def ada() -> Setter:
    return Setter(PAUSING)


class TestJudging:
    async def test_a_day_counts_what_happened_on_it(self, ada: Setter) -> None:
        ada.change(0, goals={"eventsPerDay": 2, "pointsPerWeek": 25})
        assert ada.did(0) == []
        assert ada.did(0) == [GoalMet("eventsPerDay", START, 2)]
        assert ada.did(1) == [GoalMet("pointsPerWeek", START, 25)]
        assert ada.did(1, event_type="b") == [GoalMet("eventsPerDay", START + 1, 2)]
        assert ada.did(1) == []
        assert current_goals(ada.progress, START + 1) == [
            (KINDS["eventsPerDay"], Judged(START + 1, 2, 3)),
            (KINDS["pointsPerWeek"], Judged(START, 25, 43)),
        ]
        # Badges were earned, and are no part of it.
        assert ada.progress.total_points > 43
        record = ada.record("eventsPerDay", today=2)
        assert (record.met, record.run, record.past) == (2, 2, [Judged(START + 1, 2, 3), Judged(START, 2, 2)])
        assert record.present == Judged(START + 2, 2, 0)

    async def test_late_events_count_and_those_taken_back_do_no_more(self, ada: Setter) -> None:
        ada.change(0, goals={"eventsPerDay": 1})
        ada.did(2)
        assert ada.record("eventsPerDay", today=2).run == 1
        assert ada.did(1) == [GoalMet("eventsPerDay", START + 1, 1)]
        assert (ada.record("eventsPerDay", today=2).met, ada.record("eventsPerDay", today=2).run) == (2, 2)
        ada.retract(ada.progress.seq)
        assert (ada.record("eventsPerDay", today=2).met, ada.record("eventsPerDay", today=2).run) == (1, 1)
        # It was met no more, so it is met anew.
        assert ada.did(1) == [GoalMet("eventsPerDay", START + 1, 1)]

    async def test_days_before_the_goal_and_after_its_end_are_not_judged(self, ada: Setter) -> None:
        ada.did(0)
        ada.change(1, goals={"eventsPerDay": 1})
        ada.did(1)
        assert ada.did(0) == []
        ada.change(3, goals={"eventsPerDay": None})
        assert ada.did(3) == []
        record = ada.record("eventsPerDay", today=3)
        assert (record.present, record.met, record.run) == (None, 1, 0)
        assert record.past == [Judged(START + 2, 1, 0), Judged(START + 1, 1, 1)]
        assert current_goals(ada.progress, START + 3) == []
        # Late, on a day on which the goal held.
        assert ada.did(2) == [GoalMet("eventsPerDay", START + 2, 1)]

    async def test_another_target_leaves_the_days_that_are_over(self, ada: Setter) -> None:
        ada.change(0, goals={"eventsPerDay": 1})
        ada.did(0)
        ada.did(1)
        ada.change(1, goals={"eventsPerDay": 2})
        record = ada.record("eventsPerDay", today=1)
        assert (record.present, record.past, record.met) == (Judged(START + 1, 2, 1), [Judged(START, 1, 1)], 1)

    async def test_a_run_goes_on_over_days_and_weeks_that_are_paused(self, ada: Setter) -> None:
        ada.change(4, goals={"eventsPerDay": 1, "eventsPerWeek": 2})
        for day in (4, 7, 8, 13):
            ada.did(day)
            ada.did(day)
        # Days 5 and 6 are paused, and so is the third week.
        assert ada.record("eventsPerDay", today=8).run == 3
        assert ada.record("eventsPerDay", today=13).run == 1
        ada.did(21)
        ada.did(22)
        assert ada.record("eventsPerWeek", today=22).run == 3
        assert ada.record("eventsPerWeek", today=35).run == 0

    async def test_only_the_latest_periods_are_listed_and_all_are_counted(self, ada: Setter) -> None:
        ada.change(0, goals={"eventsPerDay": 1})
        for day in range(LATEST + 3):
            ada.did(day)
        record = ada.record("eventsPerDay", today=LATEST + 2)
        assert (record.met, record.run, len(record.past)) == (LATEST + 3, LATEST + 3, LATEST)
        assert record.past[0].first == START + LATEST + 1

    async def test_a_goal_holds_on_the_day_that_the_learner_has(self) -> None:
        ada = Setter(LATE)
        ada.change(0, goals={"eventsPerDay": 1})
        # The day before, until four in the morning.
        ada.change(2, hour=3, goals={"eventsPerDay": 2})
        ada.change(3, hour=1, timeZone="Asia/Tokyo", goals={"pointsPerDay": 5})
        assert ada.progress.goals == [
            GoalChange("eventsPerDay", START, 1),
            GoalChange("eventsPerDay", START + 1, 2),
            GoalChange("pointsPerDay", START + 3, 5),
        ]

    async def test_a_change_that_changes_nothing_writes_nothing(self, ada: Setter) -> None:
        ada.change(0, goals={"eventsPerDay": 1, "pointsPerDay": 5})
        ada.change(1, goals={"eventsPerDay": 1, "pointsPerWeek": None})
        assert len(ada.entries) == 1
        ada.change(1, goals={"eventsPerDay": 1, "pointsPerDay": None})
        body = ada.entries[-1].body
        assert body == ProfileChanged({"goals": {"pointsPerDay": None}}, day=START + 1)


DAYS = st.integers(0, 30)
HOURS = st.integers(0, 23)
TARGETS = st.sampled_from([None, 1, 2, 3, 10, 20])
STEPS = st.one_of(
    st.tuples(st.just("event"), DAYS, HOURS, st.sampled_from("ab")),
    st.tuples(st.just("event"), DAYS, HOURS, st.sampled_from("ab")),
    st.tuples(st.just("goal"), DAYS, st.dictionaries(st.sampled_from(list(KINDS)), TARGETS, min_size=1)),
    st.tuples(st.just("retract"), st.integers(0, 40)),
    st.tuples(st.just("zone"), HOURS, st.sampled_from(["Pacific/Kiritimati", "Pacific/Honolulu", "UTC"])),
)


def _events(entries: list[Entry]) -> list[tuple[int, int]]:
    """Day and points of the events that stand, by the entries alone."""
    taken = {entry.body.event_seq for entry in entries if isinstance(entry.body, EventRetracted)}
    found = [(entry.seq, entry.body) for entry in entries if isinstance(entry.body, EventRecorded)]
    return [(body.day, body.outcome.points) for seq, body in found if seq not in taken]


def _amount(entries: list[Entry], goal_id: str, first: int) -> int:
    kind = KINDS[goal_id]
    amounts = [
        points if kind.measure == "points" else 1 for day, points in _events(entries) if kind.period_of(day) == first
    ]
    return sum(amounts)


def _targets(entries: list[Entry], goal_id: str) -> list[tuple[int, int]]:
    """From which period on each change holds, and the target, in the order of the ledger."""
    return [
        (KINDS[goal_id].period_of(entry.body.day), entry.body.changes["goals"][goal_id] or 0)
        for entry in entries
        if isinstance(entry.body, ProfileChanged) and goal_id in entry.body.changes.get("goals", {})
    ]


def _target(entries: list[Entry], goal_id: str, first: int) -> int:
    return next((target for since, target in reversed(_targets(entries, goal_id)) if since <= first), 0)


def _expected(learner: Setter, goal_id: str, today: int) -> tuple[int, int, Judged | None]:
    """How often it was met, the run, and the present period."""
    kind, entries = KINDS[goal_id], learner.entries
    present = kind.period_of(today)
    paused = learner.rulebook.paused_days(learner.progress)

    def target(first: int) -> int:
        return _targets(entries, goal_id)[-1][1] if first == present else _target(entries, goal_id, first)

    def is_met(first: int) -> bool:
        return 0 < target(first) <= _amount(entries, goal_id, first)

    begun = min(since for since, _ in _targets(entries, goal_id))
    met = sum(is_met(first) for first in range(min(begun, present), present + 1, kind.days))
    run, first = 0, present
    while target(first):
        excused = all(day in paused for day in range(first, first + kind.days))
        if not is_met(first) and first != present and not excused:
            break
        run += is_met(first)
        first -= kind.days
    now = Judged(present, target(present), _amount(entries, goal_id, present)) if target(present) else None
    return met, run, now


@settings(max_examples=share_of(33))
@given(st.sampled_from([PLAIN, PAUSING, LATE]), st.lists(STEPS, max_size=40), DAYS)
def test_whatever_happens_in_whatever_order_a_goal_is_judged_by_the_ledger_alone(
    rulebook: Rulebook, steps: list[Any], today: int
) -> None:
    async def play() -> Setter:
        learner = Setter(rulebook)
        for what, *how in steps:
            before = list(learner.entries)
            match what:
                case "event":
                    day, hour, event_type = how
                    told = learner.did(day, hour, event_type)
                    assert told == _newly_met(before, learner.entries)
                case "goal":
                    learner.change(how[0], goals=how[1])
                case "zone":
                    learner.change(15, how[0], timeZone=how[1])
                case _:
                    taken = {getattr(entry.body, "event_seq", None) for entry in before}
                    events = [each.seq for each in before if isinstance(each.body, EventRecorded)]
                    left = [seq for seq in events if seq not in taken]
                    if left:
                        learner.retract(left[how[0] % len(left)])
        return learner

    learner = asyncio.run(play())
    progress = learner.progress
    assert learner.folded().goals == progress.goals
    assert learner.folded().days == progress.days
    assert copy_of(progress) == progress
    found = records(progress, START + today, rulebook.paused_days(progress))
    assert [each.kind.id for each in found] == [
        goal_id for goal_id in KINDS if any(change.goal_id == goal_id for change in progress.goals)
    ]
    for each in found:
        assert (each.met, each.run, each.present) == _expected(learner, each.kind.id, START + today)
        for judged in each.past:
            assert judged.target == _target(learner.entries, each.kind.id, judged.first)
            assert judged.current == _amount(learner.entries, each.kind.id, judged.first)
    present = {each.kind: each.present for each in found if each.present is not None}
    assert dict(current_goals(progress, START + today)) == present


def _newly_met(before: list[Entry], after: list[Entry]) -> list[GoalMet]:
    body = after[-1].body
    assert isinstance(body, EventRecorded)
    found: list[GoalMet] = []
    for goal_id, kind in KINDS.items():
        first = kind.period_of(body.day)
        target = _target(before, goal_id, first)
        if target and _amount(before, goal_id, first) < target <= _amount(after, goal_id, first):
            found.append(GoalMet(goal_id, first, target))
    return sorted(found, key=lambda each: each.goal_id)


def test_without_goals_nothing_is_kept_or_told() -> None:
    progress = Progress(user_id="ada", version="1")
    assert records(progress, START, ()) == []
    assert current_goals(progress, START) == []
