"""Boards of currencies: lines that are what was earned, whatever was spent, and that follow from the ledger alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laurels.application.recording.projecting.pending_projections import (
    PendingProjections,
    days_touched,
    languages_touched,
)
from laurels.application.recording.projecting.standings import standings_of
from laurels.domain.boards.ranking import Standing
from laurels.domain.ledger.entries import EventRecorded, awards_of
from laurels.domain.periods import board_name, period_of_board
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from laurels.storage.packing import pack, unpack
from laurels.testing.builders import small_rulebook
from tests.domain.test_currencies import COINS, GEMS, PLAIN, SETTINGS, Ledger

BOARD = COINS + "board = true\n"
RULES = parse_rulebook(PLAIN + BOARD + GEMS)
OTHERS = {
    "less": parse_rulebook(PLAIN + BOARD.replace("read = 3", "read = 1").replace("third = 20", "third = 5")),
    # Nothing that is read gives coins any more, and what is asked never did.
    "none": parse_rulebook(PLAIN + BOARD.replace("read = 3, ", "").replace("first = 10, ", "")),
    "book": RULES,
}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.sampled_from(["read", "ask", "look"]), st.integers(0, 90)),
        st.tuples(st.just("record"), st.sampled_from(["read", "ask", "look"]), st.integers(0, 90)),
        st.tuples(st.just("spend"), st.just("coins"), st.integers(1, 25)),
        st.tuples(st.just("retract"), st.just(""), st.integers(0, 30)),
        st.tuples(st.just("repoint"), st.sampled_from(sorted(OTHERS)), st.just(0)),
    ),
    max_size=25,
)


class Projected:
    """The lines that a projector has written which comes by after each entry."""

    def __init__(self, book: Ledger) -> None:
        self.book = book
        self.lines: dict[str, Standing] = {}
        self._seen = 0

    def look(self) -> None:
        progress, rules = self.book.progress, self.book.rules
        pending = PendingProjections()
        for entry in self.book.entries[self._seen :]:
            pending.add("ada", days_touched(progress, entry, rules), languages_touched(entry))
        self._seen = len(self.book.entries)
        for _, touched in pending.take(1):
            if touched.days:
                self.lines |= standings_of(progress, rules, touched.days, languages=touched.languages)


def do(book: Ledger, what: str, name: str, number: int) -> None:
    match what:
        case "record":
            book.record(name, number)
        case "spend":
            book.spend(name, number)
        case "repoint":
            book.repoint(OTHERS[name])
        case _:
            gone = book.seen().events
            events = [each for each in book.entries if isinstance(each.body, EventRecorded) and each.seq not in gone]
            if events:
                book.retract(events[number % len(events)])


def earned(book: Ledger) -> Counter[str]:
    """What each board shows, by the lines of the ledger alone."""
    found: Counter[str] = Counter()
    seen = book.seen()
    for entry in book.entries:
        body = entry.body
        given = [
            (award.earned_at, seen.award_of(entry.seq, award).currencies)
            for award in awards_of(body)
            if (entry.seq, award.badge_id) not in seen.awards
        ]
        if isinstance(body, EventRecorded) and entry.seq not in seen.events:
            given.append((body.at, seen.currencies_of(entry.seq, body)))
        for at, amounts in given:
            for board in standings_of_day(book, book.rules.board_day(at)):
                found[board] += dict(amounts).get("coins", 0)
    return +found


def standings_of_day(book: Ledger, day: int) -> list[str]:
    """The boards of coins that a day belongs to."""
    lines = standings_of(book.progress, book.rules, [day])
    return [board_name(name, currency="coins") for name in lines if period_of_board(name) == name]


@given(STEPS)
@example([("repoint", "none", 0), ("record", "read", 0), ("repoint", "book", 0), ("repoint", "none", 0)])
@settings(**SETTINGS)
def test_lines_are_what_was_earned_and_follow_from_the_ledger(steps: list[tuple[str, str, int]]) -> None:
    book = Ledger(RULES)
    projected = Projected(book)
    for step in steps:
        do(book, *step)
        projected.look()
    folded = book.folded()
    assert folded.purses == book.progress.purses
    assert unpack(pack(book.progress), book.progress.user_id, book.progress.version) == book.progress
    lines = standings_of(folded, book.rules)
    assert projected.lines == lines
    shown = {name: line.points for name, line in lines.items() if line.is_shown and name.endswith("+coins")}
    assert Counter(shown) == earned(book)
    assert not any(name.endswith("+gems") for name in lines)


@given(STEPS)
@settings(**SETTINGS)
def test_coins_given_afterwards_are_those_given_from_the_start(steps: list[tuple[str, str, int]]) -> None:
    late, early = Ledger(OTHERS["none"]), Ledger(RULES)
    for what, name, number in steps:
        if what in ("record", "retract"):
            do(late, what, name, number)
            do(early, what, name, number)
    late.repoint(RULES)
    assert coins(late) == coins(early)


def coins(book: Ledger) -> dict[str, tuple[int, int, int]]:
    lines = standings_of(book.progress, book.rules).items()
    return {
        name: (line.points, line.events, line.reached_at)
        for name, line in lines
        if name.endswith("+coins") and line.is_shown
    }


def test_spending_moves_nobody() -> None:
    book = Ledger(RULES)
    book.record("read")
    before = standings_of(book.progress, RULES)
    assert before["all+coins"].points == before["2026-07+coins"].points == 13
    assert book.spend("coins", 13)
    assert days_touched(book.progress, book.entries[-1], RULES) == ()
    assert standings_of(book.progress, RULES) == before


def test_only_currencies_that_say_so_cost_anything() -> None:
    plain, same = small_rulebook(), small_rulebook(currencies={"coins": {"name": "Coins", "events": {"run": 1}}})
    assert plain.measures_version == same.measures_version
    kept = small_rulebook(currencies={"coins": {"name": "Coins", "events": {"run": 1}, "board": True}})
    # Points and prices are decided as before; what is folded is not the same.
    assert (kept.fingerprint, kept.measures_version != same.measures_version) == (same.fingerprint, True)
    book = Ledger(parse_rulebook(PLAIN + COINS))
    book.record("read")
    assert book.progress.purses["coins"].days == {}


@pytest.mark.parametrize(("board", "kept"), [("2026-07-01+coins", False), ("2026-07+coins", True), ("all+coins", True)])
def test_boards_of_days_are_dropped_as_those_of_points(board: str, kept: Any) -> None:
    day = RULES.board_day(1_783_000_000_000)
    assert RetentionCutoff(day + 60, day + 60).keeps_board(board) is kept


def test_no_language_has_the_name_of_a_currency() -> None:
    assert board_name("all", "+coins") != board_name("all", currency="coins")
    assert period_of_board(board_name("2026-07", "c+coins")) == period_of_board("2026-07+coins") == "2026-07"


def test_a_published_rulebook_says_it_as_well() -> None:
    assert Rulebook.of_json(RULES.as_json).board_currencies == {"coins"}
    assert msgspec.json.decode(RULES.as_json)["currencies"]["coins"]["board"] is True
