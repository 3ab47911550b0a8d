"""Pictures to embed elsewhere: as images in a page of the platform, in a README, in an iframe.

The same functions draw them as draw the pages. A picture that is sent alone carries its style in itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Request, Response
from markupsafe import Markup

from laurels.application.queries.badges import catalogue
from laurels.application.service import Service
from laurels.web import drawing
from laurels.web.languages import Language
from laurels.web.names import initial_of, shown_name
from laurels.web.rendering import language_of
from laurels.web.standalone import standalone, theme_of

PICTURES = ("streak", "level", "heatmap", "card")
WIDEST = 2_000
SECONDS = 60
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def framed_by(origins: Sequence[str]) -> dict[str, str]:
    """The headers of a page that pages of these origins may hold in a frame."""
    ancestors = " ".join(["'self'", *origins])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
    # The older header knows no list of origins: an empty one takes it away.
    return {"content-security-policy": policy, "x-frame-options": ""}


async def learner_picture(
    request: Request[Any, Any, Any], service: Service, user_id: str, kind: str
) -> Response[bytes]:
    """The picture `kind` of a learner. Raises UnknownUser or StoreError."""
    language = language_of(request)
    dashboard = await service.learners.dashboard(user_id)
    activity = await service.learners.activity(user_id)
    today = datetime.fromtimestamp(service.clock() / 1000, ZoneInfo(dashboard.user.time_zone)).date()
    match kind:
        case "streak":
            picture = drawing.flame(dashboard, activity, today, language)
        case "level":
            picture = drawing.ring(dashboard, language)
        case "heatmap":
            picture = drawing.year(activity, today, language)
        case _:
            states = await service.learners.badges(user_id)
            newest = sorted((state for state in states if state.earned), key=lambda state: state.earned_at or "")[-5:]
            medals = [drawing.medal(state, 40, language) for state in reversed(newest)]
            name, initial = shown_name(dashboard.user, language), initial_of(dashboard.user, language)
            picture = drawing.card(dashboard, medals, name, initial, language)
    return _image(request, picture, language)


def badge_picture(request: Request[Any, Any, Any], service: Service, badge_id: str) -> Response[bytes] | None:
    """The medal of a badge; None where there is none with this id."""
    language = language_of(request)
    found = next((badge for badge in catalogue(service.rulebook) if badge.badge_id == badge_id), None)
    if found is None:
        return None
    return _image(request, drawing.definition_medal(found, 160, language), language)


def _image(request: Request[Any, Any, Any], picture: Markup, language: Language) -> Response[bytes]:
    theme = request.query_params.get("theme", "auto")
    width = request.query_params.get("width", "")
    body = standalone(
        picture,
        theme=theme_of(theme),
        width=int(width) if width.isascii() and width.isdigit() and 0 < int(width[:5]) <= WIDEST else None,
        language=language.code,
    ).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {
        "etag": tag,
        "cache-control": f"public, max-age={SECONDS}",
        "vary": "accept-language",
        "content-security-policy": _POLICY,
        "cross-origin-resource-policy": "cross-origin",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type="image/svg+xml", headers=headers)
