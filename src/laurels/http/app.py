"""The application over HTTP: routes, errors and description around one service per process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.types import (
    ControllerRouterHandler,
    HTTPScope,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from laurels.application.service import Service
from laurels.application.webhooks.webhooks import Webhooks
from laurels.errors import LaurelsError
from laurels.http.auth.access import OPEN, allow, check_rules
from laurels.http.auth.guard import SecurityConfig
from laurels.http.observability.metrics import Metrics, serve_metrics
from laurels.http.observability.observing import ObservabilityConfig, Observer
from laurels.http.routes import boards, events, exports, health, learners, personal_data, streams, webhooks
from laurels.http.server.direct import DirectRoutes
from laurels.http.server.edge import Edge
from laurels.http.server.limits import Limits
from laurels.http.server.stopping import told_of_stopping
from laurels.http.webhook_sender import delivering
from laurels.http.wire.openapi import DescriptionPlugin, description
from laurels.http.wire.problems import not_found, on_fault, on_http_exception, on_laurels_error
from laurels.http.wire.streams import StreamLimits, Streams

ROUTES = (
    events.record_event,
    events.record_events,
    learners.dashboard,
    learners.badges,
    learners.activity,
    learners.rank,
    learners.change_profile,
    personal_data.personal_data,
    personal_data.delete_user,
    exports.export,
    exports.year_review,
    boards.leaderboard,
    streams.user_stream,
    streams.leaderboard_stream,
    boards.badge_catalogue,
    *webhooks.ROUTES,
    health.live,
    health.ready,
    description,
)


class LaurelsApp(Litestar):
    """The framework's application, with ids of slashes alone kept addressable and a shorter way for what comes most."""

    direct: DirectRoutes
    edge: Callable[[], Edge]
    observer: Observer

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        if scope["type"] == "http":
            await self.observer(scope, receive, send, self.edge(), self._answer)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if (found := self.direct.handler(scope)) is not None:
            scope["path_template"] = found[0]
            await self.direct.answer(*found, scope, receive, send)
            return
        # The router drops empty segments, and with them a user id such as "/". The id itself is read from the raw
        # path, so any name in its place finds the route.
        if scope["path"].endswith("//"):
            scope["path"] = scope["path"].rstrip("/") + "/-"
        await super().__call__(scope, receive, send)


def build_app(
    open_service: Callable[[], AbstractAsyncContextManager[Service]],
    limits: Limits,
    *,
    pages: Sequence[ControllerRouterHandler] = (),
    stream_limits: StreamLimits | None = None,
    guard: SecurityConfig | None = None,
    observing: ObservabilityConfig | None = None,
    webhook_private: bool = False,
    reports: exports.Reports | None = None,
    routes: Sequence[ControllerRouterHandler] = ROUTES,
) -> Litestar:
    """The ASGI application. The service is opened when serving starts and closed when it ends."""
    opened: list[Service] = []
    edges: list[Edge] = []
    hooks: list[Webhooks] = []
    guard = guard or SecurityConfig()
    observing = observing or ObservabilityConfig()
    observer = Observer(observing)
    streams_open = Streams(stream_limits or StreamLimits())

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncGenerator[None]:
        async with open_service() as service:
            opened[:] = [service]
            async with (
                guard.edge_of(service) as edge,
                delivering(service, allow_private=webhook_private) as hook,
            ):
                edges[:], hooks[:] = [edge], [hook]

                def stop() -> None:
                    app.state["is_stopping"] = True
                    service.live.end()

                metrics = Metrics(service, edge, streams_open, observer)
                async with observing.tracing(observer, service), serve_metrics(observing.metrics_port, metrics):
                    with told_of_stopping(stop):
                        yield

    app = LaurelsApp(
        [*routes, Router("/", route_handlers=pages, opt={"access": OPEN})],
        lifespan=[lifespan],
        state=State(
            {
                "limits": limits,
                "streams": streams_open,
                "is_stopping": False,
                "reports": reports,
                "callers_known": lambda: edges[0].identity.is_ready,
            }
        ),
        dependencies={
            "service": Provide(lambda: opened[0], sync_to_thread=False),
            "webhooks": Provide(lambda: hooks[0], sync_to_thread=False),
        },
        signature_types=[Service, Webhooks],
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
        ),
        guards=[allow],
        logging_config=None,
        # Bodies are limited where they are read, each route by its own setting.
        request_max_body_size=None,
    )
    check_rules(app)
    app.edge = lambda: edges[0]
    app.direct = DirectRoutes(lambda: opened[0], limits)
    app.observer = observer
    observer.direct = app.direct
    return app
