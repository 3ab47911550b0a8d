"""Refusals by the HTTP interface itself, beside the errors of the use cases."""

from __future__ import annotations

from litestar.exceptions import HTTPException


class HttpError(HTTPException):
    """An answer whose text is ours, so that it can be shown: it quotes nothing confidential."""

    def __init__(self, status_code: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail=detail, status_code=status_code, headers=headers)
