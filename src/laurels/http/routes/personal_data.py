"""A learner's right to their data: all of it to take away, and all of it deleted."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, delete, get
from litestar.di import NamedDependency
from litestar.response import Stream

from laurels.application.service import Service
from laurels.domain.periods import iso
from laurels.http.auth.access import ADMINS, own
from laurels.http.routes.learners import UserId
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.schemas import PersonalData, UserDeletion

# An id may contain slashes, so the framework's routes cannot tell where it ends.
DATA = "/data"


@get(
    "/api/progress/users/{user_id:path}",
    summary="Everything that is held of a learner",
    tags=["learners"],
    access=own("/users/", tail=DATA),
)
async def personal_data(
    request: Request[Any, Any, Any], service: NamedDependency[Service], user_id: UserId
) -> PersonalData:
    """One document with profile, progress, standings, every entry of the ledger, and what waits to be recorded.

    Streamed, however long it is.
    """
    pieces = await service.personal_data(user_id_in(request.scope, "/users/", tail=DATA))
    headers = {"Content-Type": "application/json", "Content-Disposition": 'attachment; filename="data.json"'}
    answer: Response[Any] = Stream(pieces, headers=headers)
    return answer  # pyright: ignore[reportReturnType]  described as a document, streamed as its pieces


@delete(
    "/api/progress/users/{user_id:path}",
    status_code=200,
    summary="Delete a learner",
    tags=["learners"],
    access=ADMINS,
)
async def delete_user(
    request: Request[Any, Any, Any], service: NamedDependency[Service], user_id: UserId
) -> UserDeletion:
    """Removes everything that is held of the learner, and refuses events for their id from then on (410).

    What stays is a hash of the id, and when it was deleted. Deleting again is safe, and answers the same.
    """
    deleted = await service.delete_user(user_id_in(request.scope, "/users/"))
    return UserDeletion(deleted_at=iso(deleted.deleted_at))
