"""The pages that a person opens."""

from __future__ import annotations

from pathlib import Path

from litestar import MediaType, get
from litestar.response import Redirect
from litestar.static_files import create_static_files_router  # pyright: ignore[reportUnknownVariableType]

STATIC = Path(__file__).parent / "static"


@get("/", include_in_schema=False, sync_to_thread=False)
def root() -> Redirect:
    """The first thing to see."""
    return Redirect("/docs")


@get("/docs", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def docs() -> bytes:
    """The API's description as a page, with all its assets from here."""
    return (STATIC / "docs.html").read_bytes()


ROUTES = (root, docs, create_static_files_router(path="/static", directories=[STATIC], include_in_schema=False))
"""What a server adds to serve them."""
