"""The history of a user adds up to the total at every line, whatever was recorded, corrected, repointed or merged."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from laurels import LearningEvent
from laurels.application.maintenance.publishing import Publications
from laurels.application.maintenance.verification import verify
from laurels.application.queries.learners.history import history
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import EventRecorded, ProfileChanged
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError
from laurels.rulebooks.loader import parse_rulebook
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.examples import share_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BADGES = ("first", "third", "century", "polyglot", "streak", "busy")
# The weeks of the events, and of the clock, in which badges are granted.
AWARDS = (*BADGES[:5], "busy@2026-W09", "busy@2026-W10", "busy@2026-W11")
RULES = small_rulebook()


def rules_with(**changes: Any) -> Rulebook:
    """The small rulebook whose badges are `revocable` or of fewer points, as `changes` say of their fields. Missed days
    may be repaired."""
    badges = [{**msgspec.to_builtins(badge), "revocable": True, **changes} for badge in RULES.data.badges]
    runs = {"kind": "count", "event": "run", "target": 2}
    badges.append({**badges[0], "id": "busy", "repeat": "week", "criterion": runs})
    return small_rulebook(
        badges=badges,
        event_types={"run": {"points": 9}, "talk": {"points": 4, "max_per_day": 1}},
        streak={"repair": {"within": 30, "price": 6}},
    )


# The rules at the start lack a badge and pay other points; publishing these brings both, and back.
EARLY = small_rulebook(
    badges=[badge for badge in rules_with().data.badges if badge.id != "streak"],
    streak={"repair": {"within": 30, "price": 2}, "minimum": {"points": 3}},
)
LATE = rules_with(points=7)

events = st.tuples(
    st.just("event"),
    st.sampled_from(["run", "talk"]),
    st.integers(0, 5),
    st.sampled_from(["go", "c", "rust"]),
)
steps = st.one_of(
    events,
    events,
    st.tuples(st.just("grant"), st.sampled_from(BADGES)),
    st.tuples(st.just("revoke"), st.sampled_from(AWARDS)),
    st.tuples(st.just("retract"), st.integers(0, 12)),
    st.tuples(st.just("repair"), st.sampled_from(["ada", "old"]), st.integers(1, 4)),
    st.tuples(st.just("publish"), st.booleans()),
    st.tuples(st.just("profile"), st.just("Ada")),
    st.tuples(st.just("merge")),
)
EVERY_KIND: list[tuple[Any, ...]] = [
    *[("event", "run", day, "go") for day in range(3)],
    ("profile", "Ada"),
    ("grant", "polyglot"),
    ("revoke", "first"),
    ("revoke", "busy@2026-W10"),
    ("repair", "old", 3),
    ("repair", "ada", 3),
    ("retract", 0),
    ("publish", True),
    ("merge",),
    ("event", "talk", 4, "c"),
]
KINDS = {"event", "profile", "award", "repair", "revocation", "retraction", "repoint", "merged-from"}


async def take(laurels: Service, number: int, step: tuple[Any, ...]) -> None:
    corrections = laurels.corrections
    match step:
        case ("event", event_type, day, language):
            at = START + timedelta(days=day, minutes=number)
            for user in ("ada", "old"):
                await laurels.record_event(
                    LearningEvent(
                        user_id=user,
                        event_type=event_type,
                        event_id=f"{user}-{number}",
                        timestamp=at,
                        metadata={"language": language},
                    )
                )
        case ("grant", badge_id):
            await corrections.grant("ada", badge_id, reason="Well done.")
        case ("revoke", badge_id):
            await corrections.revoke("ada", badge_id, reason="By mistake.")
        case ("retract", which):
            await corrections.retract("ada", f"ada-{which}", reason="A script.")
        case ("repair", user, day):
            await laurels.repairs.repair(user, (START + timedelta(days=day)).date())
        case ("publish", is_late):
            publications = Publications(laurels.store, laurels.clock, parse_rulebook)
            await publications.publish(LATE if is_late else EARLY, by=None, backfill=True, notify="none", repoint=True)
            await laurels.jobs.work()
        case ("profile", name):
            await laurels.change_profile("ada", {"displayName": name})
        case _:
            await laurels.merging.merge("old", "ada", reason="One person.")


async def seen_after(steps: list[tuple[Any, ...]], folder: Path) -> set[str]:
    """Take the steps, assert that the lines add up at each of them, and return the kinds that there were."""
    clock = SettableClock(START + timedelta(days=10))
    kinds: set[str] = set()
    async with open_service(
        f"sqlite:///{folder}/laurels.db", rulebook=EARLY, clock=clock, projection_interval=3_600, publish=True
    ) as laurels:
        for number, step in enumerate(steps):
            # What cannot be done (nobody is known yet, a badge is not held) changes nothing.
            with suppress(LaurelsError):
                await take(laurels, number, step)
        for user in ("ada", "old"):
            entries = {entry.seq: entry for entry in await laurels.store.ledger.entries(user, after=0, limit=1_000)}
            lines = [line async for line in history(laurels.store, laurels.rulebook, user, len(entries))]
            total = 0
            for line in reversed(lines):
                total += line.points + sum(award.points for award in line.awards)
                body = entries[line.seq].body
                if not isinstance(body, ProfileChanged):
                    stands = body.outcome if isinstance(body, EventRecorded) else body
                    assert total == stands.total_points, (user, line.kind, line.seq)
                kinds.add(line.kind)
            if lines and lines[0].kind != "merged-into":
                shown = await laurels.learners.dashboard(user)
                assert shown.user.total_points == total
                held = sum(badge.points for badge in shown.badges)
                spent = (await laurels.learners.progress(user)).spent
                assert held + sum(each.points for each in shown.event_stats.values()) - spent == total
        found = await verify(laurels.store, laurels.rulebook)
        assert found.differences == []
    return kinds


@given(st.lists(steps, max_size=25))
@example(EVERY_KIND)
@settings(max_examples=share_of(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_lines_add_up_to_the_total_at_each_of_them(taken: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder:
        kinds = asyncio.run(seen_after(taken, Path(folder)))
    if taken == EVERY_KIND:
        # Else what this asserts might be said of events alone.
        assert kinds == KINDS | {"merged-into"}
