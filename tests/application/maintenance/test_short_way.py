"""What is missing is the same by the short way, which looks at snapshots, and by replaying every entry; for every sort
of criterion and whatever a ledger goes through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laurels.application.maintenance.publishing import publish
from laurels.application.maintenance.replaying import Replayed, Replays
from laurels.application.ports.snapshots import Projection
from laurels.application.ports.store import Store
from laurels.bootstrap import open_store
from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import (
    Award,
    CurrencySpent,
    Entry,
    EntryBody,
    EventRecorded,
    ProfileChanged,
    UserMigrated,
)
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay, backfill, grant, retract, revoke
from laurels.domain.revisions.repointing import Repointing
from laurels.domain.rules.badges.awards import badge_and_period
from laurels.domain.rules.badges.criteria import AllOf, AnyOf, Criterion
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.streak_rules import StreakRules
from laurels.testing.builders import card
from tests.domain.histories import CONDITIONS, ZONES, History, conditional, histories, small_rulebook
from tests.examples import share_of

FULL = small_rulebook(more="".join(conditional(*each) for each in enumerate(CONDITIONS)))
# Named by others, so that no variant can do without.
_REQUIRED = {each.removesuffix("_gold") for badge in FULL.badges for each in badge.requires}


def _retargeted(criterion: Criterion, by: int) -> Criterion:
    if isinstance(criterion, AllOf | AnyOf):
        return criterion
    return replace(criterion, target=max(1, criterion.target + by))


def _variant(which: int, of: int, by: int = 0, *, is_repeatable: bool = True, **changes: object) -> Rulebook:
    """Without one badge of each `of`, and with other targets."""
    badges = [
        badge
        if badge.tiers
        else replace(
            badge,
            repeat=badge.repeat if is_repeatable else None,
            criterion=_retargeted(badge.criterion, by if number % 3 == 0 else 0),
            points=badge.points + (number * by) % 3,
        )
        for number, badge in enumerate(FULL.data.badges)
        if number % of != which or badge.id in _REQUIRED
    ]
    return Rulebook(replace(FULL.data, badges=badges, **changes))


VARIANTS = [
    FULL,
    _variant(0, 2),
    _variant(1, 2),
    _variant(2, 3, by=1),
    _variant(0, 4, by=-1, streak=msgspec.convert({"freezes": {"initial": 1}}, StreakRules)),
    _variant(3, 4, is_repeatable=False),
    _variant(
        1,
        3,
        event_types={name: replace(rule, points=7) for name, rule in FULL.data.event_types.items() if name != "c"}
        | {"c": replace(FULL.data.event_types["a"], max_per_day=2)},
    ),
]
# What happens between the events of a history, beside a change of rules.
AMENDMENTS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from(
            [
                "retract",
                "retract",
                "retract",
                "revoke",
                "grant",
                "zone",
                "migrate",
                "repoint",
                "spend",
                "backfill",
                "rules",
            ]
        ),
        st.integers(0, 1_000),
    ),
    max_size=6,
)


class Ledger:
    """A learner's ledger as it grows, under rules that change."""

    def __init__(self, user_id: str, rules: Rulebook) -> None:
        self.user_id = user_id
        self.rules = rules
        self.entries: list[Entry] = []
        self.progress = Progress(user_id=user_id, version=rules.measures_version)

    def add(self, body: EntryBody, event_id: str | None = None) -> None:
        seq = len(self.entries) + 1
        self.entries.append(Entry(self.user_id, seq, event_id, 2_000 + seq, body))
        self.progress = folded(self.entries, self.rules)

    def record(self, event_type: str, metadata: dict[str, object], at: int) -> None:
        event = LearningEvent(user_id=self.user_id, event_type=event_type, metadata=metadata)
        outcome = advance(self.progress, event, at, self.rules)
        self.entries.append(
            Entry(
                self.user_id,
                len(self.entries) + 1,
                f"e{len(self.entries)}",
                2_000 + len(self.entries),
                EventRecorded(event_type, at, outcome, metadata),
            )
        )
        self.progress.stamp(len(self.entries), 0, self.entries[-1].body)

    def amend(self, kind: str, number: int) -> None:
        if kind == "rules":
            self.rules = VARIANTS[number % len(VARIANTS)]
            self.progress = folded(self.entries, self.rules)
        elif body := self._amendment(kind, number):
            self.add(body)

    def _amendment(self, kind: str, number: int) -> EntryBody | None:
        rules, progress, seen = self.rules, self.progress, revisions(self.entries)
        awards = list(progress.awards)
        match kind:
            case "retract":
                return self._retraction(number, seen)
            case "revoke" if awards:
                return revoke(progress, awards[number % len(awards)], rules, reason="x", caller=None)
            case "grant":
                badge = rules.badges[number % len(rules.badges)]
                if badge.repeat is None and badge.id not in {badge_and_period(each)[0] for each in awards}:
                    return grant(progress, badge.id, 2_000, rules, reason="x", caller=None).body
            case "zone":
                return ProfileChanged({"timeZone": ZONES[number % len(ZONES)]}, 1_000_000_000 * number)
            case "migrate" if not progress.migrated:
                total = max(0, progress.total_points + number % 40 - 20)
                given = [] if "b0" in progress.awards or "b0" in progress.revoked else [Award("b0", 1, 5)]
                return UserMigrated("o", 5, total, 1, adjustment=total - progress.total_points, awards=given)
            case "repoint":
                repointing = Repointing(self.user_id, rules, seen)
                for entry in self.entries:
                    repointing.take(entry)
                return repointing.body(progress.total_points)
            case "backfill":
                replay = Replay(self.user_id, rules, seen)
                for entry in self.entries:
                    replay.take(entry)
                return backfill(progress, replay.missing, rules, "none") if replay.missing else None
            case "spend":
                return CurrencySpent("coins", 1, 0, progress.total_points, 1, "x")
            case _:
                pass
        return None

    def _retraction(self, number: int, seen: Revisions) -> EntryBody | None:
        events = [each for each in self.entries if isinstance(each.body, EventRecorded) and each.seq not in seen.events]
        if not events:
            return None
        event = events[number % len(events)]
        assert isinstance(event.body, EventRecorded)
        seen.events.add(event.seq)
        without = Progress(user_id=self.user_id, version=self.rules.measures_version)
        for entry in self.entries:
            fold(without, entry, self.rules, seen)
        points = seen.points_of(event.seq, event.body)
        return retract(self.progress, without, event, self.rules, points=points, reason="x", caller=None).body


