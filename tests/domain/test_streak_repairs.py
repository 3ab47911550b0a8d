"""A missed day that was paid for: what it costs, what it does, and what it never does, whatever comes afterwards."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EntryBody, EventRecorded, EventRetracted, awards_of
from laurels.domain.periods import EPOCH_DAY, MS_PER_DAY
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import retract, settle
from laurels.domain.revisions.repairing import repair_of, repair_streak
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.domain.rules.streak_count import StreakCount
from laurels.domain.rules.streak_repairs import repairable
from laurels.errors import RepairRefused
from tests.examples import share_of

# A Monday.
START = date(2026, 3, 2).toordinal()
PRICE = 20


def rulebook_of(**streak: Any) -> Rulebook:
    def badge(badge_id: str, criterion: dict[str, Any], points: int, *, revocable: bool = False) -> dict[str, Any]:
        texts = {"name": "b", "description": "b", "icon": "b", "category": "streak", "rarity": "common"}
        return {"id": badge_id, **texts, "points": points, "criterion": criterion, "revocable": revocable}

    data: dict[str, Any] = {
        "name": "repairs",
        "levels": {"kind": "quadratic", "step": 5},
        "event_types": {"a": {"points": 10}, "b": {"points": 3}},
        "streak": {"repair": {"within": 3, "price": PRICE}, **streak},
        "badges": [
            badge("s3", {"kind": "streak", "target": 3}, 7),
            badge("s5", {"kind": "streak", "target": 5}, 11, revocable=True),
            badge("p40", {"kind": "points", "target": 40}, 5),
            badge("p60", {"kind": "points", "target": 60}, 0),
        ],
    }
    return Rulebook(msgspec.convert(data, RulebookData))


DAILY = rulebook_of()
FROZEN = rulebook_of(freezes={"initial": 1})
WEEKLY = rulebook_of(per="week", days=2)
RICH = rulebook_of(minimum={"events": 2, "points": 6})


def noon(day: int) -> int:
    return (START + day - EPOCH_DAY) * MS_PER_DAY + MS_PER_DAY // 2


class Learner:
    """One ledger as it is written, and the progress that is kept beside it. Days count from START."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.progress = Progress(user_id="ada", version=rulebook.measures_version)
        self.entries: list[Entry] = []

    def enter(self, body: EntryBody) -> None:
        seq = len(self.entries) + 1
        self.entries.append(Entry("ada", seq, f"e{seq}" if isinstance(body, EventRecorded) else None, 1_000, body))
        self.progress.stamp(seq, 1_000, body)

    def learn(self, *days: int, event_type: str = "a") -> None:
        for day in days:
            event = LearningEvent(user_id="ada", event_type=event_type)
            outcome = advance(self.progress, event, noon(day), self.rulebook)
            self.enter(EventRecorded(event_type=event_type, at=noon(day), outcome=outcome))

    def repair(self, day: int, today: int) -> None:
        self.enter(repair_streak(self.progress, START + day, noon(today), self.rulebook, reason=None, caller="ada"))

    def retract(self, seq: int) -> None:
        """As `application/maintenance/corrections.py` does."""
        seen = self.revisions()
        event = self.entries[seq - 1]
        assert isinstance(event.body, EventRecorded)
        points = seen.points_of(seq, event.body)
        seen.events.add(seq)
        made = retract(
            self.progress, self.folded(seen), event, self.rulebook, points=points, reason="x", caller=None
        ).body
        assert isinstance(made, EventRetracted)
        seen = self.revisions()
        seen.see(Entry("ada", len(self.entries) + 1, None, 0, made))
        after = self.folded(seen)
        self.enter(settle(made, self.progress, after, self.rulebook))
        after.seq = self.progress.seq
        self.progress = after

    def revisions(self) -> Revisions:
        seen = Revisions()
        for entry in self.entries:
            seen.see(entry)
        return seen

    def folded(self, seen: Revisions | None = None) -> Progress:
        seen = self.revisions() if seen is None else seen
        progress = Progress(user_id="ada", version=self.rulebook.measures_version)
        for entry in self.entries:
            fold(progress, entry, self.rulebook, seen)
        return progress

    def streak(self, today: int) -> int:
        return self.rulebook.daily_streak(self.progress, noon(today))

    def states(self, today: int) -> dict[int, str]:
        assert self.rulebook.streak is not None
        found = self.rulebook.streak.states(self.progress, START, START + today, today=START + today)
        return {day - START: state for day, state in found.items()}

    def refused(self, day: int, today: int) -> str:
        with pytest.raises(RepairRefused) as refused:
            self.repair(day, today)
        return str(refused.value)


