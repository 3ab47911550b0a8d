"""Renders a page from a template and values.

Autoescape is on for every template; only the pictures' own `Markup` is inserted unchanged. Pages have no inline script
or style, since the content security policy forbids both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response

from laurels.application.lru_cache import LruCache
from laurels.web.locale import PageLocale, available, negotiate
from laurels.web.locale import language as language_named

HERE = Path(__file__).parent
STATIC = HERE / "static"
GIVEN = "laurels.pages"
"""In the state of a request that came past the framework: what `options_of` gives."""
KEPT_BYTES = 16 * 1024 * 1024


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates, compiled once for a process."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=asset, languages=available)  # pyright: ignore[reportUnknownMemberType]  untyped there
    return made


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may cache it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def language_of(request: Request[Any, Any, Any]) -> PageLocale:
    """The language that a request asks for."""
    return negotiate(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def kept_pages() -> LruCache[str]:
    """A cache of pages by everything that they show: the same pages are requested often, and drawing them costs the
    most."""
    return LruCache(KEPT_BYTES, lambda html: 2 * len(html))


def options_of(request: Request[Any, Any, Any]) -> Mapping[str, Any]:
    """What the server of `request` has given its pages."""
    # On the fast path the framework has not looked for a handler.
    state: dict[str, Any] = request.scope["state"]
    given: Mapping[str, Any] | None = state.get(GIVEN)
    return request.route_handler.opt if given is None else given


def kept_of(request: Request[Any, Any, Any]) -> LruCache[str]:
    """The page cache of the server of `request`."""
    return options_of(request)["kept"]


def render(template: str, *, language: PageLocale, path: str, **values: Any) -> str:
    """The text of a page. In the template the language is `L`, its words are `_` and `_n`."""
    found = environment().get_template(template)
    return found.render(L=language, _=language.text, _n=language.plural, path=path, **values)


@lru_cache(maxsize=16)
def macros_of(template: str, code: str) -> Any:
    """The macros of a template, in the words of a language."""
    spoken = language_named(code)
    found = environment().get_template(template)
    return found.make_module({"L": spoken, "_": spoken.text, "_n": spoken.plural})


def page_of(html: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[str]:
    """A page as a response."""
    headers = {"cache-control": "private, no-cache", "vary": "accept-language", **(headers or {})}
    return Response(html, media_type=MediaType.HTML, status_code=status, headers=headers)


def page(request: Request[Any, Any, Any], template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """The page of `template` in the language that the request asks for."""
    language: PageLocale = values.pop("language", None) or language_of(request)
    return page_of(render(template, language=language, path=request.url.path, **values), status=status)
