"""What each day brought of a currency that has boards: counted by the fold, as points are, and kept in purses.

A day stays, empty, when what it brought was taken back or counted anew: its lines on the boards, which may have been
written, are then written anew as lines that nobody sees. Currencies without boards have no days.
"""

from __future__ import annotations

from laurels.domain.ledger.amounts import Amounts
from laurels.domain.ledger.entries import Repointed
from laurels.domain.progress import BoardDay, Progress, Purse
from laurels.domain.rules.rulebook import Rulebook


def count_into_day(progress: Progress, given: Amounts, at: int, rulebook: Rulebook, *, events: int = 0) -> None:
    """Count what `events` events, or a badge, gave at an instant."""
    for currency, amount in given:
        if currency in rulebook.board_currencies:
            held = _day(progress, currency, rulebook.board_day(at))
            held.events += events
            held.points += amount
            held.reached_at = max(held.reached_at, at)


def keep_day_of(progress: Progress, given: Amounts, at: int, rulebook: Rulebook) -> None:
    """Have the days there of what an entry says was given, though it may have been taken back since."""
    for currency, _amount in given:
        if currency in rulebook.board_currencies:
            _day(progress, currency, rulebook.board_day(at))


def keep_days_until(progress: Progress, body: Repointed, rulebook: Rulebook) -> None:
    """Have all days there up to an entry that counts anew what was given: a later one may take it all."""
    if body.event_currencies or body.badge_currencies:
        for currency in rulebook.board_currencies:
            for day in progress.board_days:
                _day(progress, currency, day)


def _day(progress: Progress, currency: str, day: int) -> BoardDay:
    return progress.purses.setdefault(currency, Purse()).days.setdefault(day, BoardDay())
