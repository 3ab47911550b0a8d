"""The rules that the fields of a profile keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from laurels.domain.events import check_id, check_json
from laurels.domain.periods import is_zone
from laurels.domain.ranking import Visibility
from laurels.errors import InvalidProfile

FIELDS = ("displayName", "photoURL", "timeZone", "preferences", "visibility", "alias")
MAX_NAME_LENGTH = 100
MAX_URL_LENGTH = 2_048


def check_profile(user_id: str, changes: Mapping[str, Any]) -> None:
    """Raise InvalidProfile naming the first field that is wrong or unknown."""
    check_id(user_id, "userId", InvalidProfile)
    if changes.get("visibility") == Visibility.ALIAS and "alias" not in changes:
        raise InvalidProfile("alias", "Name the alias to appear under in the same request.")
    for name, value in changes.items():
        match name:
            case "displayName":
                _check_display_name(value)
            case "photoURL":
                _check_photo_url(value)
            case "timeZone":
                if not isinstance(value, str) or not is_zone(value):
                    raise InvalidProfile(name, "Must be the name of an IANA time zone, such as Europe/Lisbon.")
            case "preferences":
                if not isinstance(value, dict):
                    raise InvalidProfile(name, "Must be an object.")
                check_json(value, name, InvalidProfile)  # pyright: ignore[reportUnknownArgumentType]
            case "visibility":
                if value not in list(Visibility):
                    raise InvalidProfile(name, f"Must be one of {', '.join(Visibility)}.")
            case "alias":
                if not _is_name(value):
                    raise InvalidProfile(name, f"Must be 1 to {MAX_NAME_LENGTH} printable characters.")
            case _:
                raise InvalidProfile(name, f"Is not a field of a profile; those are {', '.join(FIELDS)}.")


def _check_display_name(value: object) -> None:
    if value is None:
        return
    if not _is_name(value):
        raise InvalidProfile("displayName", f"Must be 1 to {MAX_NAME_LENGTH} printable characters, or null.")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME_LENGTH and value.isprintable()


def _check_photo_url(value: object) -> None:
    if value is None:
        return
    if isinstance(value, str) and len(value) <= MAX_URL_LENGTH and value.isprintable() and " " not in value:
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = None
        # Pages put it into an <img>: nothing but the web's own schemes.
        if parts is not None and parts.scheme in ("http", "https") and parts.hostname:
            return
    raise InvalidProfile("photoURL", f"Must be an http or https URL of at most {MAX_URL_LENGTH} characters, or null.")