def revisions(entries: list[Entry]) -> Revisions:
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    return seen


def folded(entries: list[Entry], rules: Rulebook) -> Progress:
    progress = Progress(user_id=entries[0].user_id if entries else "", version=rules.measures_version)
    seen = revisions(entries)
    for entry in entries:
        fold(progress, entry, rules, seen)
    return progress


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def store(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that knows every variant of the rules."""

    async def opened(path: Path) -> Store:
        store = await open_store(f"sqlite:///{path}")
        for rules in VARIANTS:
            await publish(store, rules, lambda: 0)
        return store

    made = runner.run(opened(tmp_path_factory.mktemp("short") / "laurels.db"))
    yield made
    runner.run(made.close())


@pytest.fixture(scope="module")
def ways(store: Store) -> list[tuple[Rulebook, Replays, Replays]]:
    """Each variant as the rules in force, with the short way and the whole one."""
    return [(rules, Replays(store, rules, carries=True), Replays(store, rules, is_short=False)) for rules in VARIANTS]


_NAMES = count()


async def keep(store: Store, ledger: Ledger, snapshot: int) -> None:
    """Write a ledger, and the snapshot of so many of its entries by its last rules."""
    await store.ledger.append(ledger.entries)
    if snapshot:
        kept = Projection(folded(ledger.entries[:snapshot], ledger.rules), {})
        await store.snapshots.project([kept], cards=[card(ledger.user_id)])


async def replayed_by(replays: Replays, user_id: str) -> list[Replayed]:
    return [each async for each in replays.of([user_id])]


def compared(replayed: list[Replayed]) -> list[tuple[object, ...]]:
    return [
        (each.user_id, each.seq, each.events, each.missing, dict(each.held), each.total_points) for each in replayed
    ]


@given(histories(FULL), AMENDMENTS, st.sampled_from(VARIANTS), st.sampled_from([0, 0, 1, 3]))
@settings(
    max_examples=share_of(150),
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_the_short_way_finds_what_replaying_every_entry_finds(
    runner: asyncio.Runner,
    store: Store,
    ways: list[tuple[Rulebook, Replays, Replays]],
    history: History,
    amendments: list[tuple[float, str, int]],
    first: Rulebook,
    behind: int,
) -> None:
    ledger = Ledger(f"u{next(_NAMES):06}", first)
    for number, (since, name) in enumerate(history.zones):
        ledger.add(ProfileChanged({"timeZone": name}, None if number == 0 else since))
    for number, one in enumerate(history.events, 1):
        ledger.record(one.event_type, one.metadata, one.at)
        for share, kind, choice in amendments:
            if number == max(1, round(share * len(history.events))):
                ledger.amend(kind, choice)
    runner.run(keep(store, ledger, max(0, len(ledger.entries) - behind)))
    for present, short, whole in ways:
        found = runner.run(replayed_by(short, ledger.user_id))
        assert compared(found) == compared(runner.run(replayed_by(whole, ledger.user_id)))
        for each in found:
            if each.progress is not None:
                assert each.progress == folded(ledger.entries, present)
