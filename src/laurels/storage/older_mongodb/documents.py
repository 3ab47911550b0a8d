"""Converts documents of the older schema, as Mongoose wrote them, into the domain's values.

Only the code of one server enforced such a schema, and no database did: any field may be missing or hold anything. Each
function states how it treats a value: accepted, accepted with a remark, or rejected.
"""

from __future__ import annotations

import base64
from datetime import datetime
from math import isfinite
from typing import Any, cast

from bson import Binary, Decimal128, ObjectId, Timestamp, json_util
from bson.datetime_ms import DatetimeMS
from msgspec import Struct, field

from laurels.domain.events import MAX_LANGUAGE_LENGTH, MAX_MEASURE, LearningEvent, check_id
from laurels.domain.periods import iso, to_datetime, to_ms
from laurels.domain.profiles import check_profile
from laurels.errors import InvalidEvent, InvalidInput
from laurels.json_values import check_json

Document = dict[str, Any]

MAX_POINTS = 1_000_000_000


class Unusable(Exception):
    """A document that must be rejected. The text is the reason, one sentence."""


class OlderEvent(Struct, frozen=True):
    """An event with the points that were paid for it. `remarks`: the values that were not accepted unchanged."""

    event: LearningEvent
    points: int
    remarks: list[str]


class OlderUser(Struct):
    """The data of a document of `users`. `origin` names the document; `stored_total` is None if it cannot be used."""

    user_id: str
    origin: str
    stored_total: int | None
    created_at: int | None
    badges: list[str] = field(default_factory=list[str])
    profile: dict[str, Any] = field(default_factory=dict[str, Any])
    remarks: list[str] = field(default_factory=list[str])
    repeated_badges: int = 0

    def merge(self, other: OlderUser) -> None:
        """Merge another document of the same user: all badges, the earlier date, the higher total."""
        self.badges = list(dict.fromkeys([*self.badges, *other.badges]))
        self.repeated_badges += other.repeated_badges
        dates = [at for at in (self.created_at, other.created_at) if at is not None]
        self.created_at = min(dates, default=None)
        totals = [total for total in (self.stored_total, other.stored_total) if total is not None]
        self.stored_total = max(totals, default=None)
        self.profile = {**other.profile, **self.profile}


def event_of(document: Document) -> OlderEvent:
    """The event of a document of `learningevents`. Raises Unusable."""
    remarks: list[str] = []
    event_type = document.get("eventType")
    if not isinstance(event_type, str):
        raise Unusable("eventType: Must be text.")
    at = _instant(document.get("timestamp"))
    if at is None:
        raise Unusable("timestamp: Must be a date.")
    event = LearningEvent(
        user_id=user_id_of(document),
        event_type=event_type,
        metadata=_metadata_of(document, remarks),
        event_id=f"mongo:{_key_of(document)}",
        timestamp=_datetime(at),
    )
    points = _whole(document.get("points"), MAX_POINTS)
    if points is None:
        remarks.append("points: not a whole number of 0 or more; taken as 0")
        points = 0
    return OlderEvent(event, points, remarks)


def user_of(document: Document, now: int) -> OlderUser:
    """The user of a document of `users`. `now` in milliseconds. Raises Unusable."""
    user = OlderUser(user_id_of(document), f"mongo:user:{_key_of(document)}", None, None)
    user.stored_total = _whole(document.get("totalPoints"), None)
    if user.stored_total is None:
        user.remarks.append("totalPoints: not a whole number of 0 or more; the total is that of events and badges")
    at = _instant(document.get("createdAt"))
    if at is not None and 0 < at <= now:
        user.created_at = at
    else:
        user.remarks.append("createdAt: not a date in the past; the user counts from their first event")
    _take_badges(user, document.get("badges"))
    for name in ("displayName", "photoURL"):
        value = document.get(name)
        if value in (None, ""):
            continue
        try:
            check_profile(user.user_id, {name: value})
        except InvalidInput as error:
            user.remarks.append(f"{name}: left out. {error.detail}")
        else:
            user.profile[name] = value
    return user


def user_id_of(document: Document) -> str:
    """The id of a document's user. Raises Unusable."""
    try:
        return check_id(document.get("userId"), "userId")
    except InvalidInput as error:
        raise Unusable(str(error)) from None


