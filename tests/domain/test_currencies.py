"""Currencies: what is earned, spent, taken back and moved, against sums of the ledger's lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import fold
from laurels.domain.ledger.amounts import Amounts, sum_of
from laurels.domain.ledger.entries import CurrencySpent, Entry, EntryBody, EventRecorded, MergedFrom, currencies_of
from laurels.domain.progress import Progress, Purse
from laurels.domain.revised import Revisions
from laurels.domain.revisions.amendments import Replay, backfill, retract
from laurels.domain.revisions.merging import Account, close_ledger, finish_merge, merge_event
from laurels.domain.revisions.repointing import Repointing
from laurels.domain.rules.rulebook import Rulebook
from laurels.rulebooks.loader import parse_rulebook
from laurels.storage.packing import pack, unpack
from tests.domain.histories import ms
from tests.examples import share_of

BADGE = (
    '[[badges]]\nid = "%s"\nname = "B"\ndescription = "B."\nicon = "B"\ncategory = "learning"\nrarity = "common"\n'
    'points = 1\nrevocable = %s\ncriterion = { kind = "count", event = "read", target = %d }\n'
)
PLAIN = (
    """
name = "book"
levels = { kind = "quadratic", step = 50 }
event_types.read = { points = 2 }
event_types.ask = { points = 1, max_per_day = 2 }
event_types.look = { points = 0, cooldown = 3600 }
"""
    + BADGE % ("first", "true", 1)
    + BADGE % ("third", "false", 3)
)
COINS = (
    '[currencies.coins]\nname = "Coins"\nevents = { read = 3, ask = 5, look = 1 }\n'
    "badges = { first = 10, third = 20 }\n"
)
GEMS = '[currencies.gems]\nname = "Gems"\nevents = { read = 1 }\nbadges = { third = 2 }\n'
BOOK = parse_rulebook(PLAIN + COINS + GEMS)
OTHER = parse_rulebook(PLAIN + COINS.replace("read = 3", "read = 1").replace("third = 20", "third = 5"))
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)
SETTINGS: dict[str, Any] = {"deadline": None, "phases": set(Phase) - {Phase.explain}, "max_examples": share_of(33)}


def _repacked(progress: Progress) -> Progress:
    return unpack(pack(progress), progress.user_id, progress.version)


class Ledger:
    """A user's ledger, written as it is while a service runs; `progress` is the live one."""

    def __init__(self, rules: Rulebook = BOOK, user_id: str = "ada") -> None:
        self.rules = rules
        self.entries: list[Entry] = []
        self.progress = Progress(user_id=user_id, version=rules.measures_version)

    def add(self, body: EntryBody, event_id: str | None = None) -> None:
        self.entries.append(Entry(self.progress.user_id, len(self.entries) + 1, event_id, 9_000, body))
        self.progress.stamp(len(self.entries), 9_000, body)

    def record(self, kind: str, hours: float = 0, **fields: Any) -> Amounts:
        at = ms(NOON + timedelta(hours=hours))
        outcome = advance(self.progress, LearningEvent(user_id="ada", event_type=kind, **fields), at, self.rules)
        self.add(EventRecorded(kind, at, outcome, once_key=fields.get("once_key")), f"e{len(self.entries)}")
        return outcome.currencies

    def spend(self, currency: str, amount: int) -> bool:
        balance = self.progress.purses.get(currency, Purse()).balance
        if balance < amount:
            return False
        self.progress.spend(((currency, amount),))
        self.add(CurrencySpent(currency, amount, balance - amount, self.progress.total_points, 1, "a hat"))
        return True

    def retract(self, event: Entry) -> None:
        body = event.body
        assert isinstance(body, EventRecorded)
        seen = self.seen()
        points, currencies = seen.points_of(event.seq, body), seen.currencies_of(event.seq, body)
        seen.events.add(event.seq)
        made = retract(
            self.progress,
            self.folded(seen),
            event,
            self.rules,
            points=points,
            currencies=currencies,
            reason="no",
            caller=None,
        )
        self.add(made.body)
        self.progress = self.folded()

    def repoint(self, rules: Rulebook) -> None:
        self.rules = rules
        repointing = Repointing("ada", rules, self.seen())
        for entry in self.entries:
            repointing.take(entry)
        if body := repointing.body(self.progress.total_points):
            self.add(body)
            self.progress = self.folded()

    def seen(self) -> Revisions:
        seen = Revisions()
        for entry in self.entries:
            seen.see(entry)
        return seen

    def folded(self, seen: Revisions | None = None) -> Progress:
        """The progress of all entries, from the first one on."""
        seen = self.seen() if seen is None else seen
        progress = Progress(user_id=self.progress.user_id, version=self.rules.measures_version)
        for entry in self.entries:
            fold(progress, entry, self.rules, seen)
        return progress

    @property
    def lines(self) -> Amounts:
        """What the lines of the ledger add up to."""
        return sum_of(currencies_of(entry.body) for entry in self.entries)

    def purse(self, currency: str = "coins") -> tuple[int, int, int]:
        held = self.progress.purses.get(currency, Purse())
        return held.balance, held.earned, held.spent


