"""The arguments of the library's callers, checked as strictly as JSON by a decoder.

Their code need not be typed: a wrong type gets a sentence that names the argument, not a fault further inside.
"""

# The annotations state the right types; these functions check them at runtime.
# pyright: reportUnnecessaryIsInstance=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from laurels.application.queries.boards.leaderboards import MAX_LIMIT
from laurels.domain.events import LearningEvent, check_id
from laurels.domain.goals import KINDS, check_goals
from laurels.domain.ledger.pauses import as_documents
from laurels.domain.periods import Timeframe, iso, to_ms
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidEvent, InvalidInput, InvalidProfile, InvalidQuery
from laurels.validation import FieldFault, kind_of


def check_opening(
    *, url: object, rulebook: object, has_settings: bool, projection_interval: object, batch: object, spool: object
) -> None:
    """Raise InvalidInput naming every argument of `Laurels.open` with a wrong type.

    `has_settings`: the settings are None or of their type, which this package does not know.
    """
    faults: list[FieldFault] = []
    if url is not None and not (isinstance(url, str) and url.strip()):
        faults.append(("url", "Must be text: sqlite:///PATH or mongodb://HOST/DATABASE."))
    if rulebook is not None and not isinstance(rulebook, str | Path | Rulebook):
        faults.append(("rulebook", "Must be a built-in name, the path of a TOML file or a Rulebook."))
    if not has_settings:
        faults.append(("settings", "Must be laurels.settings.Settings(...)."))
    if projection_interval is not None and type(projection_interval) not in (int, float):
        faults.append(("projection_interval", "Must be a number of seconds."))
    if type(batch) is not int or batch < 1:
        faults.append(("batch", "Must be a whole number of events, 1 or more."))
    if spool is not None and not isinstance(spool, str | Path):
        faults.append(("spool", "Must be the path of a folder."))
    if faults:
        raise InvalidInput.of(faults)


def check_types(event: LearningEvent, faults_of: Callable[[dict[str, Any]], list[FieldFault]] | None = None) -> None:
    """Raise InvalidEvent if a field of an event made in Python has a wrong type.

    With `faults_of`, which finds the faults of an event in its wire form, it names every wrong field.
    """
    if not isinstance(event, LearningEvent):
        raise InvalidEvent("", "Must be an event: laurels.LearningEvent(...).")
    has_metadata = isinstance(event.metadata, dict)
    has_instant = event.timestamp is None or isinstance(event.timestamp, datetime)
    if isinstance(event.event_type, str) and has_metadata and has_instant:
        return
    document = {each.encode_name: getattr(event, each.name) for each in msgspec.structs.fields(LearningEvent)}
    own: list[FieldFault] = []
    if not has_metadata:
        own.append(("metadata", 'Must be an object with text as keys, such as {"language": "python"}.'))
    if not has_instant:
        own.append(("timestamp", "Must be a datetime with a time zone, such as datetime.now(UTC)."))
    for name, _ in own:
        # This field has a message in Python terms; the wire form would have another one.
        del document[name]
    if faults_of is not None:
        own = faults_of(document) + own
    elif not isinstance(event.event_type, str):
        own.insert(0, ("eventType", "Must be text: an event type that the rulebook declares."))
    first, *others = own
    raise InvalidEvent(*first, *others)


def event_of(
    user_id: str,
    event_type: str,
    metadata: Mapping[str, Any] | None,
    *,
    language: str | None,
    code_length: int | None,
    session_duration: float | None,
    event_id: str | None,
    timestamp: datetime | None,
    once_key: str | None,
) -> LearningEvent:
    """Make an event from the common arguments of `record` and `track`. Raises InvalidEvent."""
    typed = {"language": language, "codeLength": code_length, "sessionDuration": session_duration}
    return LearningEvent(
        user_id=user_id,
        event_type=event_type,
        metadata=_with_typed(metadata, typed),
        event_id=event_id,
        timestamp=timestamp,
        once_key=once_key,
    )


