"""How entries and events change a progress.

Live recording and replay share one function, `observe_event`, so the engine's decisions and a rebuild cannot drift
apart. With a table `[streak]` in the rulebook it counts streaks by `rules/streak_count.py`, else by `_run_with` and
`runs.py`. Changes by later entries are in `revised.py`.
"""

from __future__ import annotations

from typing import Any

from laurels.domain.currency_days import count_into_day, keep_day_of, keep_days_until
from laurels.domain.ledger.amounts import NONE, Amounts
from laurels.domain.ledger.entries import (
    Award,
    BadgeRevoked,
    BadgesGiven,
    CurrencySpent,
    Entry,
    EventRecorded,
    EventRetracted,
    MergedFrom,
    MergedInto,
    ProfileChanged,
    Repointed,
    StreakRepaired,
    UserMigrated,
    awards_of,
    repairs_of,
)
from laurels.domain.ledger.repairs import Repair
from laurels.domain.periods import day_of, hour_of
from laurels.domain.progress import BoardDay, DayTotals, Progress, TypeTotals
from laurels.domain.revised import NO_REVISIONS, Revisions
from laurels.domain.rules.badges.awards import is_only_award
from laurels.domain.rules.badges.criteria import moment_in
from laurels.domain.rules.earning_limits import remember_payment
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.runs import run_through

# The maximum number of languages counted for one user. Nobody uses as many; more would slow down each read and write of
# that user.
MOST_LANGUAGES = 1_000
# Languages in which one user stands on boards, where all languages have some: the first that they used. Each is a line
# for each day, week and month, and all of them are written at once when the user leaves the boards.
MOST_BOARD_LANGUAGES = 100


def _count(languages: dict[str, int], language: str) -> None:
    """Count an event in a language. Beyond MOST_LANGUAGES only the first ones by name are kept: these are the same in
    any order of events, and each of them has a complete count."""
    languages[language] = languages.get(language, 0) + 1
    if len(languages) > MOST_LANGUAGES:
        del languages[max(languages)]


def fold(progress: Progress, entry: Entry, rulebook: Rulebook, revisions: Revisions = NO_REVISIONS) -> None:
    """Fold one entry of the ledger: its recorded facts, whatever the present rules would decide.

    The entry must be the next one of this user (`seq` + 1). Values in `revisions` replace those of the entry; to fold a
    revision (`is_revision`) they must hold everything that it takes back, from the first entry on.
    """
    body = entry.body
    progress.stamp(entry.seq, entry.recorded_at, body)
    match body:
        case EventRecorded():
            _fold_event(progress, entry, body, rulebook, revisions)
        case UserMigrated():
            progress.migrate(body)
            _take_awards(progress, entry, rulebook, revisions)
            adjust(progress, body.adjustment, rulebook)
        case BadgesGiven():
            given = {award.badge_id for award in body.awards}
            progress.revoked = [badge_id for badge_id in progress.revoked if badge_id not in given]
            _take_awards(progress, entry, rulebook, revisions)
        case BadgeRevoked():
            progress.revoked = sorted({*progress.revoked, body.award.badge_id})
        case ProfileChanged():
            progress.set_profile(body)
        case CurrencySpent():
            progress.spend(((body.currency, body.amount),))
        case MergedFrom():
            progress.merge(body)
            _take_awards(progress, entry, rulebook, revisions)
            take_repairs(progress, entry, rulebook, revisions)
        case StreakRepaired():
            take_repairs(progress, entry, rulebook, revisions)
            _take_awards(progress, entry, rulebook, revisions)
        case MergedInto():
            progress.close(body)
        case Repointed():
            keep_days_until(progress, body, rulebook)
        case EventRetracted():
            # All of its content is in `revisions`.
            pass


def _fold_event(
    progress: Progress, entry: Entry, body: EventRecorded, rulebook: Rulebook, revisions: Revisions
) -> None:
    outcome = body.outcome
    if entry.seq in revisions.events:
        _leave_out(progress, body, rulebook)
    else:
        observe_event(
            progress,
            event_type=body.event_type,
            metadata=body.metadata,
            at=body.at,
            offset=outcome.offset,
            grace=outcome.grace,
            points=revisions.points_of(entry.seq, body),
            rulebook=rulebook,
            once_key=body.once_key,
            currencies=revisions.currencies_of(entry.seq, body),
        )
    if outcome.currencies:
        keep_day_of(progress, outcome.currencies, body.at, rulebook)
    if outcome.awards:
        _take_awards(progress, entry, rulebook, revisions)


