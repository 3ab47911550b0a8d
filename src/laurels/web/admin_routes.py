"""The addresses of the operator's page."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from laurels.application.service import Service
from laurels.web.pages.admin import overview_page, sign_in_page
from laurels.web.viewing import host_of, refused_form


@get("/admin", include_in_schema=False)
async def admin(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Any]:
    if not host_of(request).viewer(request).is_admin:
        return sign_in_page(request)
    return await overview_page(request, service)


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


ADMIN = (admin, sign_in, sign_out)
