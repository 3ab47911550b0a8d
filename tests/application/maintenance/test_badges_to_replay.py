"""A ledger is replayed by fewer badges where the versions that decided it say the same of the others; what is missing
comes out the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurels import LearningEvent
from laurels.application.maintenance.badges_to_replay import Decisions, ReplaySelection, badges_to_replay, rules_of
from laurels.application.maintenance.publishing import publish
from laurels.bootstrap import open_store
from laurels.domain.engine import advance
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EventRecorded, ProfileChanged, UserMigrated
from laurels.domain.periods import to_ms
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Crossing, Replay
from laurels.domain.rules.rulebook import Rulebook
from laurels.testing.builders import event_entry, small_rulebook
from laurels.testing.clocks import SettableClock
from tests.examples import share_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _badge(badge_id: str, points: int, criterion: dict[str, object]) -> dict[str, object]:
    about = {"name": badge_id, "description": badge_id, "icon": "*", "category": "milestone", "rarity": "common"}
    return {"id": badge_id, "points": points, "criterion": criterion, **about}


def _runs(target: int) -> dict[str, object]:
    return {"kind": "count", "event": "run", "target": target}


_LATER = [
    _badge("tenth", 40, _runs(10)),
    _badge("talker", 15, {"kind": "count", "event": "talk", "target": 2}),
    _badge("spring", 5, _runs(2)) | {"from": "2026-03-03", "until": "2026-03-09"},
    _badge("weekly", 5, _runs(2)) | {"repeat": "week"},
    _badge("heir", 5, _runs(1)) | {"requires": ["tenth", "talker"]},
    _badge("collector", 20, {"kind": "badges", "target": 4}),
    _badge("risen", 5, {"kind": "level", "target": 3}),
    _badge("both", 30, {"kind": "all", "of": [_runs(5), {"kind": "points", "target": 150}]}),
    _badge("either", 5, {"kind": "any", "of": [{"kind": "span", "target": 9}, {"kind": "streak", "target": 4}]}),
]
_SMALL = msgspec.to_builtins(small_rulebook().data)["badges"]


def _rulebook(*left_out: str, **changes: object) -> Rulebook:
    return small_rulebook(badges=[each for each in [*_SMALL, *_LATER] if each["id"] not in left_out], **changes)


def _later(badge: dict[str, object]) -> dict[str, object]:
    if badge["id"] == "weekly":
        # The best week, once.
        return _badge("weekly", 5, {**_runs(2), "per": "week"})
    return badge | {"from": "2026-03-05"} if badge["id"] == "spring" else badge


NEW = _rulebook()
VERSIONS = [
    NEW,
    _rulebook("tenth", "collector", "heir"),
    _rulebook("either", "third", "risen", event_types={"run": {"points": 9}, "talk": {"points": 1}}),
    small_rulebook(badges=[_badge("first", 10, _runs(2)), *[_later(each) for each in _LATER if each["id"] != "both"]]),
]
# The badges of NEW, with streaks that go across a missed day.
FROZEN = _rulebook(streak={"freezes": {"initial": 1}})
VERSIONS.append(FROZEN)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["run", "run", "talk"]), st.integers(0, 12), st.sampled_from(["go", "c", "rust", None])),
    max_size=30,
)


def _ledger(happened: Sequence[tuple[str, int, str | None]], deciding: Sequence[Rulebook]) -> list[Entry]:
    """What the rulebooks of the list decide, one after the other, each of as many events as the others."""
    entries: list[Entry] = []
    progress = Progress(user_id="ada", version=deciding[0].measures_version)
    share = len(happened) // len(deciding) + 1
    for seq, (event_type, day, language) in enumerate(happened, 1):
        rulebook = deciding[(seq - 1) // share]
        if (seq - 1) % share == 0:
            progress = Progress(user_id="ada", version=rulebook.measures_version)
            for entry in entries:
                fold(progress, entry, rulebook)
        metadata = {"language": language} if language else {}
        event = LearningEvent(user_id="ada", event_type=event_type, metadata=metadata)
        at = to_ms(START + timedelta(days=day, minutes=seq))
        body = EventRecorded(event_type, at, advance(progress, event, at, rulebook), metadata)
        entries.append(Entry("ada", seq, f"e{seq}", at, body))
    return entries


def _missing(entries: Sequence[Entry], rulebook: Rulebook) -> list[Crossing]:
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    replay = Replay("ada", rulebook, seen)
    for entry in entries:
        replay.take(entry)
    return replay.missing


@given(EVENTS, st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=3), st.sampled_from([NEW, FROZEN]))
@settings(max_examples=share_of(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_same_is_missing_whatever_versions_decided(
    happened: list[tuple[str, int, str | None]], deciding: list[Rulebook], present: Rulebook
) -> None:
    entries = _ledger(happened, deciding)
    before = [rules_of(rulebook) for rulebook in deciding]
    focused = present.focused_on(badges_to_replay(present, before))
    assert _missing(entries, focused) == _missing(entries, present)


def test_streaks_that_were_counted_otherwise_are_replayed() -> None:
    on_awards = badges_to_replay(NEW, [rules_of(NEW)])
    assert badges_to_replay(FROZEN, [rules_of(NEW)]) - on_awards == {"streak", "either"}


def test_only_what_is_new_differs_or_hangs_on_awards_is_replayed() -> None:
    assert badges_to_replay(NEW, [rules_of(VERSIONS[3])]) == {
        *("third", "polyglot", "streak", "both"),  # new
        *("first", "spring", "weekly"),  # another target, other days, to be earned again
        *("century", "collector", "risen", "heir"),  # points, badges and levels
    }
    assert "tenth" not in badges_to_replay(NEW, [])


async def test_what_is_not_known_to_have_been_decided_by_rules_is_replayed_by_all(
    store_url: str, clock: SettableClock
) -> None:
    store = await open_store(store_url)
    try:
        old = VERSIONS[1]
        await publish(store, old, clock)
        await publish(store, NEW, clock)
        selection = ReplaySelection(store, NEW)

        async def choose(*entries: Entry) -> Rulebook:
            decisions = Decisions(Revisions(), set())
            for entry in entries:
                decisions.see(entry)
            return await selection.on(decisions)

        [by_old] = _ledger([("run", 0, None)], [old])
        [by_nobody] = _ledger([("run", 0, None)], [VERSIONS[2]])
        named = Entry("ada", 2, None, 0, ProfileChanged({"displayName": "Ada"}))
        migrated = Entry("ada", 2, "old", 0, UserMigrated("old", 0, 5, 1))
        held = event_entry("ada", 1)
        assert (await choose(by_old, named)).measure_updates["run"] != NEW.measure_updates["run"]
        assert len((await choose(by_old, named)).measure_updates["run"]) < len(NEW.measure_updates["run"])
        assert await choose(by_old) is await choose(by_old, named)
        assert await choose(by_nobody) is NEW
        assert await choose(by_old, migrated) is NEW
        assert await choose(held) is NEW
    finally:
        await store.close()
