"""Small builders of the domain's values: a test names only the values that matter to it.

Entries and projections made here are well formed but need not add up: a store keeps any values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from laurels.application.ports.boards import Card
from laurels.application.ports.jobs import Job
from laurels.application.ports.rulebook import PublishedRulebook
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.domain.boards.ranking import Standing
from laurels.domain.events import LearningEvent
from laurels.domain.keys import ApiKey
from laurels.domain.ledger.entries import Award, Entry, EventRecorded, Outcome, ProfileChanged, UserMigrated
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress, Purse
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import RulebookData

NOON = to_ms(datetime(2026, 3, 14, 12, 0, 0, 123_000, tzinfo=UTC))
"""A Saturday noon, with milliseconds that a careless store would lose."""

VERSION = "v1"
"""The `version` of every progress built here."""


def learning_event(
    user_id: str = "ada",
    event_type: str = "run",
    *,
    event_id: str | None = None,
    at: datetime | None = None,
    **metadata: Any,
) -> LearningEvent:
    """An event as a caller submits it; further keywords become its metadata."""
    return LearningEvent(user_id=user_id, event_type=event_type, event_id=event_id, timestamp=at, metadata=metadata)


def event_entry(
    user_id: str = "ada",
    seq: int = 1,
    *,
    event_id: str | None = None,
    at: int = NOON,
    points: int = 5,
    awards: Sequence[Award] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Entry:
    """A ledger entry that says an event was recorded; its event id is `e<seq>` unless given."""
    outcome = Outcome(points=points, total_points=points * seq, level=1, rules="rules", awards=list(awards))
    body = EventRecorded(event_type="run", at=at, outcome=outcome, metadata=dict(metadata or {}), daily_streak=1)
    return Entry(user_id, seq, f"e{seq}" if event_id is None else event_id, at + 7, body)


def profile_entry(user_id: str = "ada", seq: int = 1, *, zone_from: int | None = None, **changes: Any) -> Entry:
    """A ledger entry that says a profile was changed, by wire name."""
    return Entry(user_id, seq, None, NOON + 7, ProfileChanged(changes or {"displayName": "Ada"}, zone_from))


def migration_entry(user_id: str = "ada", seq: int = 1, **fields: Any) -> Entry:
    """A ledger entry that says a user was taken over from elsewhere; `fields` are those of the body."""
    given: dict[str, Any] = {"origin": "elsewhere:1", "at": NOON, "total_points": 5, "level": 1, **fields}
    return Entry(user_id, seq, given["origin"], NOON + 7, UserMigrated(**given))


def history(user_id: str = "ada", length: int = 3, *, first: int = 1) -> list[Entry]:
    """Consecutive event entries of one user, from `seq` `first` on."""
    return [event_entry(user_id, seq) for seq in range(first, first + length)]


def progress(user_id: str = "ada", seq: int = 1, *, points: int = 5, version: str = VERSION) -> Progress:
    """A user's progress at entry `seq`."""
    return Progress(
        user_id=user_id,
        version=version,
        seq=seq,
        created_at=NOON,
        last_active_at=NOON,
        events=seq,
        total_points=points,
        awards={
            **{each: Award(each, 10, NOON) for each in ("first", "busy@2026-W12", "busy@2026-W11")},
            "paying": Award("paying", 10, NOON, (("coins", 5),)),
        },
        preferences={"theme": "dark", "ratio": 0.1},
        zones=[(0, "Europe/Lisbon")],
        parts={3: {739_266: {"python", 5}, 739_267: 2}},
        purses={"coins": Purse(5, 2)},
    )


def standing(user_id: str = "ada", points: int = 5, *, events: int = 1, reached_at: int = NOON) -> Standing:
    """A user's line on a board."""
    return Standing(user_id, points, events, reached_at)


def card(user_id: str = "ada", points: int = 5, **fields: Any) -> Card:
    """A user as boards show them."""
    return Card(user_id=user_id, total_points=points, level=1, badges=["first"], last_active_at=NOON, **fields)


async def project(
    store: Store,
    user_id: str = "ada",
    seq: int = 1,
    *,
    points: int = 5,
    reached_at: int = NOON,
    boards: Sequence[str] = ("all",),
    version: str = VERSION,
    is_shown: bool = True,
) -> None:
    """Store one user's snapshot and card, and the same standing on each of the boards."""
    line = Standing(user_id, points, 1, reached_at, is_shown)
    kept = Projection(progress(user_id, seq, points=points, version=version), dict.fromkeys(boards, line))
    await store.snapshots.project([kept], cards=[card(user_id, points)])


def small_rulebook(**changes: Any) -> Rulebook:
    """A rulebook of two event types and five badges, easy to reason about; `changes` replace its top-level keys.

    A `run` pays 5, a `talk` 10. Badges chain: the third run brings `third` (10), whose points then bring `century` at
    100.
    """
    data: dict[str, Any] = {
        "name": "small",
        "event_types": {"run": {"points": 5}, "talk": {"points": 10}},
        "levels": {"kind": "quadratic", "step": 50},
        "badges": [
            _badge("first", 10, {"kind": "count", "event": "run", "target": 1}),
            _badge("third", 10, {"kind": "count", "event": "run", "target": 3}),
            _badge("century", 25, {"kind": "points", "target": 100}),
            _badge("polyglot", 50, {"kind": "distinct", "field": "language", "target": 3}),
            _badge("streak", 30, {"kind": "streak", "target": 3}),
        ],
    }
    return Rulebook(msgspec.convert(data | changes, RulebookData))


def _badge(badge_id: str, points: int, criterion: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": badge_id,
        "name": badge_id.title(),
        "description": f"The badge {badge_id}.",
        "icon": "*",
        "category": "milestone",
        "rarity": "common",
        "points": points,
        "criterion": criterion,
    }


def api_key(prefix: str = "abcdefghijkl") -> ApiKey:
    """A key that may record events, made at `NOON`."""
    return ApiKey(prefix=prefix, name="platform", scopes=frozenset({"events:write"}), digest="00" * 32, created_at=NOON)


def published_rulebook(version: int = 1, *, by: str | None = None) -> PublishedRulebook:
    """A version of the small rulebook, published at `NOON`."""
    rulebook = small_rulebook()
    return PublishedRulebook(
        version=version,
        name=rulebook.name,
        digest=rulebook.digest,
        fingerprint=rulebook.fingerprint,
        published_at=NOON,
        published_by=by,
        content=rulebook.as_json,
    )


def job(job_id: str = "job", *, created_at: int = NOON) -> Job:
    """A job that no process has begun."""
    return Job(id=job_id, version=1, notify="none", created_at=created_at)
