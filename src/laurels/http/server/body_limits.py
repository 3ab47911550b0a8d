"""The maximum sizes of request bodies. The limits on the number of requests are in `auth/guard.py`."""

from __future__ import annotations

from typing import Any

from litestar import Request
from msgspec import Struct


class BodyLimits(Struct, frozen=True):
    """The maximum sizes of bodies in bytes: of a single request, and of a batch."""

    event_bytes: int
    batch_bytes: int


def limits_of(request: Request[Any, Any, Any]) -> BodyLimits:
    """The limits of the application that serves `request`.

    Not a dependency of a handler: the framework resolves several of them in a task group, which costs an event more
    than recording it does.
    """
    return request.app.state.limits
