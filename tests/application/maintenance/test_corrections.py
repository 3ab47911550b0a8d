"""Grants, revocations and retractions: each an entry, on each store, with several processes on one database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from laurels import LearningEvent
from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import EventRetracted
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData
from laurels.errors import InvalidInput, UnknownBadge, UnknownEvent, UnknownUser
from laurels.testing.clocks import SettableClock

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def badge(badge_id: str, points: int, criterion: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A badge of the tests' rulebook."""
    shown = {"name": badge_id, "description": badge_id, "icon": "x", "category": "coding", "rarity": "common"}
    return {"id": badge_id, "points": points, "criterion": criterion, **shown, **fields}


RULES = Rulebook(
    msgspec.convert(
        {
            "name": "tests",
            "event_types": {"run": {"points": 5}, "talk": {"points": 3, "max_per_day": 2}},
            "levels": {"kind": "quadratic", "step": 10},
            "boards": {"languages": True},
            "badges": [
                badge("runs_3", 20, {"kind": "count", "event": "run", "target": 3}, revocable=True),
                badge("points_30", 7, {"kind": "points", "target": 30}, revocable=True),
                badge("languages_2", 9, {"kind": "distinct", "field": "language", "target": 2}, revocable=True),
                badge("streak_3", 11, {"kind": "streak", "target": 3}, revocable=True),
                badge("kept", 1, {"kind": "count", "event": "run", "target": 2}),
                badge("unreached", 4, {"kind": "count", "event": "run", "target": 900}),
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


async def assert_sound(both: list[Service], user_id: str = "ada") -> Progress:
    """Assert that the ledger proves itself, as projected and after it is projected anew; the user's progress."""
    for each in both:
        await each.projector.flush()
    store = both[0].store
    found = await verify(store, RULES)
    assert (found.differences, found.behind) == ([], 0)
    before = await store.snapshots.projected([user_id])
    await rebuild(store, RULES)
    assert await store.snapshots.projected([user_id]) == before
    shown = [await each.learners.progress(user_id) for each in both]
    assert shown[0] == shown[1] == before[user_id].progress
    return shown[0]


def run(number: int, *, days: int = 0, event_type: str = "run", **metadata: Any) -> LearningEvent:
    """One event of Ada's, on a day of March."""
    return LearningEvent(
        user_id="ada",
        event_type=event_type,
        event_id=f"e{number}",
        timestamp=START + timedelta(days=days, minutes=number),
        metadata=metadata,
    )


async def test_a_grant_awards_once_and_its_points_bring_the_next_badge(two: list[Service]) -> None:
    first, second = two
    await first.record_many([run(1), run(2)])
    granted = await second.corrections.grant("ada", "runs_3", reason="did it on paper", caller="root")
    assert not granted.is_replay
    assert [award.badge_id for award in granted.body.awards] == ["runs_3", "points_30"]  # type: ignore[union-attr]
    again = await first.corrections.grant("ada", "runs_3", reason="did it on paper")
    assert again.is_replay
    await first.record_event(run(3))
    progress = await assert_sound(two)
    assert progress.total_points == 15 + 20 + 7 + 1
    assert sorted(progress.awards) == ["kept", "points_30", "runs_3"]


async def test_a_revoked_badge_goes_with_its_points_and_only_a_grant_brings_it_back(two: list[Service]) -> None:
    first, second = two
    await first.record_many([run(1), run(2)])
    revoked = await second.corrections.revoke("ada", "kept", reason="a mistake", caller="root")
    assert revoked.progress.total_points == 10
    assert (await first.corrections.revoke("ada", "kept", reason="a mistake")).is_replay
    await first.record_event(run(3))
    progress = await assert_sound(two)
    assert (progress.total_points, sorted(progress.awards)) == (15 + 20 + 7, ["points_30", "runs_3"])
    await second.corrections.grant("ada", "kept", reason="no mistake after all")
    progress = await assert_sound(two)
    assert "kept" in progress.awards
    assert progress.revoked == []


async def test_a_retracted_event_takes_revocable_badges_along_and_leaves_the_others(two: list[Service]) -> None:
    first, second = two
    await first.record_many([run(1, language="go"), run(2, days=1), run(3, days=2)])
    before = await second.learners.progress("ada")
    assert {"runs_3", "streak_3", "points_30", "kept"} == set(before.awards)
    retracted = await second.corrections.retract("ada", "e1", reason="not theirs", caller="root")
    assert isinstance(retracted.body, EventRetracted)
    assert {award.badge_id for award in retracted.body.revoked} == {"runs_3", "streak_3", "points_30"}
    assert (await first.corrections.retract("ada", "e1", reason="not theirs")).is_replay
    progress = await assert_sound(two)
    assert progress.total_points == 10 + 1
    assert (progress.events, progress.longest_streak, progress.languages) == (2, 2, {})
    # What was taken back can be earned again.
    await first.record_event(run(4, days=3))
    progress = await assert_sound(two)
    assert {"runs_3", "streak_3", "kept"} <= set(progress.awards)


async def test_the_last_event_of_a_day_leaves_its_boards(two: list[Service]) -> None:
    first, second = two
    await first.record_many([run(1), run(2, days=5, event_type="talk")])
    await first.projector.flush()
    await second.corrections.retract("ada", "e2", reason="twice")
    await assert_sound(two)
    assert await first.store.boards.count("2026-03-06") == 0
    assert await first.store.boards.count("2026-03-01") == 1


async def test_what_cannot_be_corrected_is_refused_and_changes_nothing(two: list[Service]) -> None:
    first, _ = two
    await first.record_event(run(1))
    corrections = first.corrections
    with pytest.raises(UnknownEvent):
        await corrections.retract("ada", "e9", reason="x")
    with pytest.raises(UnknownUser):
        await corrections.retract("bob", "e1", reason="x")
    with pytest.raises(UnknownBadge):
        await corrections.grant("ada", "nothing", reason="x")
    with pytest.raises(UnknownBadge):
        await corrections.revoke("ada", "kept", reason="x")
    with pytest.raises(InvalidInput):
        await corrections.grant("ada", "kept", reason=" ")
    assert (await first.learners.progress("ada")).seq == 1


@pytest.mark.parametrize("seed", range(6))
async def test_retracting_is_never_having_had_it(two: list[Service], seed: int, clock: SettableClock) -> None:
    random = Random(seed)
    events = [
        run(
            number,
            days=random.randrange(10),
            event_type=random.choice(["run", "run", "talk"]),
            language=random.choice(["go", "rust", "c"]),
        )
        for number in range(24)
    ]
    gone = {str(event.event_id) for event in random.sample(events, 9)}
    for number, event in enumerate(events):
        await two[number % 2].record_event(event)
    for number, event_id in enumerate(sorted(gone)):
        await two[number % 2].corrections.retract("ada", event_id, reason="x")
    progress = await assert_sound(two)
    for event in events:
        if event.event_id not in gone:
            await two[0].record_event(LearningEvent(**{**msgspec.structs.asdict(event), "user_id": "bob"}))
    other = await two[0].learners.progress("bob")
    same = ("events", "longest_streak", "first_day", "last_day", "run_first", "languages")
    assert {name: getattr(progress, name) for name in same} == {name: getattr(other, name) for name in same}
    # Points are what each event brought when it came: a cap that it had met is not lifted afterwards.
    assert progress.types["run"] == other.types["run"]
    assert {day: (held.events, held.hours) for day, held in progress.days.items()} == {
        day: (held.events, held.hours) for day, held in other.days.items()
    }
    assert {day for day, held in progress.board_days.items() if held.events} == set(other.board_days)
    met = {each.id for position, each in enumerate(RULES.badges) if RULES.requirements[position].is_met(progress)}
    assert {each for each in progress.awards if each != "kept"} == met - {"kept"}
