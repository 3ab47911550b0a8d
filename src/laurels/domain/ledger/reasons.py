"""The reason that a person gives for an entry of their own: corrections, merges, spendings."""

from __future__ import annotations

from laurels.errors import InvalidInput

MAX_REASON_LENGTH = 500


def check_reason(reason: object) -> None:
    """Raise InvalidInput if it is not a valid reason."""
    if not isinstance(reason, str) or not reason.strip() or len(reason) > MAX_REASON_LENGTH:
        raise InvalidInput("reason", f"Must say why, in 1 to {MAX_REASON_LENGTH} characters.")
