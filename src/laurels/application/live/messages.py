"""The messages of live streams, made from a ledger entry or from a board, each with an id.

The id of a message says how much a client has received, so that the stream can continue from there in any process and
at any later time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from laurels.application.queries.badges import badge_view
from laurels.application.queries.board_views import Leaderboard
from laurels.application.queries.goal_views import met_goal
from laurels.application.queries.learners.learner_queries import event_view
from laurels.domain.ledger.entries import BadgesGiven, Entry, EventRecorded, ProfileChanged, StreakRepaired, awards_of
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery

MessageKind = Literal["event", "badge", "goal", "progress", "profile", "leaderboard"]

_encode = msgspec.json.Encoder().encode
_PLACE = re.compile(r"(\d{1,15})(?:\.(\d{1,4}))?")
# The profile fields that are also shown elsewhere. Preferences are private to the learner.
_SHOWN = ("displayName", "photoURL", "timeZone")


class Message(Struct, frozen=True):
    """One message of a stream. `data` is a JSON document without line breaks."""

    id: str
    kind: MessageKind
    data: bytes


class LiveProgress(Struct, frozen=True, rename="camel", kw_only=True):
    """The user's state after an entry, or at the beginning of a stream. `daily_streak` is left out if the entry does
    not give it."""

    total_points: int
    level: int
    leveled_up: bool = False
    daily_streak: int | UnsetType = UNSET


class StreamPosition(Struct, frozen=True):
    """How far a client has come: it has the messages of all entries up to `seq`, and `told` messages of the next
    entry."""

    seq: int
    told: int = 0


def place_of(last_id: str) -> StreamPosition:
    """The place that the id of a user's message encodes. Raises InvalidQuery."""
    found = _PLACE.fullmatch(last_id)
    if found is None or not last_id.isascii():
        raise InvalidQuery("lastEventId", "Must be an id that this stream gave out; leave it out to begin anew.")
    return StreamPosition(int(found[1]), int(found[2] or 0))


def messages_of(entry: Entry, rulebook: Rulebook) -> list[Message]:
    """The messages about an entry. The last one carries the id of the whole entry; the ones before it count up from the
    id of the entry before. A client that lost its connection in between therefore misses and repeats none."""
    parts = list(_parts(entry, rulebook))
    return [
        Message(
            str(entry.seq) if number == len(parts) else f"{entry.seq - 1}.{number}",
            kind,
            _encode(data),
        )
        for number, (kind, data) in enumerate(parts, 1)
    ]


def progress_message(progress: Progress | None, rulebook: Rulebook, *, now: int) -> Message:
    """A user's state, for a client that has just connected; None if nothing is recorded yet."""
    seq = 0 if progress is None else progress.seq
    points = 0 if progress is None else progress.total_points
    data = LiveProgress(
        total_points=points,
        level=rulebook.levels.level_at(points),
        daily_streak=0 if progress is None else rulebook.daily_streak(progress, now),
    )
    return Message(str(seq), "progress", _encode(data))


def board_message(board: Leaderboard) -> Message:
    """The visible top of a board. The id is derived from its lines: the same lines have the same id in every
    process."""
    shown = _encode((board.timeframe, board.period, board.leaderboard, board.stale is True))
    return Message(sha256(shown).hexdigest()[:24], "leaderboard", _encode(board))


def _parts(entry: Entry, rulebook: Rulebook) -> Iterable[tuple[MessageKind, Any]]:
    body = entry.body
    if isinstance(body, ProfileChanged):
        changes = {name: body.changes[name] for name in _SHOWN if name in body.changes}
        if changes:
            yield "profile", changes
        return
    is_quiet = isinstance(body, BadgesGiven) and body.notify != "each"
    awards = [] if is_quiet else awards_of(body)
    if isinstance(body, EventRecorded):
        yield "event", event_view(entry, body)
    for award in awards:
        yield "badge", badge_view(award, rulebook)
    if isinstance(body, EventRecorded):
        for met in body.goals:
            yield "goal", met_goal(met)
        outcome = body.outcome
        yield (
            "progress",
            LiveProgress(
                total_points=outcome.total_points,
                level=outcome.level,
                leveled_up=outcome.leveled_up,
                daily_streak=body.daily_streak,
            ),
        )
    else:
        streak = body.daily_streak if isinstance(body, StreakRepaired) else UNSET
        yield "progress", LiveProgress(total_points=body.total_points, level=body.level, daily_streak=streak)
