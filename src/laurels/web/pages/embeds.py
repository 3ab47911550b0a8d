"""Pictures to embed elsewhere: as images in a page of the platform, in a README, in an iframe.

The same functions draw the pictures of the pages. A picture that is sent alone contains its own style.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response

from laurels.application.queries.learners.learner_queries import Known
from laurels.application.service import Service
from laurels.web.display_names import shown_name
from laurels.web.drawing import LARGE_MEDAL, Pen
from laurels.web.page_access import drawing_of, is_shown_to_all
from laurels.web.pages.badges import spoken_badge
from laurels.web.pictures import Markup
from laurels.web.pictures.theme import Theme, embedded_style_hash
from laurels.web.rendering import language_of

PICTURES = ("streak", "level", "heatmap", "card")
WIDEST = 2_000
SECONDS = 60


def framed_by(origins: Sequence[str]) -> dict[str, str]:
    """The headers of a page that pages of these origins may embed in a frame."""
    ancestors = " ".join(["'self'", *origins])
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
    # The older header has no list of origins: an empty value removes it.
    return {"content-security-policy": policy, "x-frame-options": ""}


async def learner_picture(
    request: Request[Any, Any, Any], service: Service, known: Known, kind: str
) -> Response[bytes] | None:
    """The picture `kind` of a learner; None if the viewer may not see them any more. Raises StoreError."""
    pen, width = Pen(language_of(request), theme_of(request)), _width(request)
    shares = await service.rarity.shares()
    async with drawing_of(request, service, known) as shown:
        if shown is None:
            return None
        learners, progress = service.learners, shown.progress
        dashboard, activity = learners.dashboard_of(shown, shares), learners.activity_of(shown)
        today = learners.today_of(progress)
        match kind:
            case "streak":
                picture = pen.streak(dashboard, activity, today, width)
            case "level":
                picture = pen.level(dashboard, width)
            case "heatmap":
                picture = pen.year(activity, today, width)
            case _:
                badges = learners.badges_of(progress, shares)
                picture = pen.card(dashboard, badges, shown_name(dashboard.user, pen.language), width)
        return _image(request, picture, is_public=is_shown_to_all(request, progress))


def badge_picture(
    request: Request[Any, Any, Any], service: Service, badge_id: str, *, is_public: bool
) -> Response[bytes] | None:
    """The medal of a badge; `is_public`: everybody may see it. None if there is no badge with this id."""
    language = language_of(request)
    found = spoken_badge(service, badge_id, language)
    if found is None:
        return None
    pen = Pen(language, theme_of(request))
    return _image(request, pen.single_medal(found, _width(request) or LARGE_MEDAL), is_public=is_public)


def theme_of(request: Request[Any, Any, Any]) -> Theme:
    """The theme that a request asks for; `auto` for any other value."""
    match request.query_params.get("theme"):
        case "light":
            return "light"
        case "dark":
            return "dark"
        case _:
            return "auto"


def _width(request: Request[Any, Any, Any]) -> int | None:
    width = request.query_params.get("width", "")
    # Checks the length first: Python does not parse a number of thousands of digits.
    return int(width) if width.isascii() and width.isdigit() and len(width) <= 5 and 0 < int(width) <= WIDEST else None


def _image(request: Request[Any, Any, Any], picture: Markup, *, is_public: bool) -> Response[bytes]:
    body = picture.encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {
        "etag": tag,
        # `public` would let a shared cache keep the answer to a request with a token, and give it to strangers.
        "cache-control": f"public, max-age={SECONDS}" if is_public else "private, no-cache",
        "vary": "accept-language",
        "content-security-policy": f"default-src 'none'; style-src {embedded_style_hash()}; sandbox",
        "cross-origin-resource-policy": "cross-origin",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type="image/svg+xml", headers=headers)