class TestWhatIsGiven:
    def test_by_events_and_badges_beside_points(self) -> None:
        book = Ledger()
        assert book.record("read") == (("coins", 3), ("gems", 1))
        assert book.purse() == (13, 13, 0)
        book.record("read")
        book.record("read")
        assert (book.purse(), book.purse("gems")) == ((39, 39, 0), (5, 5, 0))
        assert book.progress.total_points == 3 * 2 + 2

    def test_nothing_where_a_limit_leaves_no_points(self) -> None:
        book = Ledger()
        assert [book.record("ask", hour) for hour in range(3)] == [(("coins", 5),)] * 2 + [()]
        assert [book.record("read", once_key="task") for _ in range(2)] == [(("coins", 3), ("gems", 1)), ()]
        # Limits hold for events without points as well, where these give a currency.
        assert [book.record("look", hour) for hour in (0, 0.5, 2)] == [(("coins", 1),), (), (("coins", 1),)]
        assert book.folded() == book.progress

    def test_an_entry_and_a_snapshot_without_currencies_are_as_they_were(self) -> None:
        plain = Ledger(parse_rulebook(PLAIN))
        for _ in range(3):
            plain.record("read")
        assert b"urrenc" not in b"".join(msgspec.json.encode(entry.body) for entry in plain.entries)
        packed = msgspec.msgpack.decode(pack(plain.progress)[1:])
        # Neither purses nor anything else that is rare, and each award with its three parts.
        assert isinstance(packed[-1], dict)
        awards = next(each for each in packed if isinstance(each, list) and each)
        assert [len(award) for award in awards] == [3, 3]
        assert _repacked(plain.progress) == plain.progress


class TestTakingBack:
    def test_what_was_spent_is_owed_and_the_balance_is_never_below_zero(self) -> None:
        book = Ledger()
        book.record("ask")
        book.record("ask", 1)
        assert book.spend("coins", 8)
        assert not book.spend("coins", 3)
        book.retract(book.entries[0])
        assert (book.purse(), book.progress.purses["coins"].owed) == ((0, 5, 8), 3)
        assert not book.spend("coins", 1)
        # What is earned next goes there first.
        book.record("ask", 48)
        assert book.purse() == (2, 10, 8)
        assert book.lines == (("coins", 2),)

    def test_revocable_badges_go_with_what_they_gave(self) -> None:
        book = Ledger()
        book.record("read")
        book.retract(book.entries[0])
        assert (book.progress.purses, book.lines) == ({}, ())

    def test_other_rules_count_the_past_anew_and_back(self) -> None:
        book = Ledger()
        for hour in range(3):
            book.record("read", hour)
        book.spend("gems", 4)
        before = book.progress.purses
        book.repoint(OTHER)
        assert (book.purse(), book.purse("gems")) == ((3 * 1 + 10 + 5,) * 2 + (0,), (0, 0, 4))
        book.repoint(BOOK)
        assert book.progress.purses == before
        assert book.lines == book.progress.left

    def test_a_backfill_gives_what_the_badge_gives_then(self) -> None:
        book = Ledger(parse_rulebook(PLAIN.replace("target = 3", "target = 9")))
        for hour in range(3):
            book.record("read", hour)
        book.rules = BOOK
        replay = Replay("ada", BOOK, book.seen())
        for entry in book.entries:
            replay.take(entry)
        book.add(backfill(book.progress, replay.missing, BOOK, "none"))
        assert (book.purse(), book.purse("gems")) == ((20, 20, 0), (2, 2, 0))
        assert book.folded().purses == book.progress.purses


