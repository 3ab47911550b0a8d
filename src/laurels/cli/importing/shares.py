"""Lines for one worker, the events in them, and what became of them."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laurels.domain.events import LearningEvent, decode_event
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError

_UNNAMED = (
    "An event has no eventId, and what comes on standard input has no name: give it one with --source NAME, always "
    "the same for the same lines, so that none is recorded twice and none is taken for another one."
)


class Share(Struct, array_like=True):
    """Lines for one worker, with their numbers in the input, whose name is `source`; None where it has none."""

    source: str | None
    numbers: list[int]
    lines: list[bytes]


class Taken(Struct, array_like=True):
    """What became of a share: how many were recorded or there already; number and reason of each refused line, of which
    `conflicts` stand there with other content; why it had to stop."""

    recorded: int = 0
    replayed: int = 0
    conflicts: int = 0
    refused: list[tuple[int, str]] = []
    failed: str | None = None


def read_share(share: Share, taken: Taken, rulebook: Rulebook, now: int) -> tuple[list[int], list[LearningEvent]]:
    """The events of a share, with the numbers of their lines. What is no event is noted in `taken`.

    An event without an id is named by the input and its line: so two files may hold the same line, and a file may be
    imported again when it has grown. `now` is in milliseconds.
    """
    numbers: list[int] = []
    events: list[LearningEvent] = []
    for number, line in zip(share.numbers, share.lines, strict=True):
        try:
            event = decode_event(line, rulebook.event_types, now=now, earliest=0)
        except (LaurelsError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                taken.refused.append((number, _reason(error)))
            continue
        if event.event_id is None:
            if share.source is None:
                taken.failed = _UNNAMED
                break
            event = replace(event, event_id=id_of(share.source, number))
        numbers.append(number)
        events.append(event)
    return numbers, events


def id_of(source: str, number: int) -> str:
    """The id of an event that brings none: the same whenever the same line of the same input is imported."""
    return f"line-{blake2b(source.encode(), digest_size=10).hexdigest()}-{number}"


def _reason(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "Is not valid UTF-8 text."
        case RecursionError():
            return "Is nested too deeply."
        case LaurelsError():
            return str(error)
        case _:
            return f"{error}."
