"""Who may see a learner's page while the database is unavailable, and after the learner has become private."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Request

from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.keys import PROGRESS_READ
from laurels.errors import StoreUnavailable
from laurels.http.auth.access import Caller
from laurels.http.page_backend import PageHost
from laurels.testing.builders import small_rulebook
from laurels.web.page_access import drawing_of, known_to, may_see
from laurels.web.rendering import GIVEN

STRANGER = Caller(shown=frozenset({"boards", "badges", "profiles"}))
ADA = Caller(user_id="ada")
READER = Caller(key="k", scopes=frozenset({PROGRESS_READ}))


def request_of(caller: Caller) -> Request[Any, Any, Any]:
    state = {"caller": caller, GIVEN: {"host": PageHost()}}
    scope: Any = {"type": "http", "client": None, "method": "GET", "path": "/u/ada", "headers": [], "state": state}
    return Request(scope)


@pytest.fixture
async def laurels(store_url: str) -> AsyncIterator[Service]:
    async with open_service(store_url, rulebook=small_rulebook()) as service:
        yield service


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Service]:
    """A process that has read a public learner, who then left the boards through another process; and now it has lost
    the store."""
    file = tmp_path / "laurels.db"
    url = f"sqlite:///{file}"
    async with open_service(url, rulebook=small_rulebook(), spool=tmp_path / "spool") as service:
        async with open_service(url, rulebook=small_rulebook()) as other:
            await other.record("ada", "run")
            assert await may_see(request_of(STRANGER), service, "ada")
            await other.change_profile("ada", {"visibility": "hidden"})
        file.rename(tmp_path / "elsewhere.db")
        yield service


async def test_a_stranger_does_not_see_what_may_be_private_by_now(alone: Service) -> None:
    with pytest.raises(StoreUnavailable):
        await known_to(request_of(STRANGER), alone, "ada")


@pytest.mark.parametrize("caller", [ADA, READER])
async def test_who_may_see_a_private_page_sees_the_last_known_one(alone: Service, caller: Caller) -> None:
    known = await known_to(request_of(caller), alone, "ada")
    assert known is not None
    assert (known.stale, known.progress.events) == (True, 1)


@pytest.mark.parametrize(("caller", "is_drawn"), [(STRANGER, False), (ADA, True), (READER, True)])
async def test_who_became_private_before_they_are_drawn_is_not_drawn_for_strangers(
    laurels: Service, caller: Caller, is_drawn: bool
) -> None:
    await laurels.record("ada", "run")
    request = request_of(caller)
    known = await known_to(request, laurels, "ada")
    assert known is not None
    # The page then reads other things, and meanwhile somebody else reads the learner.
    await laurels.change_profile("ada", {"visibility": "hidden"})
    await laurels.learners.progress("ada")
    async with drawing_of(request, laurels, known) as shown:
        assert (shown is not None) is is_drawn
