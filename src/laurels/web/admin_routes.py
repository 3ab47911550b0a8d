"""The addresses of the operator's pages. Changes need a session and a form of our own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from laurels.application.maintenance.publishing import Publications
from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Webhooks
from laurels.errors import LaurelsError, StoreError
from laurels.web.page_access import host_of, refused_form
from laurels.web.pages.admin import correct, overview_page, sign_in_page
from laurels.web.pages.admin_figures import figures, news
from laurels.web.pages.admin_rulebook import rulebook_page, submit


@get("/admin", include_in_schema=False)
async def admin(
    request: Request[Any, Any, Any], service: NamedDependency[Service], webhooks: NamedDependency[Webhooks]
) -> Response[Any]:
    if not host_of(request).viewer(request).is_admin:
        return sign_in_page(request)
    return await overview_page(request, service, webhooks)


@get("/admin/figures", include_in_schema=False)
async def only_figures(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    return await figures(request, service) if host_of(request).viewer(request).is_admin else sign_in_page(request)


@get("/admin/news", include_in_schema=False)
async def only_news(
    request: Request[Any, Any, Any], service: NamedDependency[Service], webhooks: NamedDependency[Webhooks]
) -> Response[Any]:
    if not host_of(request).viewer(request).is_admin:
        return sign_in_page(request)
    return await news(request, service, webhooks)


@post("/admin/correction", include_in_schema=False)
async def correction(
    request: Request[Any, Any, Any], service: NamedDependency[Service], webhooks: NamedDependency[Webhooks]
) -> Response[Any]:
    fields = await _form_of_admin(request)
    if isinstance(fields, Response):
        return fields
    user_id = fields.get("user", "")
    try:
        done = await correct(request, service, fields)
    except StoreError:
        raise
    except LaurelsError as error:
        return await overview_page(request, service, webhooks, user_id=user_id, fault=str(error))
    return Response(b"", status_code=303, headers={"location": f"/admin?{urlencode({'user': user_id, 'done': done})}"})


@get("/admin/rulebook", include_in_schema=False)
async def rulebook(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    if not host_of(request).viewer(request).is_admin:
        return sign_in_page(request)
    return await rulebook_page(request, service)


@post("/admin/rulebook", include_in_schema=False)
async def submit_rulebook(
    request: Request[Any, Any, Any], service: NamedDependency[Service], publications: NamedDependency[Publications]
) -> Response[Any]:
    fields = await _form_of_admin(request, is_long=True)
    return fields if isinstance(fields, Response) else await submit(request, service, publications, fields)


@post("/admin/session", include_in_schema=False)
async def sign_in(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    fields = await host_of(request).form(request)
    if fields is None:
        return refused_form(request)
    cookie = await host_of(request).sign_in(request, service, fields.get("key", "").strip())
    if cookie is None:
        return sign_in_page(request, failed=True)
    return Response(b"", status_code=303, headers={"location": "/admin", "set-cookie": cookie})


@post("/admin/session/end", include_in_schema=False)
async def sign_out(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    if await host_of(request).form(request) is None:
        return refused_form(request)
    cookie = await host_of(request).sign_out(request, service)
    return Response(b"", status_code=303, headers={"location": "/admin", "set-cookie": cookie})


async def _form_of_admin(request: Request[Any, Any, Any], *, is_long: bool = False) -> dict[str, str] | Response[Any]:
    """The fields of a form from an administrator; anybody else gets the returned response instead."""
    if not host_of(request).viewer(request).is_admin:
        return sign_in_page(request)
    fields = await host_of(request).form(request, is_long=is_long)
    return refused_form(request) if fields is None else fields


ADMIN = (admin, only_figures, only_news, correction, rulebook, submit_rulebook, sign_in, sign_out)
