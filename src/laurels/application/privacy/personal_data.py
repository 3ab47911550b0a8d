"""Everything that is held of one learner, as one document: the answer to a request for personal data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from laurels.application.ports.clock import Clock
from laurels.application.ports.spool import SetAside, Spool, Spooled
from laurels.application.ports.store import Store
from laurels.application.queries.learners.learner_queries import LearnerQueries
from laurels.domain.boards.ranking import is_alias_order
from laurels.domain.ledger.entries import Entry
from laurels.domain.periods import iso
from laurels.errors import UnknownUser

# Entries per page, with up to 16 KiB of metadata each, and bytes of a piece: both stay in memory for a slow client.
PAGE = 50
PIECE = 64 * 1024
_encode = msgspec.json.Encoder().encode


async def personal_data(
    store: Store, learners: LearnerQueries, clock: Clock, spool: Spool | None, user_id: str
) -> AsyncIterator[bytes]:
    """The document, in pieces of JSON: memory does not grow with the number of entries.

    Raises UnknownUser or StoreError before the first piece.
    """
    waiting: list[Spooled] = []
    aside: list[SetAside] = []
    if spool is not None:
        waiting, aside = await spool.events_of(user_id)
    head: dict[str, Any] = {
        "success": True,
        "userId": user_id,
        "generatedAt": iso(clock()),
        "profile": None,
        "progress": None,
    }
    try:
        progress = await learners.progress(user_id)
    except UnknownUser:
        if not waiting and not aside:
            raise
    else:
        head["profile"] = learners.user(progress)
        head["progress"] = await learners.export(user_id)
    found = (await store.snapshots.projected((user_id,))).get(user_id)
    head["card"] = None if found is None else found.card
    head["standings"] = [
        {
            "board": board,
            "points": line.points,
            "events": line.events,
            # Under an alias this is no instant, but an order among equals.
            "reachedAt": None if is_alias_order(line.reached_at) else iso(line.reached_at),
            "shown": line.is_shown,
        }
        for board, line in sorted(({} if found is None else found.standings).items())
    ]
    head["waiting"] = [_spooled(each) for each in waiting]
    head["setAside"] = [{**_spooled(each.spooled), "reason": each.reason} for each in aside]
    return _pieces(store, user_id, _encode(head))


async def _pieces(store: Store, user_id: str, head: bytes) -> AsyncIterator[bytes]:
    yield head[:-1] + b',"entries":['
    after, separator, size = 0, b"\n", 0
    piece: list[bytes] = []
    while page := await store.ledger.entries(user_id, after=after, limit=PAGE):
        after = page[-1].seq
        for entry in page:
            piece += separator, _encode(_entry(entry))
            separator = b",\n"
            size += len(piece[-1])
            if size >= PIECE:
                yield b"".join(piece)
                piece, size = [], 0
    yield b"".join((*piece, b"]}"))


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "eventId": entry.event_id,
        "recordedAt": iso(entry.recorded_at),
        "body": entry.body,
    }


def _spooled(spooled: Spooled) -> dict[str, Any]:
    return {"event": spooled.event, "arrivedAt": iso(spooled.arrived_at)}
