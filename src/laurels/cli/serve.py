"""`laurels serve`: the HTTP service.

Every problem that can be found before serving starts (a wrong store, rulebook or port) is reported in one sentence
then, not by worker processes that die one after the other.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Thread
from time import monotonic, sleep
from typing import Annotated, Any, NamedTuple

import typer

from laurels.application.ports.store import Store
from laurels.bootstrap import make_data_folder, open_store, rulebook_of, store_exists
from laurels.cli.options import RulebookOption, StoreOption, named_store, settings_for, whole_number
from laurels.cli.terminal import CommandFailed, complain, say
from laurels.errors import StoreError, StoreUnreachable
from laurels.plurals import counted
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings

# Seconds between two attempts to reach the store: the first pause, doubled each time up to the longest.
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0

APP = "laurels.bootstrap:create_app_from_environment"
APP_WHILE_AWAY = "laurels.bootstrap:create_app_while_away"


class Prepared(NamedTuple):
    """The results of the checks before serving starts. `is_open`: everybody who reaches the service may do everything;
    `is_away`: the store cannot be reached, and events wait in a spool."""

    is_open: bool
    is_away: bool


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, whole_number(least=0, most=65_535, help="The port; 0 takes a free one.")] = 8000,
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    workers: Annotated[int, whole_number(least=1, most=64, help="Processes that serve.")] = 1,
) -> None:
    """Serve the HTTP interface and the pages until interrupted."""
    try:
        import litestar  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]  is it there?
        import structlog  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]  is it there?
        import uvicorn  # noqa: PLC0415  only this command needs the server's packages
    except ModuleNotFoundError:
        raise CommandFailed("Serving needs packages that are not installed: pip install 'laurels[server]'.") from None
    settings = named_store(settings_for(store, rulebook))
    # Done first: a server that is refused leaves nothing behind.
    listener = _listen(host, port)
    prepared = asyncio.run(_prepare(settings, host))
    app = APP_WHILE_AWAY if prepared.is_away else APP
    # Each worker makes the application from the environment, so these settings are passed there.
    os.environ["LAURELS_STORE"] = settings.store
    if settings.rulebook is not None:
        os.environ["LAURELS_RULEBOOK"] = settings.rulebook
    port = listener.getsockname()[1]
    if prepared.is_open:
        complain("No API keys yet: whoever is on this machine may do everything. See laurels keys create --help.")
    options: dict[str, Any] = {
        "factory": True,
        "host": host,
        "port": port,
        "loop": "uvloop",
        "http": "laurels.http.sockets.connections:BoundedProtocol",
        "ws": "none",
        "access_log": False,
        # The application configures logging, uvicorn's included.
        "log_config": None,
        "log_level": settings.log_level,
        "timeout_graceful_shutdown": 10,
        "proxy_headers": settings.trusted_proxies is not None,
        "forwarded_allow_ips": list(settings.listed("trusted_proxies")),
        "server_header": False,
    }
    Thread(target=_announce, args=(host, port), daemon=True).start()
    # A requested stop is no failure. The server handles the signal while it runs, and raises it again after it has shut
    # down.
    signal.signal(signal.SIGTERM, _leave_to_server)
    if workers == 1:
        uvicorn.Server(uvicorn.Config(app, **options)).run(sockets=[listener])
    else:
        # The supervisor binds for its workers; this only checked that it can.
        listener.close()
        uvicorn.run(app, workers=workers, **options)


def _leave_to_server(number: int, frame: object) -> None:
    """Do nothing."""


async def _prepare(settings: Settings, host: str) -> Prepared:
    """Wait for the store and check the rulebook."""
    if settings.rulebook is not None:
        load_rulebook(settings.rulebook)
    has_tokens = settings.jwt_secret is not None or settings.jwt_jwks_url is not None
    is_private = is_loopback(host)
    may_exist = await _may_exist(settings)
    if may_exist is False and not is_private and not has_tokens:
        raise CommandFailed(_keyless(host, settings, " --new-store"))
    make_data_folder(settings)
    store = None if may_exist is None else await _wait_for_store(settings)
    if store is None:
        # All callers are refused until the keys are known.
        return Prepared(is_open=False, is_away=True)
    try:
        has_keys = bool(await store.keys.all())
        if not has_keys and not has_tokens and not is_private:
            raise CommandFailed(_keyless(host, settings))
        await rulebook_of(store, settings, publishes=True)
    finally:
        await store.close()
    return Prepared(is_open=not has_keys and not has_tokens, is_away=False)


async def _may_exist(settings: Settings) -> bool | None:
    """Whether there is a database, as far as can be known now; None if it cannot be reached within the time limit of
    the store, and events can wait in a spool."""
    limit = None if settings.spool_folder is None else settings.store_timeout_ms / 1000
    try:
        async with asyncio.timeout(limit):
            return await store_exists(settings.store)
    except (StoreUnreachable, TimeoutError) as error:
        if limit is None:
            return True
        why = str(error) or f"The database has not answered for {counted(limit, 'second')}."
        _complain_of_away(why, settings)
        return None
    except StoreError:
        return True


def _complain_of_away(why: str, settings: Settings) -> None:
    complain(f"{why} Serving all the same: events wait in {settings.spool_folder} until the database is there.")


def _keyless(host: str, settings: Settings, more: str = "") -> str:
    return (
        f"Without a key everybody who reaches {host} could record and read everything. Make one first: laurels keys "
        f"create{more} --store {settings.store_name} --name platform --scope events:write --scope progress:read "
        "--scope users:write."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _wait_for_store(settings: Settings) -> Store | None:
    """The store when it opens; None if it cannot be reached and events can wait in a spool. Without a spool, attempts
    are repeated with growing pauses for as long as the settings say: the store may be starting, too. Errors that
    waiting does not solve are raised at once."""
    seconds = settings.store_wait_seconds
    give_up_at = monotonic() + seconds
    pause = FIRST_PAUSE
    while True:
        try:
            store = await open_store(settings.store)
        except StoreUnreachable as error:
            if settings.spool_folder is not None:
                _complain_of_away(str(error), settings)
                return None
            if monotonic() + pause > give_up_at:
                raise
            if pause == FIRST_PAUSE:
                complain(f"{error} Trying again for {counted(seconds, 'second')}.")
        else:
            return store
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _listen(host: str, port: int) -> socket.socket:
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        detail: Any = getattr(error, "strerror", None) or error
        raise CommandFailed(f"Cannot listen on {host}:{port}: {detail}.") from error
    return listener


def _announce(host: str, port: int) -> None:
    """Report that the service is ready, once it answers."""
    # Nothing listens before the application has started: until then a connection is refused.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  to compare with, not to bind
    while True:
        connection = HTTPConnection(reachable, port, timeout=5)
        try:
            connection.request("GET", "/health/live")
            if connection.getresponse().status < 500:
                break
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        sleep(0.05)
    shown = f"[{host}]" if ":" in host else host
    say(f"Laurels is ready at http://{shown}:{port} (docs at /docs)")
