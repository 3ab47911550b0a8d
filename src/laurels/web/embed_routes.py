"""The addresses of pictures and pages that are embedded elsewhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from laurels.application.service import Service
from laurels.web.page_access import closed, host_of, known_to, nobody, nothing, query_of
from laurels.web.pages.embeds import PICTURES, badge_picture, framed_by, learner_picture
from laurels.web.pages.learner import learner_page
from laurels.web.rendering import STATIC


@get("/embed/badge/{name:str}", include_in_schema=False, sync_to_thread=False)
def badge_image(
    request: Request[Any, Any, Any], service: NamedDependency[Service], name: FromPath[str]
) -> Response[Any]:
    viewer = host_of(request).viewer(request)
    if not viewer.sees("badges"):
        return closed(request)
    badge_id, dot, _ = name.rpartition(".svg")
    picture = badge_picture(request, service, badge_id, is_public="badges" in viewer.shown) if dot else None
    return picture or nothing(request)


@get("/embed/{user_id:path}", include_in_schema=False)
async def embedded(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    kind = next((one for one in PICTURES if request.scope["raw_path"].endswith(f"/{one}.svg".encode())), None)
    user_id = host_of(request).user_id(request, "/embed/", tail=f"/{kind}.svg" if kind else "")
    if kind is not None:
        known = await known_to(request, service, user_id)
        picture = None if known is None else await learner_picture(request, service, known, kind)
        return picture or nobody(request)
    name = quote(user_id, safe="")
    address = f"/embed/{name}{query_of(request)}"
    return await learner_page(
        request,
        service,
        user_id,
        address=address,
        live=f"/stream/u/{name}",
        template="embed.html",
        headers=framed_by(request.route_handler.opt["frame_ancestors"]),
    )


@get("/laurels.js", media_type="text/javascript; charset=utf-8", include_in_schema=False, sync_to_thread=False)
def element() -> Response[bytes]:
    headers = {"cache-control": "public, max-age=3600", "cross-origin-resource-policy": "cross-origin"}
    return Response((STATIC / "embed.js").read_bytes(), headers=headers)


EMBEDS = (badge_image, embedded, element)
