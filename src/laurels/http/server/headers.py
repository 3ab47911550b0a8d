"""Security headers for browsers, on every answer."""

from __future__ import annotations

from litestar.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_COMMON: Headers = [
    (b"x-content-type-options", b"nosniff"),
    # Other sites get nothing; with no-referrer a browser would not even tell us that a form is one of our own.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
_API: Headers = [
    *_COMMON,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_PAGE: Headers = [
    *_COMMON,
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
]
_OPTIONAL = frozenset({b"content-security-policy", b"x-frame-options", b"cache-control"})
_OF_API = ("/api", "/health", "/openapi")


class SecurityHeaders:
    """Adds the headers to the answers of `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _API if scope["path"].startswith(_OF_API) else _PAGE

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                # A page that may be framed, or a picture with its own style, sets its own rules. An empty value removes
                # a rule.
                stated = {name.lower() for name, _ in given} & _OPTIONAL
                if stated:
                    given = [(name, value) for name, value in given if value or name.lower() not in _OPTIONAL]
                message["headers"] = [*given, *(header for header in headers if header[0] not in stated)]
            await send(message)

        await self._app(scope, receive, answer)
