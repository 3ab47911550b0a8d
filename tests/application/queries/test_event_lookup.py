"""The state of one event: whether it was retracted, without reading all later entries for each question."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

import apsw
import pytest

from laurels.application.queries.learners import event_lookup
from laurels.application.queries.learners.event_lookup import EventLookup
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.entries import Entry
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock

COUNT = 40


@pytest.fixture
async def asked(laurels: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A learner with `COUNT` events, in pages of 7."""
    monkeypatch.setattr(event_lookup, "PAGE", 7)
    await record(laurels, *range(COUNT))
    return laurels


async def record(laurels: Service, *numbers: int) -> None:
    await laurels.record_many([LearningEvent(user_id="ada", event_type="run", event_id=str(each)) for each in numbers])


async def statuses(lookup: EventLookup, *numbers: int) -> list[str]:
    found = [await lookup.state("ada", str(number)) for number in numbers]
    return ["recorded" if each.status == "recorded" else str(each.reason) for each in found]


async def test_retractions_are_found_wherever_they_are(asked: Service) -> None:
    lookup = EventLookup(asked.store, asked.rulebook, None)
    # From the middle, then of earlier and of later ones, before and after more entries.
    assert await statuses(lookup, 20) == ["recorded"]
    for number, reason in ((20, "first"), (3, "second"), (39, "third")):
        await asked.corrections.retract("ada", str(number), reason=reason)
        await record(asked, 100 + number)
        again = EventLookup(asked.store, asked.rulebook, None)
        for each in (lookup, again):
            assert await statuses(each, number, 21, 2, 0, number) == [
                reason,
                "recorded",
                "recorded",
                "recorded",
                reason,
            ]
    assert await statuses(lookup, 3, 20, 39, 103) == ["second", "first", "third", "recorded"]


async def test_each_entry_is_read_once(asked: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    entries = asked.store.ledger.entries

    async def counted(*args: Any, **options: Any) -> list[Entry]:
        found = await entries(*args, **options)
        read.extend(entry.seq for entry in found)
        return found

    monkeypatch.setattr(asked.store.ledger, "entries", counted)
    for number in (30, 10, 0, 5, 39):
        await asked.event_state("ada", str(number))
    # And the last one at each question, to see that it is the same ledger still.
    assert len(read) <= COUNT + 5
    await record(asked, 100)
    read.clear()
    await asked.event_state("ada", "0")
    assert read == [COUNT, COUNT + 1]


async def test_a_ledger_that_begins_anew_is_read_anew(asked: Service, store_url: str, clock: SettableClock) -> None:
    lookup = EventLookup(asked.store, asked.rulebook, None)
    assert await statuses(lookup, 39, 0) == ["recorded", "recorded"]
    # As long after a deletion.
    with closing(apsw.Connection(store_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DELETE FROM ledger")
    clock.advance(timedelta(hours=1))
    async with open_service(store_url, rulebook=small_rulebook(), clock=clock, projection_interval=3600) as anew:
        await record(anew, *range(10))
        await anew.corrections.retract("ada", "0", reason="other")
        await record(anew, *range(10, COUNT))
        assert await statuses(lookup, 39, 0) == ["recorded", "other"]