def test_a_merge_moves_what_was_earned_and_what_was_spent() -> None:
    source, into = Ledger(), Ledger(user_id="into")
    for hour in range(3):
        source.record("read", hour)
    source.spend("coins", 30)
    source.retract(source.entries[0])
    into.record("read", 9)
    account = Account("ada")
    for entry in source.entries:
        account.see(entry)
    left = source.progress.left
    closing = close_ledger(source.progress, "into", BOOK, reason="x", caller=None)
    assert closing.currencies == left
    source.add(closing)
    assert (source.lines, source.progress.purses) == ((), {})
    for entry in source.entries:
        if account.counts(entry):
            body = entry.body
            assert isinstance(body, EventRecorded)
            points, currencies, rules = account.kept(entry.seq, body)
            outcome = merge_event(
                into.progress,
                LearningEvent(user_id="into", event_type=body.event_type),
                body.at,
                BOOK,
                offset=0,
                grace=0,
                points=points,
                currencies=currencies,
                rules=rules,
                pays=account.awards,
            )
            into.add(msgspec.structs.replace(body, outcome=outcome), f"from-{entry.event_id}")
    done = finish_merge(into.progress, account, BOOK, reason="x", caller=None)
    assert isinstance(done, MergedFrom)
    assert done.spent == (("coins", 30),)
    into.add(done)
    # Three readings and both badges in all, of which one was spent before.
    assert into.purse() == (3 * 3 + 10 + 20 - 30, 3 * 3 + 10 + 20, 30)
    assert into.lines == into.progress.left
    assert into.folded() == into.progress


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.sampled_from(["read", "ask", "look"]), st.integers(0, 60)),
        st.tuples(st.just("spend"), st.sampled_from(["coins", "gems"]), st.integers(1, 25)),
        st.tuples(st.just("retract"), st.just(""), st.integers(0, 30)),
        st.tuples(st.just("repoint"), st.sampled_from(["book", "other"]), st.just(0)),
    ),
    max_size=25,
)


@given(STEPS)
@settings(**SETTINGS)
def test_the_state_is_a_fold_of_the_ledger_and_no_balance_falls_below_zero(steps: list[tuple[str, str, int]]) -> None:
    book = Ledger()
    for what, name, number in steps:
        if what == "record":
            book.record(name, number)
        elif what == "spend":
            before = book.purse(name)[0]
            assert book.spend(name, number) == (number <= before)
        elif what == "repoint":
            book.repoint(BOOK if name == "book" else OTHER)
        else:
            gone = book.seen().events
            events = [each for each in book.entries if isinstance(each.body, EventRecorded) and each.seq not in gone]
            if events:
                book.retract(events[number % len(events)])
        assert all(purse.balance >= 0 for purse in book.progress.purses.values())
        assert book.lines == book.progress.left
    assert book.folded().purses == book.progress.purses
    assert _repacked(book.progress) == book.progress
    stated = [entry.body.balance for entry in book.entries if isinstance(entry.body, CurrencySpent)]
    assert all(balance >= 0 for balance in stated)
