"""Two ledgers of one person become one: as if all events had been recorded there, for every two histories."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Award, Entry, EntryBody, EventRecorded, MergedInto, UserMigrated
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay, revoke
from laurels.domain.revisions.merging import (
    RULES,
    Account,
    begin_merge,
    close_ledger,
    finish_merge,
    merge_event,
    merge_migration,
    other_id,
)
from laurels.domain.revisions.repointing import Repointing
from laurels.domain.rules.rulebook import Rulebook
from tests.domain.histories import RULEBOOKS, Happened, History, histories, record
from tests.examples import share_of

SMALL, RICH = RULEBOOKS["small"], RULEBOOKS["rich"]
LIMITED = Rulebook(
    replace(
        SMALL.data,
        event_types={
            "a": replace(SMALL.event_types["a"], max_per_day=2),
            "b": replace(SMALL.event_types["b"], cooldown=7_200),
            "c": replace(SMALL.event_types["c"], points=4, max_points_per_day=10),
        },
    )
)
DEARER = Rulebook(
    replace(SMALL.data, event_types={name: replace(each, points=20) for name, each in SMALL.event_types.items()})
)
SETTINGS: dict[str, Any] = {"deadline": None, "phases": set(Phase) - {Phase.explain}, "max_examples": share_of(50)}
NOW = 3_000


class Ledger:
    """A ledger that is written on, as the commands do it."""

    def __init__(self, progress: Progress, entries: list[Entry]) -> None:
        self.progress = progress
        self.entries = list(entries)

    def add(self, body: EntryBody | None, event_id: str | None = None) -> None:
        assert body is not None
        seq = self.progress.seq + 1
        self.entries.append(Entry("into", seq, event_id, NOW, body))
        self.progress.stamp(seq, NOW, body)


def account_of(entries: list[Entry]) -> Account:
    account = Account("from")
    for entry in entries:
        account.see(entry)
    return account


def merged(source: list[Entry], into: Ledger, rules: Rulebook) -> Ledger:
    """The ledger of `into` with what the entries of `source` hold moved to its end."""
    account, progress = account_of(source), into.progress
    into.add(begin_merge(progress, account, rules, reason="x", caller=None))
    for entry in source:
        body = entry.body
        if not isinstance(body, EventRecorded) or not account.counts(entry):
            continue
        event = LearningEvent(user_id="into", event_type=body.event_type, metadata=body.metadata)
        points, currencies, by = account.kept(entry.seq, body)
        outcome = merge_event(
            progress,
            event,
            body.at,
            rules,
            offset=body.outcome.offset,
            grace=body.outcome.grace,
            points=points,
            currencies=currencies,
            rules=by,
            pays=account.awards,
        )
        into.add(replace(body, outcome=outcome), f"from-{entry.event_id}")
    for origin in account.migrated:
        into.add(merge_migration(progress, account, origin, rules))
    into.add(finish_merge(progress, account, rules, reason="x", caller=None))
    return into


def folded(entries: list[Entry], rules: Rulebook) -> Progress:
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    progress = Progress(user_id=entries[0].user_id, version=rules.measures_version)
    for entry in entries:
        fold(progress, entry, rules, seen)
    return progress


def assert_sound(ledger: Ledger, rules: Rulebook) -> None:
    """Assert that the entries say what the progress says, and that the rules bring nothing more."""
    stored = msgspec.json.decode(msgspec.json.encode(ledger.entries), type=list[Entry])
    assert msgspec.to_builtins(folded(stored, rules)) == msgspec.to_builtins(ledger.progress) | {"userId": "ada"}
    seen = Revisions()
    for entry in stored:
        seen.see(entry)
    replay = Replay("ada", rules, seen)
    for entry in stored:
        replay.take(entry)
    assert replay.missing == []
    assert sorted(seen.banned) == ledger.progress.revoked


@given(data=st.data(), rules=st.sampled_from([SMALL, RICH, LIMITED]))
@settings(**SETTINGS)
def test_the_state_is_that_of_one_user_with_all_events(data: st.DataObject, rules: Rulebook) -> None:
    first, second = data.draw(histories(rules)), data.draw(histories(rules))
    source, entries = record(first, rules)
    ledger = merged(entries, Ledger(*record(second, rules)), rules)
    assert_sound(ledger, rules)

    # One user who recorded all of it, first this, then that, in the zones that they had each time.
    alone, _ = record(second, rules)
    zones, alone.zones = alone.zones, source.zones
    for one in first.events:
        event = LearningEvent(user_id="ada", event_type=one.event_type, metadata=one.metadata)
        advance(alone, event, one.at, rules)
    alone.zones, alone.seq, alone.merged = zones, ledger.progress.seq, ["from"]
    now = ledger.progress
    assert now.awards.keys() >= alone.awards.keys() | source.awards.keys()
    if now.awards.keys() == alone.awards.keys():
        assert replace(now, created_at=0) == replace(alone, created_at=0)
    else:
        # A limit may take points that had brought a badge: who held it holds it still.
        assert rules is LIMITED


@given(first=histories(SMALL), second=histories(SMALL))
@settings(**SETTINGS)
def test_what_other_rules_paid_stays_paid(first: History, second: History) -> None:
    source, entries = record(first, DEARER)
    ledger = merged(entries, Ledger(*record(second, SMALL)), SMALL)
    assert_sound(ledger, SMALL)
    moved = [each.body for each in ledger.entries if each.event_id and each.event_id.startswith("from-")]
    assert [each.outcome.points for each in moved if isinstance(each, EventRecorded)] == [
        each.body.outcome.points for each in entries if isinstance(each.body, EventRecorded)
    ]
    assert {each.outcome.rules for each in moved if isinstance(each, EventRecorded)} <= {RULES}
    assert ledger.progress.awards.keys() >= source.awards.keys()


@given(history=histories(RICH))
@settings(**SETTINGS)
def test_a_closed_ledger_holds_nothing_and_brings_nothing(history: History) -> None:
    progress, entries = record(history, RICH)
    ledger = Ledger(progress, entries)
    total, days = progress.total_points, set(progress.board_days)
    body = close_ledger(progress, "into", RICH, reason="x", caller=None)
    ledger.add(body)
    assert isinstance(body, MergedInto)
    assert (body.points, progress.total_points, progress.events, progress.awards) == (total, 0, 0, {})
    assert set(progress.board_days) == days
    assert_sound(ledger, RICH)

    # A badge that was made later is awarded where the events count now.
    progress, entries = record(history, Rulebook(replace(RICH.data, badges=[])))
    ledger = Ledger(progress, entries)
    ledger.add(close_ledger(progress, "into", RICH, reason="x", caller=None))
    replay = Replay("ada", RICH, Revisions())
    repricing = Repointing("ada", DEARER, Revisions())
    for entry in ledger.entries:
        replay.take(entry)
        repricing.take(entry)
    assert (replay.missing, repricing.changes_anything) == ([], False)


def run(number: int, at: int = 1_773_000_000_000) -> Happened:
    return Happened("a", {"number": number}, at)


def test_a_badge_that_was_taken_back_by_hand_stays_so_unless_it_is_held_there() -> None:
    for others in (0, 2):
        into = Ledger(*record(History([(0, "UTC")], [run(n) for n in range(others)]), SMALL))
        source = Ledger(*record(History([(0, "UTC")], [run(n) for n in range(3)]), SMALL))
        source.add(revoke(source.progress, "b0", SMALL, reason="x", caller=None))
        merged(source.entries, into, SMALL)
        assert ("b0" in into.progress.awards) == (others == 2)
        assert into.progress.revoked == ([] if others else ["b0"])
        assert_sound(into, SMALL)


def test_what_another_system_had_stored_comes_along() -> None:
    source = Ledger(*record(History([(0, "UTC")], [run(1)]), SMALL))
    at = 1_700_000_000_000

    brought = UserMigrated("mongo:1", at, 0, 1, adjustment=40, awards=[Award("b40", 7, at), Award("gone", 9, at)])
    source.add(brought)
    into = Ledger(*record(History([(0, "UTC")], [run(2)]), SMALL))
    before = into.progress.total_points
    merged(source.entries, into, SMALL)
    assert into.progress.migrated == {"mongo:1": 40}
    assert {"b40", "gone"} <= into.progress.awards.keys()
    assert into.progress.total_points >= before + 40 + 7 + 9
    # Nobody knows when all that was earned: no day has its points.
    assert sum(day.points for day in into.progress.board_days.values()) < before + 40
    assert_sound(into, SMALL)


def test_another_id_is_always_the_same_and_never_too_long() -> None:
    assert other_id("ada", "run-1") == other_id("ada", "run-1")
    assert len({other_id("ada", "run-1"), other_id("bob", "run-1"), other_id("ada", "run-2")}) == 3
    assert len(other_id("a" * 100, "r" * 100)) <= 100
