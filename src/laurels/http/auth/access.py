"""Access rules: one rule on each route, and the one place that enforces them.

A route states its rule in `access=...`; the application refuses to start with a route that states none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope
from msgspec import Struct

from laurels.application.service import Service
from laurels.domain.keys import ADMIN, EVENTS_BACKDATE, EVENTS_WRITE, PROGRESS_READ, SCOPES, USERS_WRITE
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.http_error import HttpError

Shown = Literal["boards", "badges"]

MS_PER_HOUR = 3_600_000


class Access(Struct, frozen=True):
    """The rights that a caller needs. `scope` is a key's scope. `own` and `tail` surround the user id in the path: that
    user may call. `shown` needs no rights if the operator shows it to everybody. `is_open`: anybody may call.
    `keys_only`: end users may not call, not even for themselves. `own_in_body`: every end user may call for themselves;
    the handler checks this against the body.
    """

    scope: str = ADMIN
    own: str | None = None
    tail: str = ""
    is_tail_optional: bool = False
    shown: Shown | None = None
    is_open: bool = False
    keys_only: bool = False
    own_in_body: bool = False


OPEN = Access(is_open=True)
ADMINS = Access(ADMIN)
WRITE_EVENTS = Access(EVENTS_WRITE)
SPEND = Access(EVENTS_WRITE, keys_only=True)
REPAIRS = Access(EVENTS_WRITE, own_in_body=True)
BOARDS = Access(PROGRESS_READ, shown="boards")
BADGES = Access(PROGRESS_READ, shown="badges")


def own(path: str, *, tail: str = "", is_tail_optional: bool = False) -> Access:
    """Keys that read progress, and the user whose id is between `path` and `tail`."""
    return Access(PROGRESS_READ, own=path, tail=tail, is_tail_optional=is_tail_optional)


def change_own(path: str) -> Access:
    """Keys that change profiles, and the user whose id follows `path`."""
    return Access(USERS_WRITE, own=path)


class Caller(Struct, frozen=True):
    """The sender of a request. `user_id`: an end user with a token of the platform. `key`: the prefix of a key; a
    session has a key of its own, made from the one with the prefix `parent`.

    `earliest_hours`: how far back its events may lie without the scope that lifts this limit. `is_still_valid` tells
    whether they would be let in again; `fixed_fields` are the fields of their profile that they cannot change.
    """

    scopes: frozenset[str] = frozenset()
    user_id: str | None = None
    key: str | None = None
    parent: str | None = None
    records_own: bool = False
    earliest_hours: int | None = None
    shown: frozenset[str] = frozenset()
    fixed_fields: frozenset[str] = frozenset()
    is_still_valid: Callable[[], Awaitable[bool]] | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether the caller is unknown."""
        return self.key is None and self.user_id is None and not self.scopes

    @property
    def name(self) -> str | None:
        """The name for the record: the prefix of the key that an operator made, or the user id of the token."""
        return self.parent or self.key or self.user_id


EVERYTHING = Caller(scopes=frozenset(SCOPES))
"""Any caller from the service's own machine while there are no keys."""


class Unauthenticated(HttpError):
    """The caller is unknown, and this route needs to know."""

    def __init__(self, detail: str) -> None:
        super().__init__(401, detail, headers={"WWW-Authenticate": 'Bearer realm="laurels"'})


class Forbidden(HttpError):
    """The caller is known, but may not do this."""

    def __init__(self, detail: str) -> None:
        super().__init__(403, detail)


def caller_of(scope: HTTPScope) -> Caller:
    """The sender of the request."""
    state: dict[str, Any] = scope["state"]
    return state["caller"]


def check(access: Access, scope: HTTPScope) -> Caller:
    """The caller, if they may do this. Raises Unauthenticated or Forbidden, independent of the stored data."""
    caller = caller_of(scope)
    if access.is_open or access.scope in caller.scopes:
        return caller
    if access.shown is not None and (access.shown in caller.shown or caller.user_id is not None):
        return caller
    if caller.user_id is not None:
        if access.own is not None and caller.user_id == _user_of(access, scope):
            return caller
        if access.own_in_body or (access.scope == EVENTS_WRITE and caller.records_own and not access.keys_only):
            return caller
    raise _refusal(caller, access.scope)


def check_about(scope: HTTPScope, user_id: str) -> None:
    """Refuse callers who may not query this user by id: their place on a board would reveal an alias."""
    caller = caller_of(scope)
    if PROGRESS_READ not in caller.scopes and caller.user_id != user_id:
        raise _refusal(caller, PROGRESS_READ)


def check_friends(scope: HTTPScope) -> None:
    """Refuse callers who may not rank users by their ids: that takes a key, or a token of an end user. The answer never
    contains users under an alias."""
    caller = caller_of(scope)
    if PROGRESS_READ not in caller.scopes and caller.user_id is None:
        raise _refusal(caller, PROGRESS_READ)


def records_all(caller: Caller) -> bool:
    """Whether the caller may record events of all users."""
    return EVENTS_WRITE in caller.scopes


def check_recording(caller: Caller, user_id: str) -> None:
    """Refuse an end user's event for a different user."""
    if not records_all(caller) and caller.user_id != user_id:
        raise Forbidden("With this token only events of its own user can be recorded.")


def check_own(caller: Caller, user_id: str) -> None:
    """Refuse an end user's request about a different user."""
    if not records_all(caller) and caller.user_id != user_id:
        raise Forbidden("With this token only streaks of its own user can be repaired.")


def earliest_for(caller: Caller, service: Service) -> int | None:
    """The earliest instant that the caller's events may carry, in milliseconds; None: the general setting."""
    if caller.earliest_hours is None or EVENTS_BACKDATE in caller.scopes:
        return None
    return max(service.earliest, service.clock() - caller.earliest_hours * MS_PER_HOUR)


def allow(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The framework's guard: enforce the access rule of the route."""
    scope: Any = connection.scope
    if not _is_of_framework(handler):
        check(handler.opt["access"], scope)


def _is_of_framework(handler: Any) -> bool:
    # Answers to OPTIONS, which list the allowed methods.
    return getattr(handler, "http_methods", None) == {"OPTIONS"}


def _refusal(caller: Caller, scope: str) -> HttpError:
    if caller.is_anonymous:
        return Unauthenticated("Send an API key or a token: Authorization: Bearer ...")
    if caller.key is not None:
        return Forbidden(f"This key lacks the scope {scope}.")
    return Forbidden("This token does not allow that.")


def _user_of(access: Access, scope: HTTPScope) -> str:
    raw_path: bytes = scope["raw_path"]
    tail = "" if access.is_tail_optional and not raw_path.endswith(access.tail.encode()) else access.tail
    return user_id_in(scope, access.own or "", tail=tail)
