"""Points counted anew under other rules: as if these had held from the start, for every history."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EventRecorded, EventRetracted
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay
from laurels.domain.revisions.repointing import Repointing
from laurels.domain.rules.badges.awards import badges_of
from laurels.domain.rules.rulebook import Rulebook
from tests.domain.histories import CONDITIONS, History, boosts, conditional, histories, record, small_rulebook
from tests.examples import share_of

AFTER = small_rulebook(
    more="".join(conditional(*each) for each in enumerate(CONDITIONS) if each[1].startswith("repeat"))
)
LIMITS = st.fixed_dictionaries(
    {"points": st.integers(0, 9)},
    optional={
        "max_per_day": st.integers(1, 3),
        "max_points_per_day": st.integers(1, 9),
        "cooldown": st.integers(1, 86_400),
    },
)
SETTINGS: dict[str, Any] = {"deadline": None, "phases": set(Phase) - {Phase.explain}, "max_examples": share_of(50)}


@st.composite
def other_rules(draw: st.DrawFn) -> Rulebook:
    """The small rulebook with other points, limits and boosts, of events and of badges."""
    types = {name: replace(rule, **draw(LIMITS)) for name, rule in AFTER.event_types.items()}
    by = draw(st.integers(0, 3))
    badges = [replace(badge, points=(badge.points + by * number) % 7) for number, badge in enumerate(AFTER.data.badges)]
    found = draw(boosts(list(types)))
    return Rulebook(replace(AFTER.data, event_types=types, badges=badges, boosts=found))


def folded(entries: list[Entry], rules: Rulebook, seen: Revisions) -> Progress:
    progress = Progress(user_id="ada", version=rules.measures_version)
    for entry in entries:
        fold(progress, entry, rules, seen)
    return progress


def seen_of(entries: list[Entry]) -> Revisions:
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    return seen


def repriced(entries: list[Entry], rules: Rulebook) -> Repointing:
    made = Repointing("ada", rules, seen_of(entries))
    for entry in entries:
        made.take(entry)
    return made


def repointed(entries: list[Entry], rules: Rulebook, *, most: int) -> list[Entry]:
    """The ledger with the entries that change its points, as a job writes them."""
    entries = list(entries)
    while body := (made := repriced(entries, rules)).body(
        folded(entries, rules, seen_of(entries)).total_points, most=most
    ):
        assert made.changes_anything
        entries.append(Entry("ada", len(entries) + 1, None, 9_000, body))
        stored = msgspec.json.decode(msgspec.json.encode(entries[-1]), type=Entry)
        assert stored == entries[-1]
        after = folded(entries, rules, seen_of(entries))
        assert (after.total_points, rules.levels.level_at(after.total_points)) == (body.total_points, body.level)
    assert repriced(entries, rules).difference == 0
    return entries


@given(history=histories(AFTER), rules=other_rules(), most=st.sampled_from([1, 3, 1_000]))
@settings(**SETTINGS)
def test_events_count_as_if_the_rules_had_held_from_the_start(history: History, rules: Rulebook, most: int) -> None:
    for before, after in ((rules, AFTER), (AFTER, rules)):
        _, entries = record(history, before)
        had, _ = record(history, after)
        entries = repointed(entries, after, most=most)
        now = folded(entries, after, seen_of(entries))
        for name in ("types", "days", "languages", "language_days", "paid", "paid_at", "once"):
            assert getattr(now, name) == getattr(had, name), name
        assert all(award.points == after.badge_points[badges_of([each])[0]] for each, award in now.awards.items())
        assert now.total_points == sum(each.points for each in [*now.types.values(), *now.awards.values()])
        # What a backfill then adds is what is missing; badges that other points had brought stay.
        replay = Replay("ada", after, seen_of(entries))
        for entry in entries:
            replay.take(entry)
        assert now.awards.keys() | {each.award.badge_id for each in replay.missing} >= had.awards.keys()


@given(history=histories(AFTER), rules=other_rules(), number=st.integers(0, 59))
@settings(**SETTINGS)
def test_a_retracted_event_counts_for_nothing_before_and_after(history: History, rules: Rulebook, number: int) -> None:
    _, entries = record(history, AFTER)
    events = [entry for entry in entries if isinstance(entry.body, EventRecorded)]
    if number >= len(events):
        return
    gone = events[number]
    body = EventRetracted(gone.event_id or "", gone.seq, 0, 0, 1, "x")
    retraction = Entry("ada", len(entries) + 1, None, 9_000, body)
    first = repointed([*entries, retraction], rules, most=1_000)
    then = [*repointed(entries, rules, most=1_000)]
    then.append(replace(retraction, seq=len(then) + 1))
    left = [one for one, event in zip(history.events, events, strict=True) if event is not gone]
    never, _ = record(History(history.zones, left), rules)
    assert folded(first, rules, seen_of(first)).types == never.types
    # Once counted anew, what a limit held back because of the event stays held back until it is asked for again.
    then = repointed(then, rules, most=1_000)
    assert folded(then, rules, seen_of(then)).types == never.types
