"""Laurels without its guard: nobody is asked who they are, nothing is limited. The floor of what guarding costs."""

from __future__ import annotations

from litestar.types import ASGIApp, Receive, Scope, Send

from laurels.bootstrap.server import compose
from laurels.http.auth.access import EVERYTHING
from laurels.http.server.lifespan import Lifespan
from laurels.settings import read_settings


def _open_to_all(app: ASGIApp) -> ASGIApp:
    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["caller"] = EVERYTHING
        await app(scope, receive, send)

    return pass_on


def create_app() -> Lifespan:
    """The application with the settings of the environment."""
    return compose(read_settings(), guard=_open_to_all)