def learner(*days: int, rulebook: Rulebook = DAILY) -> Learner:
    made = Learner(rulebook)
    made.learn(*days)
    return made


def line_of(body: EntryBody) -> int:
    """What an entry adds to the total, from the words of its docstring."""
    brought = sum(award.points for award in awards_of(body))
    if isinstance(body, EventRecorded):
        return brought + body.outcome.points + body.outcome.returned
    if isinstance(body, EventRetracted):
        return body.settled - body.points - sum(award.points for award in body.revoked)
    repair = getattr(body, "repair", None)
    return brought - (repair.price if repair is not None else 0)


class TestARepair:
    def test_joins_what_the_missed_day_had_parted_and_costs_its_price(self) -> None:
        ada = learner(0, 1, 3, 4)
        assert (ada.streak(4), ada.progress.total_points) == (2, 45)
        ada.repair(2, today=4)
        # The longer streak brings the badge for three days, once.
        assert (ada.streak(4), ada.progress.longest_streak) == (4, 4)
        assert ada.progress.total_points == 45 - PRICE + 7
        assert ada.states(4) == {2: "repaired"}
        assert ada.folded() == ada.progress

    def test_before_the_learner_is_back_keeps_the_streak_alive(self) -> None:
        ada = learner(0, 1, 2)
        assert ada.streak(4) == 0
        ada.repair(3, today=4)
        assert ada.streak(4) == 3
        ada.learn(4)
        assert ada.streak(4) == 4

    def test_takes_no_badge_away_and_awards_none_again(self) -> None:
        ada = learner(0, 1, 2, 4)
        assert sorted(ada.progress.awards) == ["p40", "s3"]
        ada.repair(3, today=4)
        assert ada.progress.total_points == 52 - PRICE
        # Through 40 points once more: what was earned counts, spent or not.
        ada.learn(5)
        awarded = [award.badge_id for entry in ada.entries for award in awards_of(entry.body)]
        assert sorted(awarded) == ["p40", "p60", "s3", "s5"]

    def test_of_a_week_holds_for_all_its_days(self) -> None:
        ada = learner(0, 1, 14, 15, rulebook=WEEKLY)
        assert ada.streak(15) == 1
        ada.repair(13, today=15)
        assert ada.streak(15) == 2
        assert ada.states(15) == dict.fromkeys(range(7, 14), "repaired")
        assert repair_of(ada.progress, START + 9) is not None

    def test_of_some_days_of_a_gap_leaves_the_rest_to_freezes(self) -> None:
        ada = learner(0, 1, 2, 3, 6, rulebook=FROZEN)
        assert ada.streak(6) == 1
        ada.repair(5, today=6)
        assert ada.streak(6) == 5
        assert ada.states(6) == {4: "frozen", 5: "repaired"}


