"""Folded from the start without what was taken back, a progress is as if that had never been."""

from __future__ import annotations

import msgspec

from laurels.application.recording.refolding import last_revision, ledger_of, refold, revisions_of
from laurels.application.service import Service
from laurels.domain.ledger.entries import Award, BadgeRevoked, Entry, EventRetracted
from laurels.testing.builders import NOON, event_entry, history, profile_entry, small_rulebook


def retraction(seq: int) -> Entry:
    return Entry("ada", seq, None, NOON, EventRetracted("e1", 1, 5, 0, 1, "A mistake."))


def revocation(seq: int) -> Entry:
    return Entry("ada", seq, None, NOON, BadgeRevoked(Award("first", 10, NOON), 0, 1, "A mistake."))


class TestLastRevision:
    def test_it_is_the_last_entry_that_takes_something_back(self) -> None:
        entries = [event_entry(seq=1), retraction(2), revocation(3), profile_entry(seq=4), event_entry(seq=5)]
        assert last_revision(entries) == 3
        assert last_revision(entries[:2]) == 2

    def test_where_none_does_it_is_none(self) -> None:
        assert last_revision([]) == last_revision(history(length=5)) == 0


async def recorded(laurels: Service, *events: str) -> None:
    for number, event_type in enumerate(events, 1):
        await laurels.record("ada", event_type, event_id=f"e{number}")


class TestLedger:
    async def test_it_gives_the_entries_in_order_up_to_the_last_asked_for(self, laurels: Service) -> None:
        await recorded(laurels, "run", "talk", "run")

        async def seqs(until: int | None = None) -> list[int]:
            return [entry.seq async for entry in ledger_of(laurels.store, "ada", until)]

        assert await seqs() == await seqs(3) == await seqs(99) == [1, 2, 3]
        assert await seqs(2) == [1, 2]
        assert await seqs(0) == []
        assert [entry async for entry in ledger_of(laurels.store, "nobody")] == []


class TestRefold:
    async def test_where_nothing_was_taken_back_it_is_the_progress_at_that_entry(self, laurels: Service) -> None:
        await recorded(laurels, "run", "talk")
        then = msgspec.json.encode(await laurels.learners.progress("ada"))
        await laurels.record("ada", "run")
        assert msgspec.json.encode(await refold(laurels.store, laurels.rulebook, "ada", 2)) == then
        now = await refold(laurels.store, laurels.rulebook, "ada", 3)
        assert msgspec.json.encode(now) == msgspec.json.encode(await laurels.learners.progress("ada"))

    async def test_what_a_later_entry_took_back_has_never_been(self, laurels: Service) -> None:
        await recorded(laurels, "run", "talk")
        await laurels.corrections.retract("ada", "e2", reason="A mistake.")
        before = await refold(laurels.store, laurels.rulebook, "ada", 2)
        after = await refold(laurels.store, laurels.rulebook, "ada", 3)
        assert (before.events, before.total_points) == (2, 25)
        assert (after.events, after.total_points, after.types.keys()) == (1, 15, {"run"})
        assert (await revisions_of(laurels.store, "ada", 2)).events == set()
        assert (await revisions_of(laurels.store, "ada", 3)).events == {2}

    async def test_what_is_known_to_be_taken_back_need_not_be_looked_for(self, laurels: Service) -> None:
        await recorded(laurels, "run", "talk")
        await laurels.corrections.retract("ada", "e1", reason="A mistake.")
        known = await revisions_of(laurels.store, "ada", 3)
        early = await refold(laurels.store, laurels.rulebook, "ada", 2, revisions=known)
        assert early.types.keys() == {"talk"}

    async def test_of_nobody_it_is_empty(self, laurels: Service) -> None:
        empty = await refold(laurels.store, small_rulebook(), "nobody", 5)
        assert (empty.seq, empty.events) == (0, 0)