def _with_typed(metadata: Mapping[str, Any] | None, typed: Mapping[str, Any]) -> Any:
    """The metadata of an event together with the fields that have arguments of their own and are not None.

    A value that is no mapping is returned unchanged. Raises InvalidEvent for a field that is given twice and differs.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        return metadata
    merged = dict(metadata or {})
    given = {name: value for name, value in typed.items() if value is not None}
    twice = [name for name, value in given.items() if name in merged and merged[name] != value]
    if twice:
        first, *others = [(f"metadata.{name}", "Is given twice and differs: leave one of both out.") for name in twice]
        raise InvalidEvent(*first, *others)
    return merged | given


def as_text(text: str | None, name: str) -> str | None:
    """Text, if any is given. Raises InvalidQuery naming the argument."""
    if text is not None and not isinstance(text, str):
        raise InvalidQuery(name, f"Must be text, not {kind_of(text)}.")
    return text


def as_limit(limit: int) -> int:
    """The requested number of lines of a board. Raises InvalidQuery."""
    if type(limit) is not int:
        raise InvalidQuery("limit", f"Must be a whole number from 1 to {MAX_LIMIT}.")
    return limit


def as_user_ids(users: Sequence[str]) -> list[str]:
    """The ids of some users. Raises InvalidQuery."""
    is_many = isinstance(users, Iterable) and not isinstance(users, str)
    ids = list(users) if is_many else []
    if not is_many or not all(isinstance(each, str) for each in ids):
        raise InvalidQuery("users", 'Must be a list of the ids of users, such as ["ada", "bob"].')
    return ids


def as_user_id(user_id: str) -> str:
    """The id of a user. Raises InvalidQuery."""
    return check_id(user_id, "userId", InvalidQuery)


def as_day(day: date | None, name: str) -> int | None:
    """A day as its ordinal. Raises InvalidQuery naming the argument."""
    if day is not None and not isinstance(day, date):
        raise InvalidQuery(name, "Must be a date, such as date(2026, 1, 31).")
    return None if day is None else day.toordinal()


def as_pauses(pauses: Sequence[tuple[date, date]] | UnsetType) -> list[dict[str, str]] | UnsetType:
    """Planned pauses in their wire form. Raises InvalidProfile."""
    if isinstance(pauses, UnsetType):
        return UNSET
    try:
        return as_documents([(first.toordinal(), last.toordinal()) for first, last in pauses])
    except (AttributeError, TypeError, ValueError):
        sentence = "Must be pairs of dates, such as (date(2026, 12, 21), date(2027, 1, 6))."
        raise InvalidProfile("pauses", sentence) from None


def as_goal(measure: str, per: str, target: int | None) -> dict[str, dict[str, int | None]]:
    """A goal to be set as it is written on the wire. Raises InvalidProfile."""
    kind = next((kind for kind in KINDS.values() if (kind.measure, kind.per) == (measure, per)), None)
    if kind is None:
        sentence = 'The measure must be "events" or "points", and per "day" or "week".'
        raise InvalidProfile("goals", sentence)
    goals = {kind.id: target}
    check_goals(goals)
    return {"goals": goals}


def as_instant(moment: datetime | None, name: str) -> int | None:
    """An instant in milliseconds since the epoch. Raises InvalidQuery naming the argument."""
    return None if moment is None else _aware(moment, name, InvalidQuery)


def _aware(moment: object, name: str, error: type[InvalidInput]) -> int:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise error(name, "Must be a datetime with a time zone, such as datetime.now(UTC).")
    return to_ms(moment)


def as_moment(moment: datetime | UnsetType | None, name: str) -> str | UnsetType | None:
    """An instant of a profile in its wire form; None and UNSET are unchanged. Raises InvalidProfile."""
    if moment is None or isinstance(moment, UnsetType):
        return moment
    return iso(_aware(moment, name, InvalidProfile))


def as_timeframe(timeframe: Timeframe | str | None) -> Timeframe | None:
    """A timeframe by its name. Raises InvalidQuery."""
    try:
        return None if timeframe is None else Timeframe(timeframe)
    except ValueError:
        raise InvalidQuery("timeframe", f"Must be one of {', '.join(Timeframe)}.") from None
