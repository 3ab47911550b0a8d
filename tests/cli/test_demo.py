"""`laurels demo`: invented learners, the same whenever they are asked for."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec

from laurels import load_rulebook
from laurels.cli.demo.learners import TWIN_EVERY, events_of, learners
from laurels.domain.events import LearningEvent
from laurels.domain.periods import is_zone
from tests.cli.conftest import Run, ledger, rows

UNTIL = datetime(2026, 3, 15, 14, 30, tzinfo=UTC)


def made(*, users: int = 60, days: int = 90, seed: int = 1, until: datetime = UNTIL) -> list[LearningEvent]:
    return list(events_of(learners(users, days=days, seed=seed, until=until.date()), until=until))


def ids(events: list[LearningEvent]) -> set[tuple[str, str | None]]:
    return {(event.user_id, event.event_id) for event in events}


class TestData:
    def test_the_same_seed_makes_the_same_events(self) -> None:
        assert msgspec.json.encode(made()) == msgspec.json.encode(made())
        assert ids(made()).isdisjoint(ids(made(seed=2)))

    def test_ids_are_unique_and_nothing_lies_after_the_end(self) -> None:
        events = made()
        assert len(ids(events)) == len(events)
        assert max(event.timestamp for event in events if event.timestamp) <= UNTIL

    def test_the_next_day_makes_the_same_and_adds_to_it(self) -> None:
        later = {(event.user_id, event.event_id): event for event in made(until=UNTIL + timedelta(days=1))}
        first = UNTIL - timedelta(days=85)
        for event in made():
            # What began on the oldest days may have fallen off.
            if event.timestamp and event.timestamp > first and (event.user_id, event.event_id) in later:
                assert later[event.user_id, event.event_id] == event
        assert len(ids(made()) & later.keys()) > 0.9 * len(made())

    def test_all_event_types_that_pay_happen(self) -> None:
        types = load_rulebook("coding").event_types
        assert {event.event_type for event in made()} == {name for name, kind in types.items() if kind.points}

    def test_there_are_live_streaks_gaps_and_zones(self) -> None:
        everyone = learners(200, days=90, seed=1, until=UNTIL.date())
        assert all(is_zone(learner.time_zone) for learner in everyone)
        assert len({learner.time_zone for learner in everyone}) > 10
        days: dict[str, set[date]] = defaultdict(set)
        for event in events_of(everyone, until=UNTIL):
            assert event.timestamp is not None
            days[event.user_id].add(event.timestamp.date())
        yesterday = {UNTIL.date(), UNTIL.date() - timedelta(days=1)}
        assert sum(bool(active & yesterday) for active in days.values()) > 40
        gaps = [max((b - a).days for a, b in pairwise(sorted(active))) for active in days.values() if len(active) > 1]
        assert max(gaps) > 20

    def test_twins_do_the_same_at_the_same_time(self) -> None:
        everyone = learners(TWIN_EVERY, days=60, seed=1, until=UNTIL.date())
        *_, one, other = everyone
        seen = defaultdict(list)
        for event in events_of([one, other], until=UNTIL):
            seen[event.user_id].append((event.timestamp, event.event_type, event.metadata))
        assert seen[one.user_id] == seen[other.user_id]
        assert one.display_name != other.display_name


class TestCommand:
    ARGUMENTS = ("demo", "--users", 25, "--days", 40, "--until", "2026-03-15")

    def test_it_fills_a_store_that_is_clean_and_repeats_itself(self, run: Run, store_url: str, database: Path) -> None:
        done = run(*self.ARGUMENTS, "--store", store_url)
        assert (done.code, done.err) == (0, "")
        events = int(done.out.split("days: ")[1].split(" events")[0].replace(",", ""))
        entries = ledger(database)
        assert len(entries) == events + 25
        assert run("verify", "--store", store_url).code == 0
        again = run(*self.ARGUMENTS, "--store", store_url)
        assert f": 0 events recorded, {events:,} already there, 0 badges" in again.out
        assert ledger(database) == entries

    def test_two_stores_get_the_same_ledger(self, run: Run, tmp_path: Path) -> None:
        for name in ("one", "two"):
            assert run(*self.ARGUMENTS, "--store", f"sqlite:///{name}.db").code == 0
        assert ledger(tmp_path / "one.db") == ledger(tmp_path / "two.db")

    def test_the_zone_is_known_before_the_first_event(self, run: Run, store_url: str, database: Path) -> None:
        run(*self.ARGUMENTS, "--store", store_url)
        first = rows(database, "SELECT DISTINCT readable(body) ->> '$.kind' FROM ledger WHERE seq = 1")
        assert first == [("profile",)]

    def test_nothing_lies_in_the_future(self, run: Run, store_url: str) -> None:
        assert run("demo", "--users", 10, "--days", 20, "--store", store_url).code == 0
        for until in ("2999-01-01", "yesterday"):
            done = run("demo", "--until", until, "--store", store_url)
            assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
