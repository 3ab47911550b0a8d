"""The pages that a request may see, and the answer for those that it may not.

A person's page is shown if the operator shows profiles or the person allows it; anybody else gets the same answer as
for a person who does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request, Response

from laurels.application.queries.learners.learner_queries import Known
from laurels.application.service import Service
from laurels.domain.boards.ranking import Visibility
from laurels.domain.progress import Progress
from laurels.errors import UnknownUser
from laurels.web.locale import available
from laurels.web.page_backend import PageBackend
from laurels.web.rendering import language_of, options_of, page


def host_of(request: Request[Any, Any, Any]) -> PageBackend:
    """The server that shows the page."""
    return options_of(request)["host"]


async def may_see(request: Request[Any, Any, Any], service: Service, user_id: str) -> bool:
    """Whether there is a learner with this id whom the viewer may see."""
    return await known_to(request, service, user_id) is not None


async def known_to(request: Request[Any, Any, Any], service: Service, user_id: str) -> Known | None:
    """The known progress of a learner whom the viewer may see; None otherwise. Use it before the next await. Raises
    StoreError."""
    try:
        if _sees_always(request, user_id):
            return await service.learners.known(user_id)
        # Not the last known state while the store is away: the learner may have become private since.
        known = Known(await service.learners.progress(user_id))
    except UnknownUser:
        return None
    return known if is_shown_to_all(request, known.progress) else None


def _sees_always(request: Request[Any, Any, Any], user_id: str) -> bool:
    """Whether the viewer may see a learner who is private."""
    viewer = host_of(request).viewer(request)
    return viewer.is_reader or viewer.user_id == user_id


@asynccontextmanager
async def drawing_of(request: Request[Any, Any, Any], service: Service, known: Known) -> AsyncGenerator[Known | None]:
    """A turn to draw a learner, for a block: gives their progress when it begins, for use before the next await, or
    None if the viewer may not see them any more."""
    progress = known.progress
    seq, user_id = progress.seq, progress.user_id
    async with host_of(request).drawing(request, service):
        if progress.seq != seq:
            yield await known_to(request, service, user_id)
        else:
            # It may have changed before this began, as other readers fold into it.
            yield known if _sees_always(request, user_id) or is_shown_to_all(request, progress) else None


def is_shown_to_all(request: Request[Any, Any, Any], progress: Progress) -> bool:
    """Whether everybody may see this learner."""
    # A user under an alias or off the boards does not want to be seen under their id.
    if progress.visibility is not Visibility.PUBLIC or progress.is_suspended:
        return False
    return "profiles" in host_of(request).viewer(request).shown or progress.preferences.get("publicPage") is True


def query_of(request: Request[Any, Any, Any]) -> str:
    """The part of a page's query that matters: its language, if there is that language. Pages are cached by address,
    and invented languages would cause each request to be drawn again."""
    lang = request.query_params.get("lang")
    return f"?lang={lang}" if lang in available() else ""


def _problem(request: Request[Any, Any, Any], status: int, title: str, text: str) -> Response[str]:
    return page(request, "problem.html", status=status, title=title, text=text)


def nobody(request: Request[Any, Any, Any]) -> Response[str]:
    _ = language_of(request).text
    text = _("There is no page of a learner here, or it is not public.")
    return _problem(request, 404, _("Nobody to see"), text)


def nothing(request: Request[Any, Any, Any]) -> Response[str]:
    _ = language_of(request).text
    return _problem(request, 404, _("Nothing here"), _("There is no badge with this id."))


def closed(request: Request[Any, Any, Any]) -> Response[str]:
    _ = language_of(request).text
    text = _("This page is not public. Ask the operator of this service.")
    return _problem(request, 401, _("Not public"), text)


def not_done(request: Request[Any, Any, Any], reason: str) -> Response[str]:
    """The answer to a form that cannot be carried out, with the reason."""
    return _problem(request, 422, language_of(request).text("Not done"), reason)


def refused_form(request: Request[Any, Any, Any]) -> Response[str]:
    """The answer to a form that did not come from one of our own pages."""
    _ = language_of(request).text
    text = _("The form is too old, or another page sent it. Open the page again.")
    return _problem(request, 403, _("Not sent from here"), text)
