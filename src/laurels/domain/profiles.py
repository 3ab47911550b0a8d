"""The rules for the fields of a profile.

All surfaces use the same checks, so they accept and refuse the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from laurels.domain.boards.ranking import Visibility
from laurels.domain.events import check_id, is_blank
from laurels.domain.goals import check_goals
from laurels.domain.ledger.pauses import pauses_of
from laurels.domain.periods import MS_PER_DAY, is_zone, to_ms
from laurels.errors import InvalidProfile
from laurels.json_values import check_json
from laurels.validation import FieldFault, faults_of, kind_of, unknown_name

FIELDS = (
    "displayName",
    "photoURL",
    "timeZone",
    "preferences",
    "visibility",
    "alias",
    "badgesSeenAt",
    "pauses",
    "goals",
)
MAX_NAME_LENGTH = 100
MAX_URL_LENGTH = 2_048
WRONG_ZONE = "Must be the name of an IANA time zone, such as Europe/Lisbon."
MOST_ZONE_CHANGES = 10
"""How often the time zone may be changed in 24 hours: all changes are kept, and each is examined when a streak is
counted."""


def check_profile(user_id: str, changes: Mapping[str, Any]) -> None:
    """Raise InvalidProfile naming every field that is wrong or unknown."""
    faults = faults_of(lambda: check_id(user_id, "userId", InvalidProfile)) + profile_faults(changes)
    if faults:
        raise InvalidProfile.of(faults)


def profile_faults(changes: Mapping[str, Any]) -> list[FieldFault]:
    """All faults in the fields of a change, by wire name."""
    faults: list[FieldFault] = []
    if changes.get("visibility") == Visibility.ALIAS and "alias" not in changes:
        faults.append(("alias", "Name the alias to appear under in the same request."))
    for name, value in changes.items():
        faults += faults_of(partial(_check_field, name, value))
    return faults


def changes_zone_too_often(zones: Sequence[tuple[int, str]], now: int) -> bool:
    """Whether one more change of the time zone is one too many after these."""
    return len(zones) > MOST_ZONE_CHANGES and zones[-MOST_ZONE_CHANGES][0] > now - MS_PER_DAY


def _check_field(name: str, value: object) -> None:
    if check := _CHECKS.get(name):
        check(value)
        return
    match name:
        case "timeZone":
            if not isinstance(value, str) or not is_zone(value):
                raise InvalidProfile(name, WRONG_ZONE)
        case "preferences":
            if not isinstance(value, dict):
                raise InvalidProfile(name, f"Must be an object, not {kind_of(value)}.")
            check_json(value, name, InvalidProfile)  # pyright: ignore[reportUnknownArgumentType]  checked by it
        case "visibility":
            if value not in list(Visibility):
                raise InvalidProfile(name, f"Must be one of {', '.join(Visibility)}.")
        case "alias":
            if not _is_name(value):
                raise InvalidProfile(name, f"Must be 1 to {MAX_NAME_LENGTH} visible characters.")
        case "badgesSeenAt":
            seen = instant_of(value, name)
            if seen is not None and seen < 0:
                # No badge is that old, and an offset could move the instant before the year 1, which cannot be shown.
                raise InvalidProfile(name, "Must not lie before 1970.")
        case _:
            raise InvalidProfile(name, unknown_name(name, FIELDS, of="Is not a field of a profile"))


def instant_of(value: object, name: str) -> int | None:
    """The milliseconds of a time in its wire form, None for null. Raises InvalidProfile."""
    if value is None:
        return None
    moment = None
    if isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
    if moment is None or moment.tzinfo is None:
        sentence = "Must be a date and time with an offset, such as 2026-11-23T09:30:00Z, or null."
        raise InvalidProfile(name, sentence)
    return to_ms(moment)


def _check_display_name(value: object) -> None:
    if value is None:
        return
    if not _is_name(value):
        raise InvalidProfile("displayName", f"Must be 1 to {MAX_NAME_LENGTH} visible characters, or null.")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_NAME_LENGTH and value.isprintable() and not is_blank(value)


def _check_photo_url(value: object) -> None:
    if value is None:
        return
    if isinstance(value, str) and len(value) <= MAX_URL_LENGTH and value.isprintable() and " " not in value:
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = None
        # Pages put it into an <img>: only the web's own schemes.
        if parts is not None and parts.scheme in ("http", "https") and parts.hostname:
            return
    raise InvalidProfile("photoURL", f"Must be an http or https URL of at most {MAX_URL_LENGTH} characters, or null.")


_CHECKS: Mapping[str, Callable[[object], object]] = {
    "displayName": _check_display_name,
    "photoURL": _check_photo_url,
    "pauses": pauses_of,
    "goals": check_goals,
}