class TestTheDayFilledLate:
    def test_gives_the_price_back_and_says_so(self) -> None:
        ada = learner(0, 1, 3)
        ada.repair(2, today=4)
        before = ada.progress.total_points
        ada.learn(2)
        body = ada.entries[-1].body
        assert isinstance(body, EventRecorded)
        assert body.outcome.returned == PRICE
        assert ada.progress.total_points == before + 10 + PRICE + sum(each.points for each in body.outcome.awards)
        assert (ada.streak(3), ada.progress.spent, ada.states(4)) == (4, 0, {})
        assert ada.folded() == ada.progress

    def test_counts_by_what_was_asked_for_when_it_was_repaired(self) -> None:
        ada = learner(0, 0, 1, 1, 2, 3, 3, rulebook=RICH)
        ada.repair(2, today=4)
        spent = ada.progress.spent
        ada.rulebook = DAILY
        ada.learn(4)
        assert ada.progress.spent == spent
        ada.learn(2)
        assert ada.progress.spent == 0

    def test_and_then_retracted_is_due_again(self) -> None:
        ada = learner(0, 1, 3, 4, 5)
        ada.repair(2, today=5)
        ada.learn(2)
        ada.retract(len(ada.entries))
        body = ada.entries[-1].body
        assert isinstance(body, EventRetracted)
        assert (body.settled, body.undone, ada.progress.spent) == (-PRICE, [], PRICE)
        assert ada.folded() == ada.progress


class TestPointsThatAreTakenBack:
    def test_undo_the_repair_that_they_had_paid_for(self) -> None:
        ada = learner(0, 1, 3)
        ada.repair(2, today=4)
        ada.retract(2)
        body = ada.entries[-1].body
        assert isinstance(body, EventRetracted)
        # Without the event there were 20 points: as many as the repair costs.
        assert (body.undone, body.settled) == ([], 0)
        ada.retract(1)
        body = ada.entries[-1].body
        assert isinstance(body, EventRetracted)
        assert (body.undone, body.settled) == ([(4, START + 2)], PRICE)
        assert (ada.progress.repairs, ada.progress.spent) == ([], 0)
        # It stays out, even where other events are counted anew with more points.
        seen = ada.revisions()
        seen.points[3] = 1_000
        assert ada.folded(seen).repairs == []
        assert ada.progress.total_points == sum(line_of(entry.body) for entry in ada.entries)
        assert ada.folded() == ada.progress


class TestRefusals:
    def test_say_what_stands_in_the_way(self) -> None:
        ada = learner(0, 1, 2, 4)
        assert "not over" in ada.refused(5, today=5)
        assert "not over" in ada.refused(9, today=4)
        assert "until 2026-03-08" in ada.refused(3, today=7)
        # However long ago it was, and today as well.
        for day, today in ((2, 4), (2, 40), (4, 4)):
            assert f"2026-03-0{day + 2} counts already" in ada.refused(day, today=today)
        assert "the week of 2026-03-02 counts already" in learner(0, 1, rulebook=WEEKLY).refused(3, today=40)
        assert "no streak had begun" in ada.refused(-1, today=1)
        assert "no repair" in learner(0, 2, rulebook=rulebook_of(repair=None)).refused(1, today=2)
        assert "paused" in learner(
            0, 2, rulebook=rulebook_of(pauses=[{"from": "2026-03-03", "until": "2026-03-03"}])
        ).refused(1, today=2)
        assert "freezes" in learner(0, 2, rulebook=FROZEN).refused(1, today=2)
        assert "20 points" in learner(0, rulebook=DAILY).refused(1, today=2)

    def test_come_where_a_part_of_the_gap_cannot_be_repaired_any_more(self) -> None:
        ada = learner(0, 1, 2, 8)
        assert "of 5 missed days there, 2 cannot be repaired" in ada.refused(7, today=8)
        assert ada.rulebook.streak is not None
        assert repairable(ada.rulebook.streak, ada.progress, START + 8) == []

    def test_leave_everything_as_it_was(self) -> None:
        ada = learner(0)
        before = msgspec.json.encode(ada.progress)
        ada.refused(1, today=2)
        assert msgspec.json.encode(ada.progress) == before


def test_what_may_be_repaired_is_listed_whatever_points_there_are() -> None:
    ada = learner(0)
    assert DAILY.streak is not None
    assert [each.first - START for each in repairable(DAILY.streak, ada.progress, START + 3)] == [1, 2]
    assert repairable(DAILY.streak, ada.progress, START + 1) == []
    assert [each.first - START for each in repairable(DAILY.streak, ada.progress, START + 4)] == [1, 2, 3]
    assert repairable(DAILY.streak, ada.progress, START + 5) == []