def _take_awards(progress: Progress, entry: Entry, rulebook: Rulebook, revisions: Revisions) -> None:
    is_dated = not isinstance(entry.body, UserMigrated)
    if revisions is NO_REVISIONS:
        # Nearly always: `hold` then also counts what the awards gave into its day.
        for award in awards_of(entry.body):
            hold(progress, award, rulebook, is_dated=is_dated)
        return
    for award in awards_of(entry.body):
        if (entry.seq, award.badge_id) not in revisions.awards:
            hold(progress, revisions.award_of(entry.seq, award), rulebook, is_dated=is_dated)
        elif is_dated:
            # See `_leave_out`.
            _board_day(progress, award.earned_at, rulebook)
        if is_dated:
            keep_day_of(progress, award.currencies, award.earned_at, rulebook)


def _leave_out(progress: Progress, body: EventRecorded, rulebook: Rulebook) -> None:
    """A retracted event leaves only empty days of the boards: their lines, which may have been written, are then
    overwritten by lines that nobody sees."""
    _board_day(progress, body.at, rulebook)
    language = body.metadata.get("language")
    if language is not None and _has_boards(progress, language, rulebook):
        progress.language_days.setdefault(language, {}).setdefault(rulebook.board_day(body.at), BoardDay())


def observe_event(
    progress: Progress,
    *,
    event_type: str,
    metadata: dict[str, Any],
    at: int,
    offset: int,
    points: int,
    rulebook: Rulebook,
    grace: int = 0,
    once_key: str | None = None,
    currencies: Amounts = NONE,
) -> list[int]:
    """Count one event, without its awards. Returns the rulebook positions of the badges that it may bring: those with a
    measure that passed a target."""
    progress.events += 1
    before = progress.last_active_at
    progress.last_active_at = at if before is None or at > before else before
    totals = progress.types.get(event_type)
    if totals is None:
        totals = progress.types[event_type] = TypeTotals()
    totals.count += 1
    totals.points += points
    language = metadata.get("language")
    if language is not None:
        _count(progress.languages, language)
        if rulebook.has_language_boards and _has_boards(progress, language, rulebook):
            _count_language(progress, language, points, at, rulebook)

    day = day_of(at, offset, grace)
    if currencies:
        progress.earn(currencies)
        if rulebook.board_currencies:
            count_into_day(progress, currencies, at, rulebook, events=1)
    if (points or currencies) and (once_key is not None or event_type in rulebook.limited):
        remember_payment(
            progress, event_type, rulebook.limited.get(event_type), points, at=at, day=day, once_key=once_key
        )
    reached: list[int] = []
    active = _count_day(progress, day, points, rulebook, reached)
    board_day = _board_day(progress, at, rulebook)
    board_day.events += 1
    if points:
        _earn(progress, points, at, board_day, rulebook, reached)

    moment = moment_in(day, hour_of(at, offset))
    updates = rulebook.measure_updates.get(event_type)
    if updates is not None:
        for update in updates:
            update(progress, metadata, moment, reached)
        hour = 1 << moment.hour
        if not active.hours & hour:
            active.hours |= hour
            for update in rulebook.hourly_updates[24 * (moment.weekday - 1) + moment.hour]:
                update(progress, metadata, moment, reached)
    return reached


def _count_day(progress: Progress, day: int, points: int, rulebook: Rulebook, reached: list[int]) -> DayTotals:
    """Count an event into its day, and the day into the streak."""
    streak = rulebook.streak
    active = progress.days.get(day)
    if active is None:
        if streak is None:
            _lengthen(progress, _run_with(progress, day), rulebook, reached)
        _open_day(progress, day, rulebook, reached)
        active = progress.days[day] = DayTotals()
    active.events += 1
    active.points += points
    if progress.repairs:
        progress.settle_repairs()
    if streak is not None and streak.is_reached(active, points):
        _lengthen(progress, streak.take(progress, day), rulebook, reached)
    return active


