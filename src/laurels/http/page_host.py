"""The server as the pages see it: what a request may see, what a path names, how a stream is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from litestar import Request, Response
from msgspec import Struct

from laurels.application.live.feeds import Feed
from laurels.domain.keys import ADMIN, PROGRESS_READ
from laurels.http.auth.access import caller_of
from laurels.http.routes.streams import streams_of
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.streams import EventStream


class Viewer(Struct, frozen=True):
    """What the sender of a request may see; `laurels.web.host` says what each field means."""

    is_reader: bool
    is_admin: bool
    user_id: str | None
    shown: Collection[str]

    def sees(self, part: str) -> bool:
        """Whether `boards`, `badges` or `profiles` may be shown to this viewer."""
        return self.is_reader or self.user_id is not None or part in self.shown


class PageHost:
    """Gives the pages what they need of this server."""

    def viewer(self, request: Request[Any, Any, Any]) -> Viewer:
        """What the sender of `request` may see."""
        caller = caller_of(request.scope)
        return Viewer(PROGRESS_READ in caller.scopes, ADMIN in caller.scopes, caller.user_id, caller.shown)

    def user_id(self, request: Request[Any, Any, Any], prefix: str, *, tail: str = "") -> str:
        """The user id between `prefix` and `tail` in the path. Raises InvalidQuery."""
        return user_id_in(request.scope, prefix, tail=tail)

    async def stream(self, request: Request[Any, Any, Any], follow: Callable[[], Awaitable[Feed]]) -> Response[bytes]:
        """What `follow` gives as server-sent events."""
        streams = streams_of(request)
        with streams.entering(request.scope) as leave:
            still_counts = caller_of(request.scope).still_counts
            return EventStream(await follow(), leave, heartbeat=streams.limits.heartbeat, still_counts=still_counts)
