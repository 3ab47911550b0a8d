"""What is paid at the most: caps of a day, cooldowns, and things that are paid for once."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EventRecorded, Outcome
from laurels.domain.progress import Progress
from laurels.domain.rules.earning_limits import RECENT, is_used, key_of
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from tests.examples import share_of

NOON = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
HOUR = 3_600_000
DAY = 24 * HOUR

BOOK = """
name = "capped"
levels = { kind = "quadratic", step = 5 }
[event_types]
free = { points = 3 }
nothing = { points = 0, max_per_day = 1 }
counted = { points = 2, max_per_day = 3 }
metered = { points = 4, max_points_per_day = 10, bonuses = [{ field = "n", above = 1, points = 3 }] }
both = { points = 5, max_per_day = 3, max_points_per_day = 12 }
slow = { points = 1, cooldown = 3600 }
slowest = { points = 1, cooldown = 600, max_per_day = 2 }
[[badges]]
id = "many"
name = "Many"
description = "Many."
icon = "x"
category = "coding"
rarity = "common"
points = 7
criterion = { kind = "count", event = ["counted", "slow"], target = 4 }
"""
RULEBOOK = parse_rulebook(BOOK)

Happened = tuple[str, int, str | None, dict[str, Any]]


def rulebook_with(**limits: int) -> Rulebook:
    lines = "".join(f"{name} = {value}\n" for name, value in limits.items())
    return parse_rulebook(
        f'name = "one"\nlevels = {{ kind = "quadratic", step = 5 }}\n[event_types.run]\npoints = 5\n{lines}'
    )


def live(events: list[Happened], rulebook: Rulebook = RULEBOOK) -> tuple[Progress, list[Entry]]:
    progress = Progress(user_id="ada", version=rulebook.measures_version)
    entries: list[Entry] = []
    for number, (kind, at, once_key, metadata) in enumerate(events, 1):
        event = LearningEvent(user_id="ada", event_type=kind, metadata=metadata, once_key=once_key)
        outcome = advance(progress, event, at, rulebook)
        body = EventRecorded(event_type=kind, at=at, outcome=outcome, metadata=metadata, once_key=once_key)
        progress.stamp(number, at, body)
        entries.append(Entry("ada", number, str(number), at, body))
    return progress, entries


def outcomes(events: list[Happened], rulebook: Rulebook = RULEBOOK) -> list[Outcome]:
    return [entry.body.outcome for entry in live(events, rulebook)[1] if isinstance(entry.body, EventRecorded)]


def pays(instants: list[int], **limits: int) -> list[tuple[int, str | None]]:
    """What runs at `instants`, in seconds from noon and in order of arrival, bring."""
    events: list[Happened] = [("run", NOON + 1_000 * each, None, {}) for each in instants]
    return [(each.points, each.unpaid) for each in outcomes(events, rulebook_with(**limits))]


CAPPED = (0, "daily-cap")
SOON = (0, "cooldown")
PAID = (5, None)


class TestDailyCaps:
    def test_after_so_many_events_the_day_pays_nothing_more_and_the_next_does(self) -> None:
        day = 86_400
        assert pays([0, 1, 2, day, 3], max_per_day=2) == [PAID, PAID, CAPPED, PAID, CAPPED]

    def test_the_rest_of_a_days_points_is_paid(self) -> None:
        assert pays([0, 1, 2, 3], max_points_per_day=12) == [PAID, PAID, (2, "daily-cap"), CAPPED]
        assert pays([0, 1, 2], max_points_per_day=10) == [PAID, PAID, CAPPED]

    def test_the_day_is_the_learners_own(self) -> None:
        book = rulebook_with(max_per_day=1)
        progress = Progress(user_id="ada", version=book.measures_version, zones=[(0, "Pacific/Kiritimati")])
        run = LearningEvent(user_id="ada", event_type="run")
        # 14 hours ahead of UTC: 09:59 and 10:00 UTC are two days there.
        found = [advance(progress, run, NOON - 2 * HOUR + minutes * 60_000, book) for minutes in (-1, 0, 1)]
        assert [each.points for each in found] == [5, 5, 0]

    def test_an_event_that_is_not_paid_counts_all_the_same(self) -> None:
        progress, entries = live([("counted", NOON + n, None, {"language": "py"}) for n in range(5)])
        assert (progress.events, progress.types["counted"].count, progress.types["counted"].points) == (5, 5, 6)
        assert progress.languages == {"py": 5}
        assert progress.days[next(iter(progress.days))].events == 5
        # The fourth brings no points, and the badge that asks for four.
        body = entries[3].body
        assert isinstance(body, EventRecorded)
        assert (body.outcome.points, [award.badge_id for award in body.outcome.awards]) == (0, ["many"])
        assert progress.total_points == 6 + 7

    def test_a_type_that_pays_nothing_is_kept_from_nothing(self) -> None:
        assert {each.unpaid for each in outcomes([("nothing", NOON, "key", {})] * 3)} == {None}


class TestCooldown:
    def test_what_comes_too_soon_pays_nothing_and_does_not_put_off_the_next(self) -> None:
        assert pays([0, 59, 60, 119, 120], cooldown=60) == [PAID, SOON, PAID, SOON, PAID]

    def test_late_events_keep_their_distance_to_both_sides(self) -> None:
        assert pays([0, 200, 100, 130, 141, 40], cooldown=60) == [PAID, PAID, PAID, SOON, SOON, SOON]

    def test_one_backdated_instant_is_paid_once(self) -> None:
        assert pays([0, *[-1_000] * 5], cooldown=60) == [PAID, PAID, *[SOON] * 4]

    def test_what_lies_before_all_that_is_known_of_is_not_paid(self) -> None:
        found = pays([*(60 * n for n in range(RECENT)), -60], cooldown=60)
        assert found == [*[PAID] * RECENT, SOON]
        progress, _entries = live([("slow", NOON + n * HOUR, None, {}) for n in range(3 * RECENT)])
        assert len(progress.paid_at["slow"]) == RECENT


class TestOnceKey:
    def test_a_thing_is_paid_for_once_whatever_the_type_and_the_day(self) -> None:
        found = outcomes([("free", NOON, "a", {}), ("slow", NOON + 9 * DAY, "a", {}), ("free", NOON, "b", {})])
        assert [(each.points, each.unpaid) for each in found] == [(3, None), (0, "once"), (3, None)]

    def test_a_thing_that_was_held_back_may_be_paid_for_later(self) -> None:
        events: list[Happened] = [("slow", NOON, "a", {}), ("slow", NOON + 1, "b", {}), ("slow", NOON + HOUR, "b", {})]
        assert [each.unpaid for each in outcomes([*events, events[-1]])] == [None, "cooldown", None, "once"]

    def test_what_is_kept_is_eight_bytes_a_key(self) -> None:
        keys = [f"task-{n}" for n in random.Random(1).sample(range(10_000), 500)]
        progress, _entries = live([("free", NOON, key, {}) for key in keys])
        assert len(progress.once) == 8 * len(keys)
        assert all(is_used(progress.once, key_of(key)) for key in keys)
        assert not any(is_used(progress.once, key_of(f"other-{n}")) for n in range(1_000))
        shuffled, _entries = live([("free", NOON, key, {}) for key in sorted(keys)])
        assert shuffled.once == progress.once


happened = st.tuples(
    st.sampled_from(list(RULEBOOK.event_types)),
    st.builds(
        lambda days, minutes: NOON + days * DAY + minutes * 60_000,
        st.integers(-2, 2),
        st.sampled_from([-300, -60, -59, -10, 0, 1, 59, 60, 61, 300]),
    ),
    st.sampled_from([None, None, "a", "b", "c"]),
    st.sampled_from([{}, {"n": 1}, {"n": 2}]),
)
histories = st.lists(happened, max_size=40)


def paid_by_day(entries: list[Entry]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for entry in entries:
        body = entry.body
        assert isinstance(body, EventRecorded)
        if body.outcome.points:
            found[body.event_type, body.day].append(body.outcome.points)
    return found


class TestAnyHistory:
    @settings(max_examples=share_of(150), deadline=None)
    @given(histories)
    def test_keeps_its_limits(self, events: list[Happened]) -> None:
        _progress, entries = live(events)
        for (kind, _day), points in paid_by_day(entries).items():
            rule = RULEBOOK.event_types[kind]
            assert rule.max_per_day is msgspec.UNSET or len(points) <= rule.max_per_day
            assert rule.max_points_per_day is msgspec.UNSET or sum(points) <= rule.max_points_per_day
        instants: dict[str, list[int]] = defaultdict(list)
        keys: Counter[str] = Counter()
        for entry in entries:
            body = entry.body
            assert isinstance(body, EventRecorded)
            full = RULEBOOK.event_types[body.event_type].points_for(body.metadata)
            assert (body.outcome.unpaid is not None) == (body.outcome.points < full)
            if body.outcome.points:
                instants[body.event_type].append(body.at)
                keys.update([body.once_key] if body.once_key else [])
        assert all(count == 1 for count in keys.values())
        for kind in ("slow", "slowest"):
            cooldown = RULEBOOK.event_types[kind].cooldown
            assert isinstance(cooldown, int)
            ordered = sorted(instants[kind])
            assert all(b - a >= 1_000 * cooldown for a, b in pairwise(ordered))

    @settings(max_examples=share_of(150), deadline=None)
    @given(histories, st.integers(0, 40))
    def test_folds_to_what_was_lived_and_goes_on_from_any_snapshot(self, events: list[Happened], middle: int) -> None:
        lived, entries = live(events)
        folded = Progress(user_id="ada", version=RULEBOOK.measures_version)
        for number, entry in enumerate(entries):
            if number == middle:
                folded = msgspec.json.decode(msgspec.json.encode(folded), type=Progress)
            stored = msgspec.json.decode(msgspec.json.encode(entry), type=Entry)
            assert stored == entry
            fold(folded, stored, RULEBOOK)
        assert folded == lived
        if len(entries) > middle:
            # Decided from a snapshot, the rest comes out as it did.
            before = Progress(user_id="ada", version=RULEBOOK.measures_version)
            for entry in entries[:middle]:
                fold(before, entry, RULEBOOK)
            for entry, (kind, at, once_key, metadata) in zip(entries[middle:], events[middle:], strict=True):
                event = LearningEvent(user_id="ada", event_type=kind, metadata=metadata, once_key=once_key)
                assert isinstance(entry.body, EventRecorded)
                assert advance(before, event, at, RULEBOOK) == entry.body.outcome

    @settings(max_examples=share_of(150), deadline=None)
    @given(histories, st.randoms(use_true_random=False))
    def test_pays_a_day_the_same_in_any_order_of_arrival(self, events: list[Happened], order: random.Random) -> None:
        # But for cooldowns and keys, where the first to arrive is the one that is paid.
        events = [(kind, at, None, metadata) for kind, at, _key, metadata in events if not kind.startswith("slow")]
        lived, entries = live(events)
        again, others = live(order.sample(events, len(events)))
        assert {at: sum(points) for at, points in paid_by_day(entries).items()} == {
            at: sum(points) for at, points in paid_by_day(others).items()
        }
        for name in ("days", "types", "total_points", "longest_streak", "measure_values", "parts", "events"):
            assert getattr(again, name) == getattr(lived, name)

    @settings(max_examples=share_of(150), deadline=None)
    @given(histories, st.randoms(use_true_random=False))
    def test_counts_the_same_in_any_order_of_arrival(self, events: list[Happened], order: random.Random) -> None:
        lived, _entries = live(events)
        again, _entries = live(order.sample(events, len(events)))
        for name in (
            "events",
            "longest_streak",
            "measure_values",
            "parts",
            "languages",
            "first_day",
            "last_day",
            "run_first",
        ):
            assert getattr(again, name) == getattr(lived, name)
        assert again.awards.keys() == lived.awards.keys()
        assert {day: held.events for day, held in again.days.items()} == {
            day: held.events for day, held in lived.days.items()
        }


class TestVersions:
    def test_limits_decide_outcomes_and_what_is_kept_for_them_how_entries_are_folded(self) -> None:
        books = [
            rulebook_with(**limits)
            for limits in ({}, {"max_per_day": 2}, {"max_per_day": 3}, {"max_points_per_day": 3}, {"cooldown": 9})
        ]
        assert len({book.fingerprint for book in books}) == len(books)
        versions = [book.measures_version for book in books]
        assert versions[1] == versions[2] == versions[3]
        assert len(set(versions)) == 3

    def test_equal_numbers_are_kept_for_like_any(self) -> None:
        book = rulebook_with(max_per_day=3, max_points_per_day=3)
        assert book.measures_version == rulebook_with(max_per_day=2).measures_version

    def test_who_comes_under_a_limit_brings_what_was_paid_before(self) -> None:
        _before, entries = live([("run", NOON + n, None, {}) for n in range(2)], rulebook_with())
        book = rulebook_with(max_per_day=2)
        progress = Progress(user_id="ada", version=book.measures_version)
        for entry in entries:
            fold(progress, entry, book)
        outcome = advance(progress, LearningEvent(user_id="ada", event_type="run"), NOON + 5, book)
        assert (outcome.points, outcome.unpaid) == CAPPED


@pytest.mark.parametrize("kind", ["free", "nothing"])
def test_a_type_without_limits_has_nothing_kept_of_it(kind: str) -> None:
    progress, _entries = live([(kind, NOON + n, None, {}) for n in range(5)])
    assert (progress.paid, progress.paid_at, progress.once) == ({}, {}, b"")
    assert b"paid" not in msgspec.json.encode(progress)
