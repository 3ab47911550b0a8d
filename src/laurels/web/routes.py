"""The addresses of the pages for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from litestar import MediaType, Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import HTTPScope, Receive

from laurels.application.live.feeds import Feed
from laurels.application.service import Service
from laurels.errors import LaurelsError, StoreError
from laurels.web.admin_routes import ADMIN
from laurels.web.embed_routes import EMBEDS
from laurels.web.page_access import closed, host_of, may_see, nobody, not_done, nothing, query_of, refused_form
from laurels.web.page_backend import PageBackend
from laurels.web.page_feed import PageFeed
from laurels.web.pages.badges import badge_page, badges_page
from laurels.web.pages.board import board_page, timeframe_of
from laurels.web.pages.learner import learner_page
from laurels.web.pages.own import act, own_of
from laurels.web.rendering import GIVEN, STATIC, kept_pages
from laurels.web.static_files import static_route

Short = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body of an answer that is given past the framework."""


@get("/", include_in_schema=False, sync_to_thread=False)
def root() -> Redirect:
    """The start page."""
    return Redirect("/leaderboard")


@get("/docs", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def docs() -> bytes:
    """The API's description as a page, with all its assets from this server."""
    return (STATIC / "docs.html").read_bytes()


@get("/u/{user_id:path}", include_in_schema=False)
async def learner(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[str]:
    user_id = host_of(request).user_id(request, "/u/")
    name = quote(user_id, safe="")
    viewer = host_of(request).viewer(request)
    return await learner_page(
        request,
        service,
        user_id,
        address=f"/u/{name}{query_of(request)}",
        live=f"/stream/u/{name}",
        shows_goals=viewer.is_reader or viewer.user_id == user_id,
        own=own_of(request, service, user_id),
    )


@post("/u/{user_id:path}", include_in_schema=False)
async def act_as_learner(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    user_id = host_of(request).user_id(request, "/u/")
    own = own_of(request, service, user_id)
    if own is None:
        return nobody(request)
    fields = await host_of(request).form(request)
    if fields is None:
        return refused_form(request)
    try:
        await act(request, service, user_id, own, fields)
    except StoreError:
        raise
    except LaurelsError as error:
        return not_done(request, str(error))
    address = f"/u/{quote(user_id, safe='')}{query_of(request)}"
    return Response(b"", status_code=303, headers={"location": address})


def short_learner(given: Mapping[str, Any]) -> Callable[[HTTPScope, Receive, Service, Any], Awaitable[Short]]:
    """The fast path of `learner`, for a server that has `given` its pages so much: what the framework does around it
    costs as much as a third of drawing a page."""

    async def answer(scope: HTTPScope, _receive: Receive, service: Service, _limits: Any) -> Short:
        scope["state"][GIVEN] = given
        shown = await learner.fn(Request[Any, Any, Any](scope), service)
        headers = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in shown.headers.items()]
        headers.append((b"content-type", b"text/html; charset=utf-8"))
        return shown.status_code or 200, headers, shown.content.encode()

    return answer


@get("/stream/u/{user_id:path}", is_stream=True, include_in_schema=False)
async def learner_stream(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    user_id = host_of(request).user_id(request, "/stream/u/")
    if not await may_see(request, service, user_id):
        return nobody(request)

    async def follow() -> Feed:
        return PageFeed(service.live.follow_user(user_id), last_id=request.headers.get("last-event-id"))

    async def is_still_shown() -> bool:
        # The learner may have made the page private since.
        return await may_see(request, service, user_id)

    return await host_of(request).stream(request, follow, is_still_shown=is_still_shown)


@get("/leaderboard", include_in_schema=False)
async def board(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[str]:
    viewer = host_of(request).viewer(request)
    return await board_page(request, service, viewer) if viewer.sees("boards") else closed(request)


@get("/stream/leaderboard", is_stream=True, include_in_schema=False)
async def board_stream(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    if not host_of(request).viewer(request).sees("boards"):
        return closed(request)
    query = request.query_params
    timeframe, follower = timeframe_of(query.get("timeframe")), host_of(request).follower(request)

    async def follow() -> Feed:
        last_id = request.headers.get("last-event-id") or None
        if period := query.get("period"):
            return await service.live.follow_board(period=period, last_id=last_id, follower=follower)
        return await service.live.follow_board(timeframe, last_id=last_id, follower=follower)

    return await host_of(request).stream(request, follow)


@get("/badges", include_in_schema=False)
async def badges(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[str]:
    return await badges_page(request, service) if host_of(request).viewer(request).sees("badges") else closed(request)


@get("/badges/{badge_id:str}", include_in_schema=False)
async def badge(
    request: Request[Any, Any, Any], service: NamedDependency[Service], badge_id: FromPath[str]
) -> Response[str]:
    if not host_of(request).viewer(request).sees("badges"):
        return closed(request)
    return await badge_page(request, service, badge_id) or nothing(request)


def page_routes(host: PageBackend, *, frame_ancestors: Sequence[str] = ()) -> Router:
    """The routes that a server adds to show the pages. `frame_ancestors`: origins whose pages may embed /embed in a
    frame."""
    shared = {"host": host, "frame_ancestors": tuple(frame_ancestors), "kept": kept_pages()}
    pages = (
        root,
        docs,
        Router("/", route_handlers=[learner], opt={"short": short_learner(shared), "reads_query": True}),
        act_as_learner,
        learner_stream,
        board,
        board_stream,
        badges,
        badge,
        *EMBEDS,
        *ADMIN,
        static_route(STATIC),
    )
    return Router("/", route_handlers=pages, opt=shared)
