"""Badges that may be earned again, once in each week or month. `histories.py` has some for every history, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from laurels.application.queries.badges import badge_states, held_badges, next_badges
from laurels.application.queries.rarity import NOTHING_KNOWN
from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Award, Entry, EventRecorded, EventRetracted, awards_of
from laurels.domain.periods import Timeframe, period_name, to_ms
from laurels.domain.progress import Progress
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay, retract
from laurels.domain.revisions.merging import Account, begin_merge, finish_merge, merge_event
from laurels.domain.revisions.migration import DifferencePolicy, migrate_event, migrate_user
from laurels.domain.rules.badges import awards as award_ids
from laurels.domain.rules.badges.awards import award_id_of, badge_and_period, badges_of
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import RulebookError
from laurels.rulebooks.loader import parse_rulebook

HEAD = """
name = "tests"
levels = { kind = "quadratic", step = 50 }
event_types.run = { points = 1 }
"""
BADGE = """
[[badges]]
id = "%s"
name = "Busy"
description = "Busy"
icon = "x"
category = "coding"
rarity = "common"
points = 10
%s
"""
COUNT = 'criterion = { kind = "count", event = "run", target = 2 }'
RULES = parse_rulebook(
    HEAD
    + BADGE % ("busy", f'repeat = "week"\nrevocable = true\n{COUNT}')
    + BADGE % ("far", 'criterion = { kind = "count", event = "run", target = 100 }')
    + BADGE % ("one_badge", 'criterion = { kind = "badges", target = 2 }')
)
RICH = BADGE % ("rich", 'criterion = { kind = "points", target = 20 }')
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lived(*days: int, rules: Rulebook = RULES) -> tuple[Progress, list[Entry]]:
    """A user with a run on each of these days after a Monday, as they arrive."""
    progress, entries = Progress(user_id="ada", version=rules.measures_version), list[Entry]()
    for number, day in enumerate(days, 1):
        at = to_ms(MONDAY + timedelta(days=day, minutes=number))
        event = LearningEvent(user_id="ada", event_type="run", event_id=f"e{number}")
        body = EventRecorded("run", at, advance(progress, event, at, rules))
        progress.stamp(number, at, body)
        entries.append(Entry("ada", number, f"e{number}", at, body))
    return progress, entries


def test_is_awarded_once_in_each_period_with_its_points() -> None:
    progress, entries = lived(0, 1, 2, 3, 8, 9, 20)
    assert list(progress.awards) == ["busy@2026-W48", "busy@2026-W49"]
    assert progress.total_points == 7 + 2 * 10
    given = [award.badge_id for entry in entries for award in awards_of(entry.body)]
    assert given == list(progress.awards)


def test_a_late_event_brings_the_award_of_its_own_period() -> None:
    progress, _ = lived(0, 8, 9, 1)
    assert list(progress.awards) == ["busy@2026-W49", "busy@2026-W48"]
    assert progress.awards["busy@2026-W48"].earned_at == to_ms(MONDAY + timedelta(days=1, minutes=4))


def test_is_one_badge_however_often_it_is_earned() -> None:
    progress, _ = lived(0, 1, 8, 9, 15, 16)
    assert badges_of(progress.awards) == ["busy"]
    assert "one_badge" not in progress.awards


def test_a_retraction_takes_the_award_of_its_period_alone() -> None:
    progress, entries = lived(0, 1, 8, 9)
    seen = Revisions()
    for entry in entries:
        seen.see(entry)
    seen.events.add(2)
    without = Progress(user_id="ada", version=RULES.measures_version)
    for entry in entries:
        fold(without, entry, RULES, seen)
    made = retract(progress, without, entries[1], RULES, points=1, reason="no", caller=None)
    assert isinstance(made.body, EventRetracted)
    assert [award.badge_id for award in made.body.revoked] == ["busy@2026-W48"]


def test_is_shown_once_with_its_count_and_the_progress_of_the_present_period() -> None:
    progress, _ = lived(0, 1, 8, 9, 15)
    [held] = held_badges(progress.awards.values(), RULES)
    assert (held.badge_id, held.count, held.points, held.earned_at[:10], str(held.last_earned_at)[:10]) == (
        "busy",
        2,
        20,
        "2026-11-24",
        "2026-12-02",
    )
    today = MONDAY.toordinal() + 15
    state = badge_states(progress, RULES, NOTHING_KNOWN, today)[0]
    assert (state.earned, state.count, state.current, state.target, state.repeat) == (True, 2, 1, 2, "week")
    assert [near.badge_id for near in next_badges(progress, RULES, today)] == ["busy", "one_badge", "far"]
    assert badge_states(progress, RULES, NOTHING_KNOWN, today - 7)[0].fraction == 1.0
    assert "busy" not in [near.badge_id for near in next_badges(progress, RULES, today - 7)]


def test_what_it_requires_brings_the_periods_before_as_well() -> None:
    rules = parse_rulebook(
        HEAD
        + BADGE % ("first", 'criterion = { kind = "count", event = "run", target = 5 }')
        + BADGE % ("busy", f'repeat = "week"\nrequires = ["first"]\n{COUNT}')
    )
    progress, _ = lived(0, 1, 8, 9, rules=rules)
    assert list(progress.awards) == []
    today = MONDAY.toordinal() + 9
    assert [(each.current, each.target) for each in badge_states(progress, rules, NOTHING_KNOWN, today)] == [
        (4, 5),
        (1, 2),
    ]
    progress, _ = lived(0, 1, 8, 9, 15, rules=rules)
    assert list(progress.awards) == ["first", "busy@2026-W48", "busy@2026-W49"]


def test_tiers_are_earned_again_each_by_itself() -> None:
    tiers = 'tiers = [{ id = "gold", name = "Gold", description = "g", target = 3, points = 50 }]'
    progress, _ = lived(
        0, 1, 8, 9, 10, rules=parse_rulebook(HEAD + BADGE % ("busy", f'repeat = "week"\n{tiers}\n{COUNT}'))
    )
    assert list(progress.awards) == ["busy@2026-W48", "busy@2026-W49", "busy_gold@2026-W49"]
    assert progress.total_points == 5 + 10 + 10 + 50


def test_only_the_days_from_and_until_count() -> None:
    rules = parse_rulebook(HEAD + BADGE % ("busy", f'repeat = "month"\nfrom = 2026-11-30\nuntil = 2026-12-31\n{COUNT}'))
    progress, _ = lived(5, 6, 7, 8, 9, 60, 61, rules=rules)
    assert list(progress.awards) == ["busy@2026-12"]


def test_of_different_values_no_more_is_kept_than_it_takes() -> None:
    criterion = 'criterion = { kind = "distinct", field = "language", target = 2 }'
    rules = parse_rulebook(HEAD + BADGE % ("busy", f'repeat = "week"\n{criterion}'))
    progress = Progress(user_id="ada", version=rules.measures_version)
    for day, language in ((0, "py"), (1, "py"), (2, "go"), (3, "c"), (4, "py"), (7, "go")):
        event = LearningEvent(user_id="ada", event_type="run", metadata={"language": language})
        advance(progress, event, to_ms(MONDAY + timedelta(days=day)), rules)
    first = MONDAY.toordinal()
    assert list(progress.parts.values()) == [{first: 2, first + 7: {"go"}}]
    assert list(progress.awards) == ["busy@2026-W48"]


class TestWhenTheRuleChanges:
    """A badge keeps its id, and what was earned by the rule before is held."""

    WEEKLY = parse_rulebook(HEAD + BADGE % ("busy", f'repeat = "week"\nrevocable = true\n{COUNT}'))
    MONTHLY = parse_rulebook(HEAD + BADGE % ("busy", f'repeat = "month"\nrevocable = true\n{COUNT}'))
    ONCE = parse_rulebook(
        HEAD
        + BADGE % ("busy", f"revocable = true\n{COUNT}")
        + BADGE % ("after", f'requires = ["busy"]\n{COUNT.replace("target = 2", "target = 5")}')
    )

    def missing(self, entries: list[Entry], rules: Rulebook) -> list[str]:
        seen = Revisions()
        for entry in entries:
            seen.see(entry)
        replay = Replay("ada", rules, seen)
        for entry in entries:
            replay.take(entry)
        return [each.award.badge_id for each in replay.missing]

    def folded(self, entries: list[Entry], rules: Rulebook, *, without: int | None = None) -> Progress:
        seen = Revisions()
        for entry in entries:
            seen.see(entry)
        if without is not None:
            seen.events.add(without)
        progress = Progress(user_id="ada", version=rules.measures_version)
        for entry in entries:
            fold(progress, entry, rules, seen)
        return progress

    def test_one_that_is_earned_once_from_now_on_is_not_earned_again(self) -> None:
        _, entries = lived(0, 1, 8, 9, rules=self.WEEKLY)
        assert self.missing(entries, self.ONCE) == []
        progress = self.folded(entries, self.ONCE)
        at = to_ms(MONDAY + timedelta(days=20))
        outcome = advance(progress, LearningEvent(user_id="ada", event_type="run"), at, self.ONCE)
        assert [award.badge_id for award in outcome.awards] == ["after"]
        state = badge_states(progress, self.ONCE, NOTHING_KNOWN, MONDAY.toordinal())[0]
        assert (state.earned, state.count, state.fraction, state.points) == (True, 2, 1.0, 20)
        assert "busy" not in [near.badge_id for near in next_badges(progress, self.ONCE, MONDAY.toordinal())]

    def test_a_replay_does_not_count_it_once_more(self) -> None:
        # Two runs of two weeks are enough for it now, a run before it was earned by two of one week.
        _, entries = lived(0, 7, 8, rules=self.WEEKLY)
        rules = parse_rulebook(
            HEAD + BADGE % ("busy", COUNT) + RICH + BADGE % ("after", f'requires = ["busy"]\n{COUNT}')
        )
        # With the award of W49 there are 13 points, and 23 with what "after" brings.
        assert self.missing(entries, rules) == ["after", "rich"]
        assert self.missing(entries, parse_rulebook(HEAD + BADGE % ("busy", COUNT) + RICH)) == []

    def test_one_that_may_be_earned_again_from_now_on_pays_what_it_pays_now(self) -> None:
        _, entries = lived(0, 7, 8, rules=self.ONCE)
        dearer = parse_rulebook(
            HEAD + BADGE.replace("points = 10", "points = 25") % ("busy", f'repeat = "week"\n{COUNT}')
        )
        assert self.missing(entries, dearer) == ["busy@2026-W49"]
        seen = Revisions()
        for entry in entries:
            seen.see(entry)
        assert {each: held.points for each, held in seen.held.items()} == {"busy": 10}
        held = {each: Award(each, points, 0) for each, points in (("busy", 10), ("busy@2026-W48", 5))}
        assert dearer.badge_pay_with(held).points == {"busy": 25, "busy@2026-W48": 5}

    def test_a_retraction_leaves_awards_of_other_periods_than_it_has_now(self) -> None:
        _, entries = lived(0, 1, 8, 9, rules=self.WEEKLY)
        for rules in (self.MONTHLY, self.ONCE):
            progress, without = (self.folded(entries, rules, without=each) for each in (None, 1))
            made = retract(progress, without, entries[0], rules, points=1, reason="no", caller=None)
            assert isinstance(made.body, EventRetracted)
            assert made.body.revoked == []


def test_another_system_paid_for_it_once_and_its_periods_bring_nothing() -> None:
    progress, pays = Progress(user_id="ada", version=RULES.measures_version), {"busy": 40}
    brought: list[tuple[str, int]] = []
    for number, day in enumerate((0, 1, 8, 9)):
        at = to_ms(MONDAY + timedelta(days=day))
        event = LearningEvent(user_id="ada", event_type="run", event_id=f"e{number}")
        outcome = migrate_event(progress, event, at, 3, pays, RULES)
        brought += [(award.badge_id, award.points) for award in outcome.awards]
    assert brought == [("busy@2026-W48", 0), ("busy@2026-W49", 0)]
    body = migrate_user(
        progress,
        origin="older",
        at=to_ms(MONDAY),
        stored_total=52,
        event_points=12,
        pays=pays,
        differences=DifferencePolicy.KEEP,
        rulebook=RULES,
    )
    assert body is not None
    assert [(award.badge_id, award.points) for award in body.awards] == [("busy", 40)]
    assert (body.adjustment, progress.total_points) == (0, 52)
    assert badges_of(progress.awards) == ["busy"]


def test_two_halves_of_a_week_make_an_award_when_their_users_are_merged() -> None:
    rules = RULES
    into, _ = lived(0, 8, 9, rules=rules)
    _, entries = lived(2, 10, 11, rules=rules)
    account = Account("other")
    for entry in entries:
        account.see(entry)
    begin_merge(into, account, rules, reason="x", caller=None)
    brought: list[tuple[str, int]] = []
    for entry in entries:
        body = entry.body
        assert isinstance(body, EventRecorded)
        points, currencies, by = account.kept(entry.seq, body)
        outcome = merge_event(
            into,
            LearningEvent(user_id="ada", event_type="run"),
            body.at,
            rules,
            offset=0,
            grace=0,
            points=points,
            currencies=currencies,
            rules=by,
            pays=account.awards,
        )
        brought += [(award.badge_id, award.points) for award in outcome.awards]
    done = finish_merge(into, account, rules, reason="x", caller=None)
    assert done is not None
    assert (brought, done.awards) == ([("busy@2026-W48", 10)], [])
    assert sorted(into.awards) == ["busy@2026-W48", "busy@2026-W49"]


@pytest.mark.parametrize(
    ("badges", "key"),
    [
        (BADGE % ("b", 'repeat = "week"\ncriterion = { kind = "points", target = 2 }'), "badges[0].repeat"),
        (BADGE % ("b", 'repeat = "week"\ncriterion = { kind = "streak", target = 2 }'), "badges[0].repeat"),
        (
            BADGE % ("b", 'repeat = "week"\ncriterion = { kind = "count", per = "day", target = 2 }'),
            "badges[0].criterion.per",
        ),
        (
            BADGE % ("b", f'repeat = "week"\n{COUNT}') + BADGE % ("c", f'requires = ["b"]\n{COUNT}'),
            "badges[1].requires[0]",
        ),
        (
            BADGE % ("b", 'repeat = "week"\ncriterion = { kind = "distinct", field = "day", target = 8 }'),
            "badges[0].criterion",
        ),
        (BADGE % ("b", f'repeat = "day"\n{COUNT}'), "badges[0].repeat"),
    ],
)
def test_what_cannot_be_earned_again_is_refused(badges: str, key: str) -> None:
    with pytest.raises(RulebookError) as refused:
        parse_rulebook(HEAD + badges)
    assert key in str(refused.value)


def test_a_period_is_named_once_for_all_badges(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[int] = []

    def counted(timeframe: Timeframe, day: int) -> str:
        named.append(day)
        return period_name(timeframe, day)

    monkeypatch.setattr(award_ids, "period_name", counted)
    # Weeks that no other test has.
    weeks = [900_000 + 7 * number for number in range(40)]
    ids = {award_id_of(f"badge {number}", "week", day) for number in range(20) for day in weeks}
    assert (len(ids), named) == (20 * 40, weeks)


def test_only_what_ends_in_a_period_is_an_award_in_one() -> None:
    assert badge_and_period("busy@2026-W48") == ("busy", "2026-W48")
    assert badge_and_period("busy@2026-11") == ("busy", "2026-11")
    assert badge_and_period("someone@example.org") == ("someone@example.org", None)
    assert badge_and_period("busy@2026-11-23") == ("busy@2026-11-23", None)
    assert badge_and_period("busy\n@week@2026-11") == ("busy\n@week", "2026-11")
    for other in ("@2026-11", "busy@", "busy@2026-11\n", "@", "busy@2026-W4"):
        assert badge_and_period(other) == (other, None)
