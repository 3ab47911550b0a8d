"""Turns errors into answers: one table, one shape (RFC 9457, plus the fields that existing clients read).

No answer carries a stack trace, a query, a driver's message or a path: an unexpected error becomes a bare 500, and its
cause goes to the log.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import UNSET, Struct, UnsetType

from laurels.errors import (
    BalanceTooLow,
    EventConflict,
    InternalFault,
    InvalidEvent,
    InvalidInput,
    InvalidProfile,
    InvalidQuery,
    LaurelsError,
    OtherRulebook,
    RepairRefused,
    RulebookError,
    SettingsError,
    SpendingConflict,
    StoreContended,
    StoreError,
    StoreIncompatible,
    StoreUnavailable,
    StoreUnreachable,
    UnknownBadge,
    UnknownEvent,
    UnknownJob,
    UnknownKey,
    UnknownUser,
    UnknownWebhook,
    UserDeleted,
    UserMerged,
)
from laurels.http.observability.observing import REFUSALS_LOGGED, TrafficSample
from laurels.http.server.routing import address_of
from laurels.http.wire.http_error import HttpError
from laurels.http.wire.streams import StreamRefused
from laurels.validation import plain

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

logger = structlog.get_logger("laurels.http")


class FieldError(Struct, frozen=True):
    """One wrong field, by its name on the wire, dotted for nested fields."""

    field: str
    message: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refusal. `type` is stable and meant for programs, `error` is one sentence for people. `currency`, `balance` and
    `amount` are there where less was left than was to be spent."""

    type: str
    title: str
    status: int
    detail: str
    success: Literal[False]
    error: str
    errors: list[FieldError] = []
    fallback: bool = False
    currency: str | UnsetType = UNSET
    balance: int | UnsetType = UNSET
    amount: int | UnsetType = UNSET


STATUS: dict[type[LaurelsError], int] = {
    LaurelsError: 500,
    InvalidInput: 422,
    InvalidEvent: 422,
    InvalidProfile: 422,
    InvalidQuery: 422,
    EventConflict: 409,
    SpendingConflict: 409,
    BalanceTooLow: 409,
    UnknownUser: 404,
    UserDeleted: 410,
    UserMerged: 409,
    UnknownEvent: 404,
    UnknownBadge: 404,
    UnknownKey: 404,
    UnknownWebhook: 404,
    UnknownJob: 404,
    RepairRefused: 409,
    RulebookError: 500,
    OtherRulebook: 500,
    SettingsError: 500,
    InternalFault: 500,
    StoreError: 503,
    StoreUnavailable: 503,
    StoreUnreachable: 503,
    StoreContended: 503,
    StoreIncompatible: 503,
}
"""The status of every error of the tree."""

TITLES: dict[str, str] = {
    "invalid-input": "Invalid input",
    "invalid-event": "Invalid event",
    "invalid-profile": "Invalid profile",
    "invalid-query": "Invalid query",
    "event-conflict": "Event id already used",
    "spending-conflict": "Spending id already used",
    "balance-too-low": "Balance too low",
    "unknown-user": "Unknown user",
    "user-deleted": "User deleted",
    "user-merged": "User merged into another one",
    "unknown-event": "Unknown event",
    "unknown-badge": "Unknown badge",
    "repair-refused": "Streak cannot be repaired",
    "unknown-key": "Unknown key",
    "unknown-webhook": "Unknown webhook",
    "unknown-job": "Unknown job",
    "store-error": "Store error",
    "store-unavailable": "Store unavailable",
    "store-unreachable": "Store unreachable",
    "store-contended": "Store contended",
    "store-incompatible": "Store incompatible",
}


_AWAY = "The database does not answer now; nothing of this request was acknowledged. Send it again in a moment."

STORE_DETAILS: dict[str, str] = {
    "store-error": "The database did not carry out the request; the server's log has the cause.",
    "store-unavailable": _AWAY,
    "store-unreachable": _AWAY,
    "store-contended": "Other writers kept recording for this user at the same moment. Send it again in a moment.",
    "store-incompatible": "The database cannot be used by this server; the server's log has the cause.",
}
"""The texts of store errors for callers; the errors' own texts are for the operator and may name files and hosts."""


_failures = TrafficSample(REFUSALS_LOGGED)
_faults = TrafficSample(REFUSALS_LOGGED)


