"""Errors between a client and the service, beside those of the library, and the mapping from refusals to errors.

LaurelsError
├── ...                      those of `laurels.errors`, by the code of the refusal
├── RequestRefused           the service does not take the request as a whole: its key, its rate, its size
└── StoreError
    └── StoreUnavailable
        ├── ServiceUnreachable   no answer of the service; it is not known whether the request was carried out
        └── NotStored            tracked events cannot be written to the disk, and wait in memory
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from time import time

import msgspec
from msgspec import Struct

from laurels.errors import (
    BalanceTooLow,
    EventConflict,
    InternalFault,
    InvalidEvent,
    InvalidInput,
    InvalidProfile,
    InvalidQuery,
    LaurelsError,
    RepairRefused,
    SpendingConflict,
    StoreContended,
    StoreError,
    StoreIncompatible,
    StoreUnavailable,
    StoreUnreachable,
    UnknownUser,
    UserDeleted,
)

_CODE = "urn:laurels:problem:"
_INVALID = {each.code: each for each in (InvalidInput, InvalidEvent, InvalidProfile, InvalidQuery)}
_PLAIN = {
    each.code: each
    for each in (
        RepairRefused,
        StoreError,
        StoreUnavailable,
        StoreUnreachable,
        StoreContended,
        StoreIncompatible,
        InternalFault,
    )
}


class RequestRefused(LaurelsError):
    """The service refused the request as a whole. `code` is one of the refusals of docs/http.md, such as unauthorized,
    forbidden or too-many-requests.

    `status` is that of the answer; `retry_after` is the number of seconds that the service asks to wait, None if it
    does not ask.
    """

    code = "request-refused"

    def __init__(self, detail: str, *, status: int, code: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class ServiceUnreachable(StoreUnavailable):
    """No answer of the service came. It is not known whether the request was carried out; repeat it with its ids."""

    code = "service-unreachable"


class NotStored(StoreUnavailable):
    """Tracked events cannot be written to the disk: they wait in memory, and are lost with this process."""

    code = "not-stored"


class WrongField(Struct, frozen=True):
    """A wrong field of a refusal."""

    field: str
    message: str


class _Refusal(Struct, frozen=True):
    type: str = ""
    error: str = ""
    errors: list[WrongField] = []
    currency: str = ""
    balance: int | None = None
    amount: int = 0


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, *, user_id: str = "", event_id: str = ""
) -> LaurelsError:
    """The error for a refusal. The body may be anything, since proxies answer, too."""
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        refusal = _Refusal()
    code = refusal.type.removeprefix(_CODE) or "http"
    if code == BalanceTooLow.code and refusal.balance is not None:
        return BalanceTooLow(refusal.currency, refusal.balance, refusal.amount)
    detail = refusal.error or f"The service, or a proxy before it, answered with the status {status}; see its log."
    known = error_by_code(code, detail, refusal.errors, user_id=user_id, event_id=event_id)
    return known or RequestRefused(detail, status=status, code=code, retry_after=retry_after_of(headers))


def error_by_code(
    code: str, detail: str, faults: Sequence[WrongField], *, user_id: str, event_id: str
) -> LaurelsError | None:
    """The library's error with this code; None for an unknown code."""
    if code in _INVALID:
        first, *others = [(fault.field, fault.message) for fault in faults] or [("", detail)]
        return _INVALID[code](*first, *others)
    if code in _PLAIN:
        return _PLAIN[code](detail)
    match code:
        case EventConflict.code:
            return EventConflict(user_id, event_id)
        case UnknownUser.code:
            return UnknownUser(user_id, detail)
        case UserDeleted.code:
            return UserDeleted()
        case SpendingConflict.code:
            return SpendingConflict()
        case _:
            return None


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer asks to wait; None if it does not ask."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    at = instant_of(value)
    # A date is relative to the server's clock, since ours may be wrong.
    return None if at is None else max(0.0, at - (instant_of(headers.get("date", "")) or time()))


def instant_of(date: str) -> float | None:
    """The instant (seconds) of a date in a header; None if it is not a date."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
