"""What stands out and what does not, rule by rule; and what holds for any activity."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.audit import (
    DEVIATIONS,
    GAPS,
    HOURS,
    LATE_DAYS,
    LATE_EVENTS,
    LONG_DAYS,
    PER_HOUR,
    PER_MINUTE,
    RULES,
    SAME,
    TWINS,
    Finding,
    PopulationAudit,
    UserAudit,
    normal_of,
    score_of,
)
from laurels.domain.ledger.entries import Boosted, EventRecorded, Outcome
from tests.examples import share_of

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIDNIGHT = 1_800_000_000_000 // DAY * DAY


def audited(
    *instants: int, user_id: str = "ada", points: int = 5, late: int = 0, offset: int = 0, **metadata: Any
) -> UserAudit:
    user = UserAudit(user_id)
    see(user, *instants, points=points, late=late, offset=offset, **metadata)
    return user


def see(user: UserAudit, *instants: int, points: int = 5, late: int = 0, offset: int = 0, **metadata: Any) -> None:
    for at in instants:
        outcome = Outcome(points=points, total_points=0, level=1, rules="r", offset=offset)
        user.see(EventRecorded(event_type="run", at=at, outcome=outcome, metadata=metadata), at + late)


def found(user: UserAudit) -> dict[str, Finding]:
    return {finding.rule: finding for finding in user.findings()}


class TestPace:
    def test_more_in_a_minute_than_a_hand_makes_stands_out(self) -> None:
        instants = [MIDNIGHT + 1_000 * number for number in range(PER_MINUTE + 1)]
        assert found(audited(*instants[1:])) == {}
        finding = found(audited(*reversed(instants)))["pace"]
        assert finding.evidence == {"mostInAMinute": 31, "mostInAnHour": 31, "minutes": 1, "hours": 0}
        assert finding.days == ["2027-01-15"]

    def test_more_in_an_hour_does_too(self) -> None:
        instants = [MIDNIGHT + 8_000 * number for number in range(PER_HOUR + 1)]
        assert found(audited(*instants[1:])) == {}
        assert found(audited(*instants))["pace"].evidence["mostInAnHour"] == PER_HOUR + 1


class TestRoundTheClock:
    def test_days_without_a_night_stand_out(self) -> None:
        days = [[MIDNIGHT + day * DAY + hour * HOUR for hour in range(HOURS + 1)] for day in range(LONG_DAYS)]
        assert found(audited(*(at for day in days[1:] for at in day))) == {}
        assert found(audited(*(at for day in days for at in day[1:]))) == {}
        finding = found(audited(*(at for day in days for at in day)))["round-the-clock"]
        assert finding.evidence == {"days": LONG_DAYS, "mostHours": HOURS + 1}

    def test_the_day_is_the_learners_own(self) -> None:
        days = [MIDNIGHT + day * DAY + hour * HOUR for day in range(LONG_DAYS) for hour in range(HOURS + 1)]
        assert "round-the-clock" not in found(audited(*days, offset=12 * 3_600))


class TestRepetition:
    def test_the_same_numbers_over_and_over_stand_out(self) -> None:
        instants = [MIDNIGHT + number * 5 * MINUTE for number in range(SAME)]
        assert found(audited(*instants[1:], codeLength=77)) == {}
        finding = found(audited(*instants, codeLength=77))["repetition"]
        assert (finding.evidence["same"], finding.evidence["of"]) == (SAME, SAME)
        assert "77" in finding.evidence["what"]

    def test_words_alone_repeat_themselves(self) -> None:
        instants = [MIDNIGHT + number * 5 * MINUTE for number in range(SAME)]
        assert found(audited(*instants, language="python", flag=True)) == {}

    def test_a_part_of_many_does_not(self) -> None:
        user = audited(*[MIDNIGHT + number * 5 * MINUTE for number in range(SAME)], codeLength=77)
        for number in range(SAME):
            see(user, MIDNIGHT + DAY + number * 5 * MINUTE, codeLength=number)
        assert found(user) == {}


class TestBackdating:
    def test_many_past_days_told_at_once_stand_out(self) -> None:
        now = MIDNIGHT + 90 * DAY
        user = UserAudit("ada")
        for number in range(LATE_EVENTS):
            at = MIDNIGHT + (number % LATE_DAYS) * DAY + number * HOUR
            see(user, at, late=now - at)
        finding = found(user)["backdating"]
        assert finding.evidence["events"] == LATE_EVENTS
        assert finding.evidence["mostDaysLate"] == 90
        assert finding.days == ["2027-04-15"]

    def test_a_device_that_was_away_for_a_day_does_not(self) -> None:
        instants = [MIDNIGHT + number * MINUTE for number in range(300)]
        assert found(audited(*instants, late=DAY)) == {}


class TestPoints:
    def population(self, *days: int, of: str = "eve") -> list[Finding]:
        """What is found of `of`, with so many points a day, among others with 40 to 59."""
        population = PopulationAudit()
        for number in range(20):
            user = UserAudit(f"user-{number}")
            for day in range(10):
                see(user, MIDNIGHT + day * DAY, points=40 + (number + 3 * day) % 20)
            population.take(user)
        user = UserAudit(of)
        for day, points in enumerate(days):
            see(user, MIDNIGHT + day * DAY, points=points)
        population.take(user)
        return list(population.findings())

    def test_a_day_far_above_all_and_ones_own_stands_out(self) -> None:
        [finding] = self.population(50, 50, 45, 55, 50, 5_000)
        assert (finding.user_id, finding.rule, finding.days) == ("eve", "points", ["2027-01-20"])
        assert finding.evidence["ownMedian"] == 50
        assert finding.evidence["deviations"] > DEVIATIONS

    def test_points_that_a_boost_added_count_for_nothing(self) -> None:
        user = UserAudit("eve")
        outcome = Outcome(points=1_000, total_points=0, level=1, rules="r", boost=Boosted("summer", 900))
        user.see(EventRecorded(event_type="run", at=MIDNIGHT, outcome=outcome), MIDNIGHT)
        assert list(user.points.values()) == [100]

    def test_who_is_always_above_all_does_not(self) -> None:
        assert self.population(5_000, 5_100, 4_900, 5_000, 5_000, 5_050) == []

    def test_who_has_just_come_is_measured_by_all(self) -> None:
        assert [finding.user_id for finding in self.population(5_000)] == ["eve"]
        assert self.population(60) == []

    def test_few_say_nothing_about_what_is_normal(self) -> None:
        population = PopulationAudit()
        population.take(audited(MIDNIGHT, points=10_000))
        assert list(population.findings()) == []


class TestSameTiming:
    def users(self, count: int, gaps: list[int]) -> list[Finding]:
        population = PopulationAudit()
        for number in range(count):
            at = MIDNIGHT + number * 7 * HOUR
            instants = [at]
            for gap in gaps:
                at += 1_000 * gap
                instants.append(at)
            population.take(audited(*instants, user_id=f"user-{number}"))
        return list(population.findings())

    def test_users_in_step_stand_out_whenever_they_began(self) -> None:
        gaps = random.Random(3).sample(range(5, 900), GAPS)
        assert self.users(TWINS - 1, gaps) == []
        [finding] = self.users(25, gaps)
        assert finding.evidence == {"users": 25, "named": tuple(f"user-{number}" for number in range(10))}

    def test_a_beat_that_anybody_may_have_does_not(self) -> None:
        assert self.users(25, [60] * GAPS) == []
        assert self.users(25, list(range(GAPS - 1))) == []


values = st.lists(st.integers(0, 5_000), min_size=1, max_size=60)
activity = st.lists(
    st.tuples(st.integers(0, 20 * DAY), st.integers(0, 900), st.integers(0, 40 * DAY), st.integers(-43_200, 43_200)),
    max_size=80,
)


class TestAnyActivity:
    @settings(deadline=None)
    @given(values)
    def test_the_normal_is_the_median_and_its_deviation(self, values: list[int]) -> None:
        middle, spread = normal_of(Counter(values))
        assert middle == statistics.median(values)
        mad = statistics.median(abs(value - middle) for value in values)
        assert spread == max(1.4826 * mad, middle / 10, 1.0)

    @given(st.lists(st.floats(1, 1e9), min_size=2, max_size=2))
    def test_scores_rise_with_what_they_stand_for(self, times: list[float]) -> None:
        low, high = sorted(times)
        assert 1 <= score_of(low) <= score_of(high) <= 100

    @settings(deadline=None, max_examples=share_of(60))
    @given(st.lists(activity, min_size=1, max_size=4), st.randoms(use_true_random=False))
    def test_is_found_the_same_in_any_order(
        self, users: list[list[tuple[int, int, int, int]]], order: random.Random
    ) -> None:
        def all_found(shuffle: bool) -> list[tuple[str, str, int, list[str]]]:
            population = PopulationAudit()
            findings: list[Finding] = []
            everybody = list(enumerate(users))
            if shuffle:
                order.shuffle(everybody)
            for number, events in everybody:
                user = UserAudit(str(number))
                for at, points, late, offset in order.sample(events, len(events)) if shuffle else events:
                    see(user, MIDNIGHT + at, points=points, late=late, offset=offset, codeLength=points)
                findings += user.findings()
                population.take(user)
            findings += population.findings()
            assert all(finding.rule in RULES and 1 <= finding.score <= 100 for finding in findings)
            return sorted((each.user_id, each.rule, each.score, each.days) for each in findings)

        # Timing alone is about the order.
        plain, shuffled = ([one for one in all_found(way) if one[1] != "same-timing"] for way in (False, True))
        assert shuffled == plain

    def test_of_a_person_nothing_is_found(self) -> None:
        chance = random.Random(5)
        population = PopulationAudit()
        for number in range(40):
            user = UserAudit(f"user-{number}")
            for day in range(60):
                if chance.random() < 0.6:
                    at = MIDNIGHT + day * DAY + chance.randrange(7, 18) * HOUR
                    for _ in range(chance.randrange(1, 25)):
                        at += chance.randrange(5_000, 400_000)
                        see(user, at, points=chance.choice([1, 5, 8, 20]), codeLength=chance.randrange(5, 900))
            assert list(user.findings()) == []
            population.take(user)
        assert list(population.findings()) == []
