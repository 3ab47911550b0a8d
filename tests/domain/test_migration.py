"""Users taken over from another system: live and folded are one, totals are kept, nothing is awarded twice."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EventRecorded, UserMigrated
from laurels.domain.progress import Progress
from laurels.domain.revisions.migration import RULES, DifferencePolicy, migrate_event, migrate_user
from laurels.domain.rules.rulebook import Rulebook
from tests.domain.histories import History, for_each_rulebook, record

ORIGIN = "elsewhere:1"
CREATED = 12_345


def write(progress: Progress, entries: list[Entry], body: EventRecorded | UserMigrated) -> None:
    """Enter a body that was decided on the progress."""
    now = 3_000 + len(entries)
    entries.append(Entry("ada", progress.seq + 1, f"a{len(entries)}", now, body))
    progress.stamp(progress.seq + 1, now, body)
    if isinstance(body, UserMigrated):
        progress.migrate(body)


def migrate(progress: Progress, stored: int, paid: int, pays: dict[str, int], **more: Any) -> UserMigrated | None:
    given: dict[str, Any] = {"differences": DifferencePolicy.KEEP, "created_at": CREATED, **more}
    return migrate_user(progress, origin=ORIGIN, at=9_000, stored_total=stored, event_points=paid, pays=pays, **given)


def take_over(history: History, rulebook: Rulebook) -> tuple[Progress, list[Entry], int, dict[str, int]]:
    """The first half of a history as lived here, the second as events of another system, then the user's own entry."""
    chance = random.Random(len(history.events))
    half = len(history.events) // 2
    progress, entries = record(History(history.zones, history.events[:half]), rulebook)
    pays = {badge.id: badge.points for badge in rulebook.badges if chance.random() < 0.3}
    pays["unknown"] = chance.choice([0, 15])
    paid = 0
    for one in history.events[half:]:
        event = LearningEvent(user_id="ada", event_type=one.event_type, metadata=one.metadata)
        points = chance.randrange(30)
        paid += points
        outcome = migrate_event(progress, event, one.at, points, pays, rulebook)
        assert (outcome.points, outcome.rules, outcome.total_points) == (points, RULES, progress.total_points)
        write(
            progress,
            entries,
            EventRecorded(event_type=one.event_type, at=one.at, outcome=outcome, metadata=one.metadata),
        )
    stored = chance.choice([0, paid, paid + 1_000])
    body = migrate(progress, stored, paid, pays, rulebook=rulebook)
    assert body is not None
    write(progress, entries, body)
    return progress, entries, stored, pays


class TestAnMigration:
    @for_each_rulebook(examples=60)
    def test_folds_to_exactly_the_progress_that_was_lived(self, history: History, rulebook: Rulebook) -> None:
        lived, entries, _, _ = take_over(history, rulebook)
        folded = Progress(user_id="ada", version=rulebook.measures_version)
        for entry in entries:
            stored = msgspec.json.decode(msgspec.json.encode(entry), type=Entry)
            assert stored == entry
            fold(folded, stored, rulebook)
        assert folded == lived
        assert list(folded.awards) == list(lived.awards)
        assert folded.created_at == CREATED
        restored = msgspec.json.decode(msgspec.json.encode(lived), type=Progress)
        assert restored == lived

    @for_each_rulebook(examples=60)
    def test_brings_every_badge_once_and_the_total_adds_up(self, history: History, rulebook: Rulebook) -> None:
        progress, entries, stored, pays = take_over(history, rulebook)
        total = here = 0
        held: list[str] = []
        for entry in entries:
            body = entry.body
            if isinstance(body, EventRecorded):
                brought = body.outcome.points + sum(award.points for award in body.outcome.awards)
                held += [award.badge_id for award in body.outcome.awards]
                if body.outcome.rules != RULES:
                    here += body.outcome.points + sum(
                        award.points for award in body.outcome.awards if award.badge_id not in pays
                    )
                total += brought
            elif isinstance(body, UserMigrated):
                total += body.adjustment + sum(award.points for award in body.awards)
                held += [award.badge_id for award in body.awards]
                assert (body.total_points, body.level) == (total, rulebook.levels.level_at(total))
        assert progress.total_points == total
        # What was stored there, and what was earned here beside it.
        assert total == stored + here
        assert len(held) == len(set(held))
        assert pays.keys() <= progress.awards.keys()

    @for_each_rulebook(examples=30)
    def test_again_brings_nothing_and_a_change_brings_the_change(self, history: History, rulebook: Rulebook) -> None:
        progress, entries, stored, pays = take_over(history, rulebook)
        last = entries[-1].body
        assert isinstance(last, UserMigrated)
        paid = last.event_points
        before = progress.total_points
        assert migrate(progress, stored, paid, pays, rulebook=rulebook) is None
        dropped = migrate(progress, stored, paid, pays, rulebook=rulebook, differences=DifferencePolicy.DROP)
        assert (dropped is None) == (last.adjustment == 0)
        if dropped is not None:
            write(progress, entries, dropped)
            assert progress.total_points == before - last.adjustment
            assert dropped.created_at is None
            kept = migrate(progress, stored, paid, pays, rulebook=rulebook)
            assert kept is not None
            write(progress, entries, kept)
        assert progress.total_points == before
        assert progress.migrated == {ORIGIN: last.adjustment}

    @for_each_rulebook(examples=30)
    def test_counts_in_no_period_but_all_time(self, history: History, rulebook: Rulebook) -> None:
        progress, entries, _, _ = take_over(history, rulebook)
        last = entries[-1].body
        assert isinstance(last, UserMigrated)
        dated = sum(day.points for day in progress.board_days.values())
        assert dated == progress.total_points - last.adjustment - sum(award.points for award in last.awards)
