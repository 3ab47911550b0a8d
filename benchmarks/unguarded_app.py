"""Laurels without its edge: nobody is asked who they are, nothing is limited. The floor of what guarding costs."""

from __future__ import annotations

from typing import cast

from litestar import Litestar
from litestar.types import HTTPScope, Receive, Send

from laurels.bootstrap import create_app_from_environment
from laurels.http.app import LaurelsApp
from laurels.http.auth.access import EVERYTHING
from laurels.http.server.edge import Edge, Inner


async def _pass(scope: HTTPScope, receive: Receive, send: Send, inner: Inner) -> None:
    scope["state"]["caller"] = EVERYTHING
    await inner(scope, receive, send)


def create_app() -> Litestar:
    """The application with the settings of the environment."""
    app = cast("LaurelsApp", create_app_from_environment())
    app.edge = lambda: cast("Edge", _pass)
    return app
