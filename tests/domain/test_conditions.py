"""Badges of certain days, after other badges, in tiers: for every history as sure as all others."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay, retract
from laurels.domain.rules.badges.awards import badge_and_period, badges_of
from laurels.domain.rules.badges.criteria import Badges, Level, Points, leaves
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError
from tests.domain.histories import ANCHORS, RULEBOOKS, Happened, History, histories, ms, record, rich_rulebook
from tests.examples import share_of

RICH = RULEBOOKS["rich"]
SETTINGS: dict[str, Any] = {"deadline": None, "phases": set(Phase) - {Phase.explain}}


def depends(rules: Rulebook, badge_id: str) -> set[str]:
    """The badge of the file that an id belongs to, and all that ask for it."""
    gone = {badge_id, *rules.families.get(badge_id, ())}
    while more := {each.id for each in rules.badges if gone & set(each.requires)} - gone:
        gone |= more
        gone |= {tier for each in more for tier in rules.families.get(each, ())}
    return gone


def without(rules: Rulebook, gone: set[str]) -> Rulebook:
    kept = [badge for badge in rules.data.badges if badge.id not in gone]
    return Rulebook(msgspec.structs.replace(rules.data, badges=kept))


COUNTING = {badge.id for badge in RICH.badges for _, leaf in leaves(badge.criterion) if isinstance(leaf, Badges)}


def removable() -> list[set[str]]:
    """Badges that can be taken out together: the others must still be within reach."""
    found: list[set[str]] = []
    for badge in RICH.badges:
        gone = depends(RICH, badge.id)
        try:
            without(RICH, gone)
        except RulebookError:
            continue
        found.append(gone)
    return found


REMOVABLE = removable()


@given(history=histories(RICH), gone=st.sampled_from(REMOVABLE))
@settings(max_examples=share_of(60), **SETTINGS)
def test_a_rule_backfilled_brings_what_it_had_brought_from_the_start(history: History, gone: set[str]) -> None:
    had, _ = record(history, RICH)
    lacked, entries = record(history, without(RICH, gone))
    assert not gone & set(badges_of(lacked.awards))
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    replay = Replay("ada", RICH, seen)
    for entry in entries:
        replay.take(entry)
    found = {each.award.badge_id: each.award for each in replay.missing}
    assert lacked.awards.keys() | found.keys() == had.awards.keys()
    assert replay.progress.total_points == had.total_points
    assert {each: found[each] for each in found if badge_and_period(each)[0] in gone} == {
        each: had.awards[each] for each in had.awards if badge_and_period(each)[0] in gone
    }


# Of points, levels and numbers of badges an event that goes leaves what the badges that stay hold up themselves.
REVOCABLE = Rulebook(
    msgspec.structs.replace(
        RICH.data,
        badges=[
            msgspec.structs.replace(badge, revocable=True)
            for badge in RICH.data.badges
            if not depends(RICH, badge.id) & COUNTING
            and badge.id not in {"c7", "c8"}
            and not any(isinstance(leaf, Badges | Points | Level) for _, leaf in leaves(badge.criterion))
        ],
    )
)


@given(history=histories(REVOCABLE), numbers=st.sets(st.integers(0, 59), max_size=4))
@settings(max_examples=share_of(60), **SETTINGS)
def test_retracting_is_never_having_had_it(history: History, numbers: set[int]) -> None:
    rules = REVOCABLE
    progress, entries = record(history, rules)
    events = [entry for entry in entries if isinstance(entry.body, EventRecorded)]
    gone = [events[number] for number in sorted(numbers) if number < len(events)]
    for event in gone:
        seen = Revisions()
        for entry in entries:
            seen.see(entry)
        seen.events.add(event.seq)
        assert isinstance(event.body, EventRecorded)
        points = event.body.outcome.points
        made = retract(progress, folded(entries, rules, seen), event, rules, points=points, reason="x", caller=None)
        entries.append(Entry("ada", progress.seq + 1, None, 9_000, made.body))
        seen = Revisions()
        for entry in entries:
            seen.see(entry)
        progress = folded(entries, rules, seen)
        assert progress.total_points == made.body.total_points  # type: ignore[union-attr]
    left = [one for one, event in zip(history.events, events, strict=True) if event not in gone]
    never, _ = record(History(history.zones, left), rules)
    assert progress.awards.keys() == never.awards.keys()
    assert progress.total_points == never.total_points


def folded(entries: list[Entry], rules: Rulebook, seen: Revisions) -> Progress:
    progress = Progress(user_id="ada", version=rules.measures_version)
    for entry in entries:
        fold(progress, entry, rules, seen)
    return progress


def test_every_condition_can_be_met() -> None:
    assert {badge.id for badge in rich_rulebook().badges if badge.id[0] == "c"} == {
        *(f"c{number}" for number in range(17)),
        "c9_gold",
    }
    everything = [
        Happened(event_type, {"language": language, "length": 9}, ms(anchor) + number * 3_600_000)
        for anchor in ANCHORS
        for number in range(-40, 40)
        for event_type, language in (("a", "py"), ("b", "js"), ("c", "go"))
    ]
    progress, _ = record(History([(0, "UTC")], everything), RICH)
    assert set(badges_of(progress.awards)) >= {badge.id for badge in RICH.badges if badge.id[0] == "c"}