LEARN = st.tuples(st.just("learn"), st.integers(0, 12), st.sampled_from("ab"))
REPAIR = st.tuples(st.just("repair"), st.integers(0, 12), st.integers(1, 4))
RETRACT = st.tuples(st.just("retract"), st.integers(0, 30), st.just(0))


@settings(max_examples=share_of(200), deadline=None)
@given(
    rulebook=st.sampled_from([DAILY, FROZEN, WEEKLY, RICH]),
    steps=st.lists(st.one_of(LEARN, LEARN, LEARN, REPAIR, REPAIR, RETRACT), max_size=40),
)
def test_the_state_is_the_fold_of_the_ledger_and_every_line_adds_up(
    rulebook: Rulebook, steps: list[tuple[Any, Any, Any]]
) -> None:
    ada = Learner(rulebook)
    for what, number, more in steps:
        if what == "learn":
            ada.learn(number, event_type=more)
        elif what == "repair":
            if repair_of(ada.progress, START + number) is None:
                try:
                    ada.repair(number, today=number + more)
                except RepairRefused:
                    continue
        else:
            taken = ada.revisions().events
            events = [e.seq for e in ada.entries if isinstance(e.body, EventRecorded) and e.seq not in taken]
            if events:
                ada.retract(events[number % len(events)])
        total = ada.progress.total_points
        assert total == sum(line_of(entry.body) for entry in ada.entries)
        if ada.entries:
            assert total == getattr(ada.entries[-1].body, "total_points", total)
        assert total >= 0
    # What a walk remembers of the days may differ; what it is asked for may not.
    folded = ada.folded()
    for kept in (folded, ada.progress):
        kept.runs, kept.runs_until = [], 0
    assert folded == ada.progress
    held: list[str] = []
    for entry in ada.entries:
        if isinstance(entry.body, EventRetracted):
            held = [each for each in held if each not in {award.badge_id for award in entry.body.revoked}]
        held += [award.badge_id for award in awards_of(entry.body)]
    assert len(held) == len(set(held)), "a badge was awarded twice"
    days = {each.first for each in ada.progress.repairs}
    assert len(days) == len(ada.progress.repairs)


@settings(max_examples=share_of(100), deadline=None)
@given(
    rulebook=st.sampled_from([DAILY, FROZEN, RICH]),
    late=st.lists(st.tuples(st.integers(0, 8), st.sampled_from("ab")), max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_late_events_come_to_the_same_in_any_order(rulebook: Rulebook, late: list[tuple[int, str]], order: Any) -> None:
    ends: list[Any] = []
    for _ in range(2):
        ada = learner(0, 0, 1, 1, 2, 2, 4, 4, rulebook=rulebook)
        if rulebook is not FROZEN:
            ada.repair(3, today=5)
        for day, event_type in late:
            ada.learn(day, event_type=event_type)
        order.shuffle(late)
        progress = ada.progress
        ends.append(
            (progress.total_points, progress.spent, progress.longest_streak, set(progress.awards), ada.states(9))
        )
    assert ends[0] == ends[1]


def test_years_of_missed_days_are_gone_through_once_for_all_days_that_may_be_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def unit_around(self: StreakCount, day: int) -> tuple[int, int]:
        nonlocal asked
        asked += 1
        return around(self, day)

    around = StreakCount.unit_around
    monkeypatch.setattr(StreakCount, "unit_around", unit_around)
    ada = learner(0, 1, rulebook=rulebook_of(repair={"within": 30, "price": 1}))
    assert ada.rulebook.streak is not None
    assert repairable(ada.rulebook.streak, ada.progress, START + 4_000) == []
    assert asked < 200
    assert "of 3,998 missed days there, 3,968 cannot be repaired any more" in ada.refused(3_990, today=4_000)