def hold(progress: Progress, award: Award, rulebook: Rulebook, *, is_dated: bool = True) -> list[int]:
    """Fold an award, with its points and currencies. Returns the badges that its points may bring.

    The points of an undated award count only in the all-time period of the boards.
    """
    progress.awards[award.badge_id] = award
    if award.currencies:
        progress.earn(award.currencies)
        if is_dated and rulebook.board_currencies:
            count_into_day(progress, award.currencies, award.earned_at, rulebook)
    reached: list[int] = []
    if not is_dated:
        reached += adjust(progress, award.points, rulebook)
    else:
        board_day = _board_day(progress, award.earned_at, rulebook)
        if award.points:
            _earn(progress, award.points, award.earned_at, board_day, rulebook, reached)
    badge = rulebook.badge(award.badge_id)
    if badge is None:
        return reached
    measures = rulebook.badge_measures[badge.id]
    if measures and is_only_award(progress, award.badge_id):
        measure_values = progress.measure_values
        for measure in measures:
            held = measure_values[measure.index] = measure_values.get(measure.index, 0) + 1
            if held in measure.badges_at:
                reached += measure.badges_at[held]
    if badge.id in rulebook.dependents:
        reached += rulebook.dependents[badge.id]
    return reached


def adjust(progress: Progress, points: int, rulebook: Rulebook) -> list[int]:
    """Change the total by points that belong to no day. Returns the badges that they may bring."""
    before = progress.earned_points
    progress.total_points += points
    return list(rulebook.points_targets.crossed(before, before + points))


def take_repairs(
    progress: Progress, entry: Entry, rulebook: Rulebook, revisions: Revisions = NO_REVISIONS
) -> list[int]:
    """Fold the repairs of an entry. Returns the badges that the longer streak may bring."""
    reached: list[int] = []
    for repair in repairs_of(entry):
        if repair.id not in revisions.undone:
            reached += take_repair(progress, repair, rulebook)
    return reached


def take_repair(progress: Progress, repair: Repair, rulebook: Rulebook) -> list[int]:
    """Fold a repair, unless its price cannot be paid any more, because an event that had brought points was retracted
    since. Returns the badges that the longer streak may bring."""
    if progress.total_points < repair.price and not progress.fills(repair):
        return []
    progress.repairs = [*progress.repairs, repair]
    progress.settle_repairs()
    progress.runs = []
    reached: list[int] = []
    if rulebook.streak is not None and progress.days:
        longest = rulebook.streak.longest_of(progress, progress.first_day, progress.last_day)
        _lengthen(progress, longest, rulebook, reached)
    return reached


def _lengthen(progress: Progress, run: int, rulebook: Rulebook, reached: list[int]) -> None:
    if run > progress.longest_streak:
        for measure in rulebook.streak_measures:
            reached += measure.crossed(progress.longest_streak, run)
        progress.longest_streak = run


def _open_day(progress: Progress, day: int, rulebook: Rulebook, reached: list[int]) -> None:
    before = progress.last_day - progress.first_day
    if not progress.days:
        progress.first_day = progress.last_day = day
    elif day < progress.first_day:
        progress.first_day = day
    elif day > progress.last_day:
        progress.last_day = day
    after = progress.last_day - progress.first_day
    if after > before:
        for measure in rulebook.span_measures:
            reached += measure.crossed(before, after)


def _run_with(progress: Progress, day: int) -> int:
    """Length of the run that a newly active `day` belongs to, for rulebooks without a table `[streak]`. Days usually
    follow each other: then no walk is needed."""
    if not progress.days or day > progress.last_day:
        if not progress.days or day != progress.last_day + 1:
            progress.run_first = day
        return day - progress.run_first + 1
    run = run_through(progress.days, day)
    if day == progress.run_first - 1:
        progress.run_first = progress.last_day - run + 1
    return run


def _board_day(progress: Progress, at: int, rulebook: Rulebook) -> BoardDay:
    day = rulebook.board_day(at)
    found = progress.board_days.get(day)
    if found is None:
        found = progress.board_days[day] = BoardDay()
    return found


def _has_boards(progress: Progress, language: str, rulebook: Rulebook) -> bool:
    """Whether a user's events in a language count on boards of its own."""
    if not rulebook.keeps_language(language):
        return False
    held = progress.language_days
    return rulebook.board_languages is not None or language in held or len(held) < MOST_BOARD_LANGUAGES


def _count_language(progress: Progress, language: str, points: int, at: int, rulebook: Rulebook) -> None:
    days = progress.language_days.setdefault(language, {})
    held = days.setdefault(rulebook.board_day(at), BoardDay())
    held.events += 1
    if points:
        held.points += points
        held.reached_at = max(held.reached_at, at)


def _earn(
    progress: Progress, points: int, at: int, board_day: BoardDay, rulebook: Rulebook, reached: list[int]
) -> None:
    board_day.points += points
    board_day.reached_at = max(board_day.reached_at, at)
    # Equals `earned_points`, without the call.
    before = progress.total_points + progress.spent
    progress.total_points += points
    reached += rulebook.points_targets.crossed(before, before + points)
