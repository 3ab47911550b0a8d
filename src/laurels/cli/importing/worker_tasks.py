"""The share of lines that one worker gets, the events in them, and their results.

A line of JSON becomes an event here (`read_share`). A CSV row was converted to JSON before by `formats.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laurels.application.ports.store import Store
from laurels.cli.importing.source_lines import id_of
from laurels.domain.events import LearningEvent, decode_event, is_same_content, normal_event
from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError

UNNAMED = (
    "An event has no eventId, and what does not come from a file has no name: give it one with --source NAME, always "
    "the same for the same lines, so that none is recorded twice and none is taken for another one."
)
_REMEDY = (
    "Import new lines as a file of their own, and another file of the same name with --source NAME; events with an "
    "eventId may stand on any line."
)
_MOVED = f"Was recorded before for another user: the lines of this file have moved, or it is another file. {_REMEDY}"
_AFTER_MOVED = (
    "Comes after line {}, the last one that was recorded, which says something else now: the lines of this file have "
    f"moved, or it is another file. {_REMEDY}"
)
CHANGED = (
    f"Says something else than the line that was recorded, which stays: an event without an eventId goes by its line. "
    f"{_REMEDY}"
)


class Share(Struct, array_like=True):
    """Lines for one worker, with their numbers in the input; `source` is its name, None if it has none.

    The lines `known` were recorded before. `moved_after`: see `SourceLines`.
    """

    source: str | None
    numbers: list[int]
    lines: list[bytes]
    known: list[int] = []
    moved_after: int | None = None


class Taken(Struct, array_like=True):
    """The results of a share: how many lines were recorded or there already; number and reason of each refused line,
    with `conflicts` as the number of those that exist with different content; why it had to stop. `by_line`: the lines
    that are recorded, have no other id, and were not known to be recorded."""

    recorded: int = 0
    replayed: int = 0
    conflicts: int = 0
    refused: list[tuple[int, str]] = []
    failed: str | None = None
    by_line: list[int] = []

    def conflict(self, number: int, reason: str) -> None:
        """Refuse a line because of an existing entry."""
        self.conflicts += 1
        self.refused.append((number, reason))


class Events(NamedTuple):
    """The events of a share, with the numbers of their lines. Those of the lines `by_line` have no other id."""

    numbers: list[int]
    events: list[LearningEvent]
    by_line: set[int]


def read_share(share: Share, taken: Taken, rulebook: Rulebook, now: int) -> Events:
    """The events of a share. Other lines are noted in `taken`.

    The id of an event without one is made of the input and its line: so two files may hold the same line, and a file
    that has grown may be imported again. `now` is in milliseconds.
    """
    read = Events([], [], set())
    for number, line in zip(share.numbers, share.lines, strict=True):
        try:
            event = decode_event(line, rulebook.event_types, now=now, earliest=0)
        except (LaurelsError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                taken.refused.append((number, _reason(error)))
            continue
        if event.event_id is None:
            if share.source is None:
                taken.failed = UNNAMED
                break
            if share.moved_after is not None and number > share.moved_after:
                taken.conflict(number, _AFTER_MOVED.format(share.moved_after))
                continue
            event = replace(event, event_id=id_of(share.source, number))
            read.by_line.add(number)
        read.numbers.append(number)
        read.events.append(event)
    return read


async def settle_known(share: Share, read: Events, taken: Taken, store: Store) -> Events:
    """The events of a share that must still be recorded. The results of lines that were recorded before are noted in
    `taken`: they are recorded, or have moved to another user. Raises StoreError."""
    known = read.by_line.intersection(share.known)
    if not known:
        return read
    asked = {
        number: (event.user_id, event.event_id or "")
        for number, event in zip(read.numbers, read.events, strict=True)
        if number in known
    }
    found = (await store.ledger.load({}, list(asked.values()), "")).known
    # The ledger holds nothing of a deleted user. The recorder refuses their lines with the right reason.
    deleted = await store.tombstones.find({user_id for user_id, _ in asked.values()})
    left = Events([], [], read.by_line)
    for number, event in zip(read.numbers, read.events, strict=True):
        if number not in known or event.user_id in deleted:
            left.numbers.append(number)
            left.events.append(event)
        elif (entry := found.get(asked[number])) is None:
            taken.conflict(number, _MOVED)
        elif is_repeated(event, entry):
            taken.replayed += 1
        else:
            taken.conflict(number, CHANGED)
    return left


def is_repeated(event: LearningEvent, entry: Entry) -> bool:
    """Whether an event equals the entry under its id."""
    body = entry.body
    return isinstance(body, EventRecorded) and is_same_content(normal_event(event), body, at=body.at)


def _reason(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "Is not valid UTF-8 text."
        case RecursionError():
            return "Is nested too deeply."
        case LaurelsError():
            return str(error)
        case _:
            return "Is not valid JSON: a line holds one whole event and nothing else."
