"""Learners as such: the list, a profile and its changes, all data of one learner, and deletion."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, put
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from laurels.application.queries.learners.users import list_users
from laurels.application.service import Service
from laurels.domain.periods import iso
from laurels.domain.profiles import profile_faults
from laurels.errors import InvalidProfile, InvalidQuery
from laurels.http.auth.access import ADMINS, Forbidden, caller_of, change_own, own
from laurels.http.auth.guard import APPEARANCE, APPEARANCE_BYTES, PROFILE_BYTES, charge_written
from laurels.http.routes.exports import downloads_of
from laurels.http.routes.learners import UserId
from laurels.http.wire.bodies import user_id_in
from laurels.http.wire.json_bodies import JsonBody
from laurels.http.wire.schemas import ProfileChange, UserAnswer, UserDeletion, UserList

# An id may contain slashes, so the framework's routes cannot find its end.
DATA = "/data"
MAX_USERS = 100
# Characters: no id or name has more.
MAX_SEARCHED = 100
# A search takes a quarter of the time, while one after the other has its turn.
_REST = 3.0
CHANGE = JsonBody(ProfileChange, InvalidProfile, lambda _running: profile_faults)


@get("/api/progress/users", access=ADMINS, summary="The learners", tags=["learners"])
async def users(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    after: Annotated[str, QueryParameter(description="`next` of the page before.")] = "",
    limit: Annotated[int, QueryParameter(description="How many, 1 to 100.", ge=1, le=MAX_USERS)] = 50,
    q: Annotated[str, QueryParameter(description="Only those whose id or name contains this, in any case.")] = "",
) -> UserList:
    """All learners with entries, ascending by id. `next` is set as long as there may be more. A search ends a page
    after a few ten thousand learners, found or not, and continues from `next`."""
    text = q.strip()
    if not text:
        found = await list_users(service.store, service.learners, after=after, limit=limit)
    elif len(text) > MAX_SEARCHED:
        raise InvalidQuery("q", f"Must have at most {MAX_SEARCHED} characters.")
    else:
        state = request.app.state
        with state.searches.entering(caller_of(request.scope)):
            async with state.search_turn:
                found = await list_users(
                    service.store, service.learners, after=after, limit=limit, containing=text, rest=_REST
                )
    return UserList(users=found.users, next=found.next)


@get(
    "/api/progress/users/{user_id:path}",
    summary="A learner",
    tags=["learners"],
    access=own("/users/", tail=DATA, is_tail_optional=True),
)
async def user(request: Request[Any, Any, Any], service: NamedDependency[Service], user_id: UserId) -> UserAnswer:
    """The learner with all fields of their profile.

    With `/data` at the end: all data of the learner as one document, with profile, progress, standings, every entry of
    the ledger, and events that wait to be recorded. It is streamed, whatever its length.
    """
    if request.scope["raw_path"].endswith(DATA.encode()):
        downloads, caller = downloads_of(request), caller_of(request.scope)
        downloads.check(caller)
        pieces = await service.personal_data(user_id_in(request.scope, "/users/", tail=DATA))
        headers = {"Content-Type": "application/json", "Content-Disposition": 'attachment; filename="data.json"'}
        return downloads.stream(caller, pieces, headers)  # pyright: ignore[reportReturnType]  described as a document, streamed as its pieces
    known = await service.learners.known(user_id_in(request.scope, "/users/"))
    return UserAnswer(stale=known.stale, user=service.learners.user(known.progress))


@put(
    "/api/progress/users/{user_id:path}",
    access=change_own("/users/"),
    body=CHANGE,
    summary="Change a profile",
    tags=["learners"],
)
async def change_profile(
    request: Request[Any, Any, Any], service: NamedDependency[Service], user_id: UserId
) -> UserAnswer:
    """Sets display name, photo URL, time zone and preferences; fields that are left out stay as they are.

    `visibility` says how the learner appears on the boards: `public`, as an `alias` (without name, photo and id), or
    `hidden`; it holds when this is answered. A time zone set before the first event holds from the beginning; a later
    change moves no day already counted. `pauses` are what the learner plans, where the rulebook allows it: each before
    it begins, and those that have begun stay. `goals` are the learner's own: those that are named are set, from the
    present day or week on. An end user's token changes their own profile, but for the fields that the operator keeps
    back.
    """
    change = await CHANGE.read(request)
    changes: dict[str, Any] = msgspec.to_builtins(change)
    if kept := sorted(caller_of(request.scope).fixed_fields & changes.keys()):
        raise Forbidden(f"With this token {' and '.join(kept)} cannot be changed; ask the operator.")
    await charge_written(request.scope, (APPEARANCE_BYTES if APPEARANCE & changes.keys() else PROFILE_BYTES,))
    return UserAnswer(user=await service.change_profile(user_id_in(request.scope, "/users/"), changes))


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
    """Removes all data of the learner, and refuses events for their id from then on (410).

    Only a hash of the id and the time of deletion are kept. Deleting again is safe, and gets the same answer.
    """
    deleted = await service.delete_user(user_id_in(request.scope, "/users/"))
    return UserDeletion(deleted_at=iso(deleted.deleted_at))


ROUTES = (users, user, change_profile, delete_user)
