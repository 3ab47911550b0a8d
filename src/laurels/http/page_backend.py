"""The server as the pages see it: the rights of a request, the ids in a path, forms, sessions and streams."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response

from laurels.application.access.viewer import Viewer
from laurels.application.live.feeds import Feed
from laurels.application.service import Service
from laurels.domain.keys import ADMIN, PROGRESS_READ
from laurels.errors import StoreError
from laurels.http.auth import sessions
from laurels.http.auth.access import caller_of
from laurels.http.auth.guard import PROFILE_BYTES, charge_written, count_failure
from laurels.http.auth.senders import sender_of
from laurels.http.routes.streams import streams_of
from laurels.http.server.drawing_turns import DrawingTurns
from laurels.http.wire.bodies import read_body, user_id_in
from laurels.http.wire.streams import EventStream

# A key and a token. Anybody may send a form, and decoding half a megabyte takes a third of a second.
FORM_BYTES = 4 * 1024
# A rulebook, in the worst case with each of its characters escaped.
LONG_FORM_BYTES = 1024 * 1024
MOST_FIELDS = 50


class PageHost:
    """Gives the pages access to this server. `public_url`: the origin under which browsers reach it, if known."""

    def __init__(self, public_url: str | None = None) -> None:
        scheme, _, host = (public_url or "").lower().partition("://")
        self._secure_host = host if scheme == "https" else None
        self._drawings = DrawingTurns()

    def viewer(self, request: Request[Any, Any, Any]) -> Viewer:
        """The rights of the sender of `request`."""
        caller = caller_of(request.scope)
        return Viewer(PROGRESS_READ in caller.scopes, ADMIN in caller.scopes, caller.user_id, caller.shown)

    def user_id(self, request: Request[Any, Any, Any], prefix: str, *, tail: str = "") -> str:
        """The user id between `prefix` and `tail` in the path. Raises InvalidQuery."""
        return user_id_in(request.scope, prefix, tail=tail)

    def drawing(self, request: Request[Any, Any, Any], service: Service) -> AbstractAsyncContextManager[None]:
        """A turn to draw a page or a picture. Raises HttpError where too many wait."""
        viewer, committer = self.viewer(request), service.recorder.committer
        return self._drawings.turn(
            sender_of(request.scope),
            is_stranger=not viewer.is_reader and viewer.user_id is None,
            is_recording=lambda: committer.asked_at is not None or committer.queue_length > 0,
        )

    def follower(self, request: Request[Any, Any, Any]) -> str:
        """The name under which the sender of `request` follows boards."""
        return sender_of(request.scope)

    async def stream(
        self,
        request: Request[Any, Any, Any],
        follow: Callable[[], Awaitable[Feed]],
        *,
        is_still_shown: Callable[[], Awaitable[bool]] | None = None,
    ) -> Response[bytes]:
        """The feed of `follow` as server-sent events."""
        streams = streams_of(request)
        caller_counts = caller_of(request.scope).is_still_valid

        async def is_still_valid() -> bool:
            if caller_counts is not None and not await caller_counts():
                return False
            # While the store is away the stream continues: it then sends nothing that could have been hidden since.
            with suppress(StoreError):
                return is_still_shown is None or await is_still_shown()
            return True

        with streams.entering(request.scope) as leave:
            return EventStream(await follow(), leave, heartbeat=streams.limits.heartbeat, is_still_valid=is_still_valid)

    async def sign_in(self, request: Request[Any, Any, Any], service: Service, key: str) -> str | None:
        """The header that sets a session, for a caller with this admin key; None if it is no such key."""
        session = await sessions.sign_in(service.store.keys, service.clock, key)
        if session is None:
            # The form is one more way to guess keys.
            await count_failure(request.scope)
            return None
        return sessions.cookie_of(session, is_secure=self._needs_secure_cookie(request))

    async def sign_out(self, request: Request[Any, Any, Any], service: Service) -> str:
        """End the session of a request; returns the header that deletes its cookie."""
        session = sessions.session_in(request.scope)
        if session is not None:
            await sessions.sign_out(service.store.keys, service.clock, session)
        return sessions.cookie_of("", is_secure=self._needs_secure_cookie(request))

    def form_token(self, request: Request[Any, Any, Any]) -> str:
        """The token that forms of this session carry: a page of another origin cannot know it.

        A cookie beside an end user's token is ignored: made-up cookies would have the same page drawn for each.
        """
        is_learner = caller_of(request.scope).user_id is not None
        session = "" if is_learner else sessions.session_in(request.scope) or ""
        return hmac.new(session.encode(), b"form", hashlib.sha256).hexdigest()

    async def form(self, request: Request[Any, Any, Any], *, is_long: bool = False) -> dict[str, str] | None:
        """The fields of a form that one of our own pages sent; None for any other."""
        body = await read_body(request.scope, request.receive, LONG_FORM_BYTES if is_long else FORM_BYTES)
        try:
            fields = await asyncio.to_thread(_fields_of, body) if is_long else _fields_of(body)
        except ValueError:
            return None
        # As bytes: for strings, the comparison accepts ASCII only.
        token = fields.get("token", "").encode("utf-8", "replace")
        if not self._is_of_own_page(request) or not hmac.compare_digest(token, self.form_token(request).encode()):
            return None
        return fields

    def _is_of_own_page(self, request: Request[Any, Any, Any]) -> bool:
        """Whether the page that sends a form is of this origin."""
        scheme, _, host = request.headers.get("origin", "").partition("://")
        # Behind a proxy that does not say how it was reached, or is not trusted, it may be either.
        schemes = ("https",) if self._is_secure(request) else ("http", "https")
        return bool(host) and host == request.headers.get("host") and scheme in schemes

    def _needs_secure_cookie(self, request: Request[Any, Any, Any]) -> bool:
        """Whether the sender's browser reached a page of ours by https. It says so itself in each form, also if the
        proxy before us does not, or is not trusted."""
        return self._is_secure(request) or request.headers.get("origin", "").startswith("https://")

    def _is_secure(self, request: Request[Any, Any, Any]) -> bool:
        """Whether the browser is known to use TLS: a trusted proxy says so, or the public address does."""
        is_tls = request.scope["scheme"] == "https"
        return is_tls or (
            self._secure_host is not None and request.headers.get("host", "").lower() == self._secure_host
        )

    async def count_profile_change(self, request: Request[Any, Any, Any]) -> None:
        """Count a change of the sender's own profile, before it is made. Raises HttpError where there were too many."""
        await charge_written(request.scope, (PROFILE_BYTES,))

    def fixed_fields(self, request: Request[Any, Any, Any]) -> frozenset[str]:
        """The fields of their own profile that the sender of `request` cannot change."""
        return caller_of(request.scope).fixed_fields

    def caller_name(self, request: Request[Any, Any, Any]) -> str | None:
        """The name of the sender of `request` in the ledger, if known."""
        return caller_of(request.scope).name


def _fields_of(body: bytes) -> dict[str, str]:
    """The last field of each name. Raises ValueError if there are too many."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
