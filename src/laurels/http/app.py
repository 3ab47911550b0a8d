"""The framework's application: every route with its rule, errors and description, around a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import version

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send
from msgspec import Struct

from laurels.application.maintenance.publishing import Publications
from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Webhooks
from laurels.errors import LaurelsError
from laurels.http.auth.access import OPEN, allow
from laurels.http.routes import (
    boards,
    corrections,
    events,
    exports,
    health,
    history,
    learners,
    repairs,
    rulebook,
    spendings,
    streams,
    users,
    webhooks,
)
from laurels.http.server.body_limits import BodyLimits
from laurels.http.wire.batch_room import BatchRoom
from laurels.http.wire.concurrency_limits import ConcurrencyLimit
from laurels.http.wire.envelopes import Form
from laurels.http.wire.openapi.description import DescriptionPlugin, description
from laurels.http.wire.openapi.operation_names import operation_id
from laurels.http.wire.problems import not_found, on_fault, on_http_exception, on_laurels_error
from laurels.http.wire.requests import check_request
from laurels.http.wire.streams import Streams
from laurels.http.wire.user_rests import UserRests

ROUTES = (
    events.record_event,
    events.record_events,
    learners.dashboard,
    learners.badges,
    learners.activity,
    learners.goals,
    learners.rank,
    *users.ROUTES,
    *history.ROUTES,
    exports.export,
    exports.year_review,
    boards.leaderboard,
    streams.user_stream,
    streams.leaderboard_stream,
    boards.badge_catalogue,
    *webhooks.ROUTES,
    *corrections.ROUTES,
    *spendings.ROUTES,
    *repairs.ROUTES,
    *rulebook.ROUTES,
    health.live,
    health.ready,
    description,
)


class Running(Struct):
    """The objects that the routes use while the process serves. `callers_known` tells whether keys were read yet;
    `envelope` is the form of answers that can come in an envelope, if a request does not choose."""

    service: Service
    webhooks: Webhooks
    publications: Publications
    limits: BodyLimits
    streams: Streams
    reports: exports.Reports | None = None
    callers_known: Callable[[], bool] = lambda: True
    envelope: Form = "flat"


def build_app(
    running: Running | None = None,
    *,
    pages: Sequence[ControllerRouterHandler] = (),
    routes: Sequence[ControllerRouterHandler] = ROUTES,
) -> Litestar:
    """The application around running objects; without them it can be described, but answers no request."""
    state = State({"is_stopping": False})
    rests = UserRests()
    state["documents"] = ConcurrencyLimit("document", in_all=40, of_key=20, of_user=2, rests=rests)
    state["searches"] = ConcurrencyLimit("search request", in_all=16, of_key=8, of_user=1)
    state["search_turn"] = asyncio.Lock()
    state["downloads"] = ConcurrencyLimit("download", in_all=1_000, of_key=200, of_user=4, rests=rests)
    if running is not None:
        state.update(limits=running.limits, streams=running.streams, callers_known=running.callers_known)
        state.update(batches=BatchRoom(running.limits.batch_bytes))
        state.update(reports=running.reports, envelope=running.envelope, running=running)

    def running_or_refuse() -> Running:
        if running is None:
            raise RuntimeError("This application was built to be described; it has no service.")
        return running

    return Litestar(
        [*routes, Router("/", route_handlers=pages, opt={"access": OPEN})],
        state=state,
        dependencies={
            "service": Provide(lambda: running_or_refuse().service, sync_to_thread=False),
            "webhooks": Provide(lambda: running_or_refuse().webhooks, sync_to_thread=False),
            "publications": Provide(lambda: running_or_refuse().publications, sync_to_thread=False),
        },
        signature_types=[Service, Webhooks, Publications],
        exception_handlers={
            LaurelsError: on_laurels_error,
            HTTPException: on_http_exception,
            Exception: on_fault,
        },
        openapi_config=OpenAPIConfig(
            title="Laurels",
            version=version("laurels"),
            openapi_router=Router(
                "/openapi",
                route_handlers=[],
                include_in_schema=False,
                after_request=not_found,
                opt={"access": OPEN},
            ),
            render_plugins=[DescriptionPlugin()],
            use_handler_docstrings=True,
            operation_id_creator=operation_id,
        ),
        guards=[allow, check_request],
        logging_config=None,
        # Bodies are limited where they are read, each route by its own setting.
        request_max_body_size=None,
    )


class SlashIds:
    """Makes user ids that consist of slashes addressable: the framework's router drops empty segments, and with them a
    user id such as "/". The id itself is read from the raw path, so any name in its place finds the route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("//"):
            scope["path"] = scope["path"].rstrip("/") + "/-"
        await self._app(scope, receive, send)