def as_json(document: Document) -> str:
    """A document as one line of MongoDB's Extended JSON, without any loss."""
    return json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS)


def _key_of(document: Document) -> str:
    key = document.get("_id")
    if isinstance(key, ObjectId):
        return str(key)
    if isinstance(key, str) and 1 <= len(key) <= 60 and key.isprintable():
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise Unusable("_id: Must be an ObjectId, a whole number or a text of at most 60 printable characters.")


def _take_badges(user: OlderUser, held: object) -> None:
    if held is None:
        return
    if not isinstance(held, list):
        user.remarks.append("badges: not a list; left out")
        return
    for badge_id in cast("list[object]", held):
        try:
            known = check_id(badge_id, "badges")
        except InvalidInput:
            user.remarks.append("badges: an entry that is no badge id; left out")
            continue
        if known in user.badges:
            user.repeated_badges += 1
        else:
            user.badges.append(known)


def _instant(value: object) -> int | None:
    if isinstance(value, DatetimeMS):
        return int(value)
    return to_ms(value) if isinstance(value, datetime) and value.tzinfo else None


def _datetime(at: int) -> datetime:
    try:
        return to_datetime(at)
    except OverflowError:
        raise Unusable("timestamp: Lies outside the years 1 to 9999.") from None


def _whole(value: object, most: int | None) -> int | None:
    """A whole number from 0 to `most`; else None."""
    if isinstance(value, Decimal128):
        value = float(value.to_decimal())
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    if value != int(value) or value < 0 or (most is not None and value > most):
        return None
    return int(value)


def _metadata_of(document: Document, remarks: list[str]) -> dict[str, Any]:
    given = document.get("metadata")
    odd: set[str] = set()
    plain = _plain(given, odd)
    if plain is None:
        metadata: dict[str, Any] = {}
    elif isinstance(given, dict):
        metadata = plain
    else:
        metadata = {"metadata": plain}
    remarks += [f"metadata: {what}" for what in sorted(odd)]
    typed: dict[str, Any] = {}
    for name in ("language", "codeLength", "sessionDuration"):
        inside = metadata.pop(name, None)
        odd.clear()
        value = _plain(document.get(name), odd)
        remarks += [f"{name}: {what}" for what in sorted(odd)]
        if value is None or value == "":
            value = inside
        elif inside is not None and inside != value:
            remarks.append(f"metadata.{name}: differs from the field {name} of the event, which counts")
        if value is None or value == "":
            continue
        value = _typed(name, value)
        if value is None:
            remarks.append(f"{name}: out of range or of a wrong type; left out")
        else:
            typed[name] = value
    try:
        check_json({**metadata, **typed}, "metadata", InvalidEvent)
    except InvalidInput as error:
        remarks.append(f"metadata: left out. {error.detail}")
        return typed
    return {**metadata, **typed}


def _typed(name: str, value: object) -> object:
    """The value of a typed field; None if it has none."""
    if name == "language":
        fits = isinstance(value, str) and len(value) <= MAX_LANGUAGE_LENGTH and value.isprintable()
        return value if fits else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_MEASURE:
        return None
    # One driver writes 120, another 120.0.
    if value == int(value):
        return int(value)
    return value if name == "sessionDuration" else None


def _plain(value: object, odd: set[str]) -> Any:
    """A BSON value as JSON; `odd` collects the names of values that JSON cannot hold."""
    match value:
        case None | bool() | str():
            return value
        case int():
            # Also for the driver's own type for 64 bits.
            return int(value)
        case float():
            if isfinite(value):
                return value
            odd.add("a number that is not finite became null")
            return None
        case dict():
            return {name: _plain(member, odd) for name, member in cast("Document", value).items()}
        case list():
            return [_plain(member, odd) for member in cast("list[object]", value)]
        case DatetimeMS():
            try:
                return iso(int(value))
            except OverflowError:
                return int(value)
        case ObjectId():
            return str(value)
        case Decimal128():
            return str(value)
        case Timestamp():
            return iso(value.time * 1_000)
        case Binary() | bytes():
            return base64.b64encode(value).decode()
        case _:
            odd.add(f"a value of type {type(value).__name__} became text")
            return str(value)
