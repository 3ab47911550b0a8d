"""The files of the pages, held in memory: a path is looked up among the known files and never reaches the disk.

All answers share the bytes of a file, so clients that do not read cost no memory.
"""

from __future__ import annotations

from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

_PREFIX = "/static/"


class _File(Struct, frozen=True):
    content: bytes
    media_type: str
    etag: str


def static_route(folder: Path) -> HTTPRouteHandler:
    """The route for every file below `folder`, as it is now."""
    files = {path.relative_to(folder).as_posix(): _read(path) for path in folder.rglob("*") if path.is_file()}

    @get("/static/{file_path:path}", include_in_schema=False, sync_to_thread=False)
    def static_file(request: Request[Any, Any, Any]) -> Response[bytes]:
        found = files.get(request.scope["path"].removeprefix(_PREFIX))
        if found is None:
            raise NotFoundException
        headers = {"ETag": found.etag}
        if request.headers.get("if-none-match") == found.etag:
            return Response(b"", status_code=304, headers=headers)
        return Response(found.content, media_type=found.media_type, headers=headers)

    return static_file


def _read(path: Path) -> _File:
    content = path.read_bytes()
    media_type, _ = guess_type(path.name)
    return _File(content, media_type or "application/octet-stream", f'"{sha256(content).hexdigest()[:32]}"')
