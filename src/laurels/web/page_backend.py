"""The pages' needs from the server that shows them: the rights of requests, sessions, forms and streams.

Pages and the HTTP interface do not know each other; the code that joins them passes a `PageBackend`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from litestar import Request, Response

from laurels.application.access.viewer import Viewer
from laurels.application.live.feeds import Feed
from laurels.application.service import Service


class PageBackend(Protocol):
    """The server around the pages."""

    def viewer(self, request: Request[Any, Any, Any]) -> Viewer:
        """The rights of the sender of `request`."""
        ...

    def user_id(self, request: Request[Any, Any, Any], prefix: str, *, tail: str = "") -> str:
        """The user id between `prefix` and `tail` in the path, which may hold any character. Raises InvalidQuery."""
        ...

    def drawing(self, request: Request[Any, Any, Any], service: Service) -> AbstractAsyncContextManager[None]:
        """A turn to draw a page or a picture, for a block; others are drawn before or after it. Refuses the request
        where too many wait."""
        ...

    def follower(self, request: Request[Any, Any, Any]) -> str:
        """The name under which the sender of `request` follows boards: each has a share of their reads."""
        ...

    async def stream(
        self,
        request: Request[Any, Any, Any],
        follow: Callable[[], Awaitable[Feed]],
        *,
        is_still_shown: Callable[[], Awaitable[bool]] | None = None,
    ) -> Response[bytes]:
        """The feed of `follow` as server-sent events, within the server's limits on streams. It continues while the
        sender of `request` is valid and `is_still_shown` returns true, and also if that raises StoreError."""
        ...

    async def sign_in(self, request: Request[Any, Any, Any], service: Service, key: str) -> str | None:
        """The header that sets a session, for a caller with this admin key; None if it is no such key."""
        ...

    async def sign_out(self, request: Request[Any, Any, Any], service: Service) -> str:
        """End the session of a request; returns the header that deletes its cookie."""
        ...

    def form_token(self, request: Request[Any, Any, Any]) -> str:
        """The value for the field `token` in the forms of a page."""
        ...

    async def form(self, request: Request[Any, Any, Any], *, is_long: bool = False) -> dict[str, str] | None:
        """The fields of a form from one of our own pages; None for any other. `is_long` permits a form with a document
        in it: use it for administrators only."""
        ...

    async def count_profile_change(self, request: Request[Any, Any, Any]) -> None:
        """Count a change of the sender's own profile, before it is made; too many are answered by the server."""
        ...

    def fixed_fields(self, request: Request[Any, Any, Any]) -> frozenset[str]:
        """The fields of their own profile that the sender of `request` cannot change."""
        ...

    def caller_name(self, request: Request[Any, Any, Any]) -> str | None:
        """The name of the sender of `request` in the ledger, if known."""
        ...
