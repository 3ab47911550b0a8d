"""Joins the service and its surroundings to the application that a server runs.

The order of the layers decides which requests and answers each of them sees.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from litestar.types import ASGIApp

from laurels.application.access.bucket_names import BucketNames
from laurels.application.access.keyring import Keyring
from laurels.application.access.rate_limiter import RateLimiter
from laurels.application.maintenance.publishing import Publications
from laurels.application.ports.limits import Bucket
from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Webhooks
from laurels.bootstrap import open_service
from laurels.errors import StoreError
from laurels.http.app import Running, SlashIds, build_app
from laurels.http.auth.guard import Guard, Rates
from laurels.http.auth.identity import Identity, Policy
from laurels.http.auth.tokens import TokenRules, Tokens
from laurels.http.observability.logs import configure_logs
from laurels.http.observability.metrics import Metrics, serve_metrics
from laurels.http.observability.observing import RequestObserver, Traces
from laurels.http.page_backend import PageHost
from laurels.http.server.addresses import among
from laurels.http.server.body_limits import BodyLimits
from laurels.http.server.capacity import Capacity
from laurels.http.server.cors import Cors, origins_allowed
from laurels.http.server.error_responses import ErrorResponses
from laurels.http.server.fast_path import FastPath
from laurels.http.server.headers import SecurityHeaders
from laurels.http.server.lifespan import Lifespan
from laurels.http.server.methods import Methods
from laurels.http.server.process import raise_file_limit, tune_collector
from laurels.http.server.routing import RouteTable
from laurels.http.server.stopping import stop_on_signal, stop_with_supervisor
from laurels.http.sockets.connections import BoundedProtocol, ConnectionLimits, check_server
from laurels.http.webhook_sender import WebhookSender
from laurels.http.wire.streams import StreamLimits, Streams
from laurels.rulebooks.loader import parse_rulebook
from laurels.settings import Settings
from laurels.storage.local_copies.keys import KeyFile
from laurels.web.report.pdf import Reports
from laurels.web.routes import page_routes

Layer = Callable[[ASGIApp], ASGIApp]


def compose(settings: Settings, *, guard: Layer | None = None, is_away: bool = False) -> Lifespan:
    """The ASGI application: one service per process, opened when serving starts and closed when it ends.

    `guard` replaces the guard that checks keys; only measurements and the description use another one. `is_away`: the
    store was just found to be away. Raises SettingsError.
    """
    check_server()
    configure_logs(settings.log_level)
    proxies = settings.listed("trusted_proxies")
    BoundedProtocol.keep(
        ConnectionLimits(
            connections=settings.max_connections,
            per_address=settings.max_connections_per_address,
            # A proxy carries the connections of all clients.
            exempt=among(proxies) if proxies else None,
            head_bytes=settings.max_head_bytes,
            head_seconds=settings.head_seconds,
            write_seconds=settings.write_seconds,
        )
    )
    raise_file_limit()
    tokens = token_rules(settings)
    app = Lifespan(lambda: _serving(settings, tokens, guard, is_away=is_away))
    tune_collector()
    return app


def token_rules(settings: Settings) -> TokenRules:
    """The accepted tokens. Raises SettingsError."""
    return TokenRules(
        secret=settings.jwt_secret,
        jwks_url=settings.jwt_jwks_url,
        algorithms=settings.listed("jwt_algorithms"),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


@asynccontextmanager
async def _serving(
    settings: Settings, tokens: TokenRules, guard: Layer | None, *, is_away: bool
) -> AsyncGenerator[ASGIApp]:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            open_service(
                settings=settings,
                spool=settings.spool_folder,
                publish=True,
                # A command that arrives while a commit waits for the lock first waits for that commit, and then as long
                # for its own.
                busy_ms=settings.store_timeout_ms // 2,
                is_away=is_away,
            )
        )
        limiter = RateLimiter(service.store.limits, service.clock)
        stack.push_async_callback(limiter.close)
        service.jobs.task.start()
        identity = await _identity(stack, settings, service, tokens)
        running = Running(
            service=service,
            webhooks=await _webhooks(stack, settings, service),
            publications=Publications(service.store, service.clock, parse_rulebook),
            limits=BodyLimits(event_bytes=settings.max_event_bytes, batch_bytes=settings.max_batch_bytes),
            streams=Streams(
                StreamLimits(
                    in_all=settings.max_streams,
                    per_address=settings.max_streams_per_address,
                    heartbeat=settings.stream_heartbeat_ms / 1000,
                )
            ),
            reports=Reports(settings.public_url or ""),
            callers_known=lambda: identity.is_ready,
            envelope=settings.envelope,
        )
        pages = page_routes(PageHost(settings.public_url), frame_ancestors=settings.listed("frame_ancestors"))
        framework = build_app(running, pages=[pages])
        await stack.enter_async_context(framework.lifespan())

        app: ASGIApp = SlashIds(framework)
        if settings.envelope == "flat":
            # The fast path cannot make envelopes.
            app = FastPath(app, service, running.limits)
        # Each layer knows the one inside it; a request passes them from the bottom of this list to its top.
        app = Methods(app)
        app = guard(app) if guard else _guard(app, identity, limiter, service, settings)
        app = capacity = Capacity(app, requests=settings.max_requests, seconds=settings.request_seconds)
        app = ErrorResponses(app)
        if origins := settings.listed("cors_origins"):
            app = Cors(app, origins_allowed(origins))
        app = SecurityHeaders(app)
        app = observer = RequestObserver(
            app,
            RouteTable(framework),
            access_log=settings.access_log,
            log_addresses=settings.log_addresses,
            traces=_traces(stack, settings, service),
        )
        stack.callback(capacity.close)
        metrics = Metrics(service, capacity, limiter, running.streams, observer)
        await stack.enter_async_context(serve_metrics(settings.metrics_port, metrics))

        def stop() -> None:
            framework.state["is_stopping"] = True
            service.live.end()

        stack.enter_context(stop_on_signal(stop))
        stop_with_supervisor()
        yield app


def _guard(app: ASGIApp, identity: Identity, limiter: RateLimiter, service: Service, settings: Settings) -> ASGIApp:
    names = BucketNames(service.store.secrets)
    return Guard(app, identity=identity, limiter=limiter, names=names, rates=_rates(settings))


async def _identity(stack: AsyncExitStack, settings: Settings, service: Service, rules: TokenRules) -> Identity:
    """The identification of callers. A server that starts while its database is away reads the keys from a file."""
    remembered = None if settings.spool_folder is None else KeyFile(Path(settings.spool_folder))
    keyring = Keyring(service.store.keys, service.clock, remembered=remembered)
    stack.push_async_callback(keyring.close)
    tokens = Tokens(rules)
    stack.push_async_callback(tokens.close)
    # If the store is away, requests report that until it is back.
    with suppress(StoreError):
        await keyring.refresh()
    keyring.learn()
    policy = Policy(
        records_own=settings.users_record_events,
        earliest_hours=settings.backdate_hours,
        shown=frozenset(settings.listed("public")),
        fixed_fields=frozenset(settings.listed("fixed_profile_fields")),
        origins=frozenset(settings.listed("cors_origins")),
    )
    return Identity(keyring, tokens, policy, has_tokens=rules.are_given)


async def _webhooks(stack: AsyncExitStack, settings: Settings, service: Service) -> Webhooks:
    sender = WebhookSender(allow_private=settings.webhook_private)
    return await stack.enter_async_context(service.delivering(sender, allow_private=settings.webhook_private))


def _traces(stack: AsyncExitStack, settings: Settings, service: Service) -> Traces | None:
    if settings.otlp_endpoint is None:
        return None
    from laurels.http.observability.telemetry import Telemetry  # noqa: PLC0415  nothing of it is loaded without a collector

    telemetry = Telemetry(settings.otlp_endpoint)
    stack.push_async_callback(telemetry.close)
    service.recorder.stats.on_committed.subscribe(telemetry.commit)
    return telemetry


def _rates(settings: Settings) -> Rates:
    def a_minute(requests: int) -> Bucket | None:
        return Bucket(requests, requests / 60) if requests else None

    return Rates(
        key=a_minute(settings.key_rate),
        user=a_minute(settings.user_rate),
        address=a_minute(settings.address_rate),
        failures=a_minute(settings.failure_rate),
        written=Bucket(settings.user_kib, settings.user_kib / 3_600) if settings.user_kib else None,
    )