def problem(
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
    too_low: BalanceTooLow | None = None,
) -> Response[bytes]:
    """An answer that refuses; `too_low` where that is why."""
    headers = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    body = Problem(
        type=f"urn:laurels:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        success=False,
        error=detail,
        errors=errors or [],
        fallback=status == HTTPStatus.SERVICE_UNAVAILABLE,
        currency=UNSET if too_low is None else too_low.currency,
        balance=UNSET if too_low is None else too_low.balance,
        amount=UNSET if too_low is None else too_low.amount,
    )
    return Response(msgspec.json.encode(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def plain_refusal(status: int, detail: str) -> bytes:
    """A whole answer to something that is not a request yet; the connection closes after it."""
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "-")
    answer = problem(status=status, code=code, title=phrase, detail=detail)
    fields = {
        "content-type": MEDIA_TYPE,
        "content-length": len(answer.content),
        "connection": "close",
        "x-content-type-options": "nosniff",
        **{name.lower(): value for name, value in answer.headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode() + answer.content


def sentence(error: LaurelsError) -> str:
    """The text of an error for the caller; empty if its text is for the log alone."""
    if isinstance(error, StoreError):
        return STORE_DETAILS[error.code]
    return str(error) if STATUS[type(error)] < HTTPStatus.INTERNAL_SERVER_ERROR else ""


def on_laurels_error(request: Request[Any, Any, Any], error: LaurelsError) -> Response[bytes]:
    """The answer to an expected error."""
    status = STATUS[type(error)]
    detail = sentence(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A store's error without a cause was raised without a query, and the outage was logged when it began. A fault
        # was logged with its traceback where it happened.
        is_logged = isinstance(error, InternalFault) or (isinstance(error, StoreError) and error.__cause__ is None)
        cause = None if is_logged else error
        # All requests that wait for a store that is away fail at once, each with a traceback.
        _log(_failures, "request failed", request, code=error.code, exc_info=cause)
        if not is_logged:
            _note(request, error)
    if not detail:
        return on_fault(request, error)
    errors = [FieldError(*fault) for fault in error.faults] if isinstance(error, InvalidInput) else None
    return problem(
        status=status,
        code=error.code,
        title=TITLES[error.code],
        detail=detail,
        errors=errors,
        too_low=error if isinstance(error, BalanceTooLow) else None,
    )


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The answer to the framework's refusals: no such route, wrong method, a query that does not convert."""
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        found: list[Any] = error.extra
        errors = [FieldError(str(item.get("key", "")), plain(str(item["message"]))) for item in found]
        detail = " ".join(f"{each.field}: {each.message}" for each in errors)
        return problem(status=422, code="invalid-query", title=TITLES["invalid-query"], detail=detail, errors=errors)
    status = HTTPStatus(error.status_code)
    if isinstance(error, HttpError):
        code, title = status.phrase.lower().replace(" ", "-"), status.phrase
        if isinstance(error, StreamRefused):
            code, title = "too-many-streams", "Too many streams"
        return problem(status=status, code=code, title=title, detail=error.detail, headers=error.headers)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_fault(request, error)
    detail = _HTTP_DETAILS.get(status, f"{status.phrase}.")
    code = status.phrase.lower().replace(" ", "-")
    allowed = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return problem(status=status, code=code, title=status.phrase, detail=detail, headers=allowed)


def not_found(response: Response[Any]) -> Response[Any]:
    """Replaces a 404 that the framework answers with a page of its own."""
    if response.status_code != HTTPStatus.NOT_FOUND:
        return response
    title = HTTPStatus.NOT_FOUND.phrase
    return problem(status=404, code="not-found", title=title, detail=_HTTP_DETAILS[HTTPStatus.NOT_FOUND])


def _log(sample: TrafficSample, event: str, request: Request[Any, Any, Any], **more: Any) -> None:
    """Write a log line unless there are too many of them."""
    if (unlogged := sample.take()) is not None:
        logger.error(event, route=_route(request), **more, **({"unlogged": unlogged} if unlogged else {}))


def _note(request: Request[Any, Any, Any], error: Exception) -> None:
    """Show it to operators on their page."""
    # A layer around the routes fails before the framework has identified the request.
    scope: Any = request.scope
    app = scope.get("litestar_app")
    running = None if app is None else app.state.get("running")
    if running is not None:
        running.service.incidents.note_error(error, _route(request))


def on_fault(request: Request[Any, Any, Any], error: Exception, *, logged: TrafficSample = _faults) -> Response[bytes]:
    """The answer to a fault of ours: the details go only to the log, if `logged` lets it through."""
    if not isinstance(error, LaurelsError):
        _log(logged, "unexpected fault", request, exc_info=error)
        _note(request, error)
    return problem(
        status=500,
        code="internal",
        title="Internal server error",
        detail="Something went wrong on our side; the server's log has the cause.",
    )


_HTTP_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address; the API is described at /openapi.json.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than this address takes; send less at a time.",
}


def _route(request: Request[Any, Any, Any]) -> str:
    # The template, not the path: paths hold user ids.
    address = address_of(request.scope)
    return f"{request.method} {'' if address is None else address.template}"
