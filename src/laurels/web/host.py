"""What pages need of the server that shows them: which requests may see what, and how a stream is sent.

Pages and the HTTP interface do not know each other; whoever joins them hands a `Host` over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from litestar import Request, Response

from laurels.application.access.viewer import Viewer
from laurels.application.live.feeds import Feed
from laurels.application.service import Service


class Host(Protocol):
    """The server around the pages."""

    def viewer(self, request: Request[Any, Any, Any]) -> Viewer:
        """What the sender of `request` may see."""
        ...

    def user_id(self, request: Request[Any, Any, Any], prefix: str, *, tail: str = "") -> str:
        """The user id between `prefix` and `tail` in the path, which may hold any character. Raises InvalidQuery."""
        ...

    async def stream(
        self,
        request: Request[Any, Any, Any],
        follow: Callable[[], Awaitable[Feed]],
        *,
        is_still_shown: Callable[[], Awaitable[bool]] | None = None,
    ) -> Response[bytes]:
        """What `follow` gives as server-sent events, within the server's limits on streams, as long as the sender of
        `request` counts and `is_still_shown` says so. Where that raises StoreError, it goes on."""
        ...

    async def sign_in(self, request: Request[Any, Any, Any], service: Service, key: str) -> str | None:
        """The header that sets a session, for a caller with this admin key; None where it is no such key."""
        ...

    async def sign_out(self, request: Request[Any, Any, Any], service: Service) -> str:
        """End the session of a request; the header that takes its cookie away."""
        ...

    def form_token(self, request: Request[Any, Any, Any]) -> str:
        """What the forms of a page carry in the field `token`."""
        ...

    async def form(self, request: Request[Any, Any, Any], *, is_long: bool = False) -> dict[str, str] | None:
        """The fields of a form that one of our own pages sent; None for any other. A form with a document in it
        `is_long`: ask for one of administrators alone."""
        ...

    def fixed_fields(self, request: Request[Any, Any, Any]) -> frozenset[str]:
        """The fields of their own profile that the sender of `request` cannot change."""
        ...

    def caller_name(self, request: Request[Any, Any, Any]) -> str | None:
        """What the sender of `request` is called in the ledger, where that is known."""
        ...
