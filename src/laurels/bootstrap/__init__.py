"""The one place where adapters are chosen and joined to the use cases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from laurels.application.maintenance.publishing import InForce, rulebook_to_begin_with
from laurels.application.maintenance.rulebook_watcher import INTERVAL as RULEBOOK_INTERVAL
from laurels.application.outage.availability import Availability
from laurels.application.outage.guarded_store import GuardedStore
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.application.recording.recorder import BATCH
from laurels.application.service import Fallback, Service
from laurels.bootstrap.drivers import needs_pymongo
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import SettingsError, StoreError, StoreUnavailable
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings, database_of, read_settings
from laurels.storage.local_copies.owner import claim
from laurels.storage.local_copies.rulebook import RulebookFile

if TYPE_CHECKING:
    from laurels.http.server.lifespan import Lifespan


def system_clock() -> int:
    """Milliseconds since the epoch, now."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def open_service(
    url: str | None = None,
    *,
    rulebook: Rulebook | str | Path | None = None,
    settings: Settings | None = None,
    clock: Clock = system_clock,
    projection_interval: float | None = None,
    rulebook_interval: float = RULEBOOK_INTERVAL,
    batch: int = BATCH,
    spool: str | Path | None = None,
    publish: bool = False,
    busy_ms: int | None = None,
    is_away: bool = False,
) -> AsyncGenerator[Service]:
    """Open the store at `url` and serve it until the block ends; then everything accepted is committed and projected.

    `rulebook` is a rulebook, a built-in name or a TOML file; default: the one published in the store, else `coding`.
    Without a `url`, `settings` default to those of the environment, else to the built-in ones. `projection_interval`
    and `rulebook_interval`, between two checks for a new rulebook, are in seconds. `batch` is the maximum number of
    events in one commit. With a `spool`, a folder on the local disk, the store may be away, even now: `accept_event`
    and `accept_many` then queue there. `publish` publishes the rulebook in a store that has none. `is_away`: the store
    was found to be away, and with a spool it is not waited for. `busy_ms`: see `open_store`. Raises StoreError,
    RulebookError (OtherRulebook if the store runs a different one) or SettingsError.
    """
    settings = settings or (read_settings() if url is None else Settings())
    if url is not None:
        settings = replace(settings, store=url)
    given = _given(rulebook, settings)
    if projection_interval is None:
        projection_interval = settings.projection_interval_ms / 1000
    async with AsyncExitStack() as stack:
        make_data_folder(settings)
        store, fallback = await _open(stack, spool, settings, busy_ms=busy_ms, is_away=is_away)
        remembered = None if spool is None else RulebookFile(Path(spool))
        try:
            in_force = await rulebook_to_begin_with(store, given, load_rulebook, clock, publishes=publish)
        except StoreError:
            if remembered is None:
                raise
            # The store is away, or goes away just now: it is asked as soon as it is back.
            in_force = InForce(given or await remembered.load() or load_rulebook(), 0)
        service = Service(
            store,
            in_force,
            clock,
            max_backdate_days=settings.max_backdate_days,
            cache_weight=settings.cache_weight,
            projection_interval=projection_interval,
            rulebook_interval=rulebook_interval,
            batch=batch,
            fallback=fallback,
            names=PlaceholderNames(settings.unnamed),
            rarity_minimum=settings.rarity_minimum,
            publishes=publish,
            remembered=remembered,
        )
        stack.push_async_callback(service.close)
        yield service


def _given(rulebook: Rulebook | str | Path | None, settings: Settings) -> Rulebook | None:
    if isinstance(rulebook, Rulebook):
        return rulebook
    named = rulebook or settings.rulebook
    return None if named is None else load_rulebook(named)


async def rulebook_of(store: Store, settings: Settings, *, publishes: bool = False) -> Rulebook:
    """The rulebook for commands on `store`; see `rulebook_to_begin_with`. Raises StoreError or RulebookError."""
    given = _given(None, settings)
    return (await rulebook_to_begin_with(store, given, load_rulebook, system_clock, publishes=publishes)).rulebook


def make_data_folder(settings: Settings) -> None:
    """Make the data folder if the store is in it. Raises StoreUnavailable."""
    database = settings.database
    if database is None or database.parent.exists() or database.parent != settings.data_folder:
        return
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder {database.parent} cannot be made: {error.strerror}. Name another one in LAURELS_DATA."
        ) from error


async def _open(
    stack: AsyncExitStack, spool: str | Path | None, settings: Settings, *, busy_ms: int | None, is_away: bool
) -> tuple[Store, Fallback | None]:
    """The store and, if there is a spool, the fallback; closed with the stack."""

    async def opening() -> Store:
        return await open_store(settings.store, busy_ms=busy_ms)

    if spool is None:
        store = await opening()
        stack.push_async_callback(store.close)
        return store, None
    from laurels.storage.spool import FileSpool  # noqa: PLC0415  a driver is only loaded when asked for

    limit = settings.store_timeout_ms / 1000
    journal = await FileSpool.open(Path(spool), limit=settings.spool_bytes)
    stack.push_async_callback(journal.close)
    await claim(Path(spool), settings.store_name, journal)
    availability = Availability(interval=settings.heartbeat_ms / 1000, limit=limit)
    guarded = GuardedStore(opening, availability)
    stack.push_async_callback(guarded.close)
    stack.push_async_callback(availability.close)
    await availability.start(guarded.check, is_away=is_away)
    return guarded, Fallback(journal, availability)


async def open_store(url: str, *, busy_ms: int | None = None) -> Store:
    """The store of a URL; a SQLite file waits `busy_ms` for a lock (default: 10 seconds).

    Raises SettingsError if the URL names no store, StoreError if the store will not open.
    """
    scheme = _scheme_of(url)
    if scheme == "sqlite":
        path = database_of(url)
        if path is None:
            raise SettingsError("A SQLite store is sqlite:///relative.db or sqlite:////absolute/path.db.")
        from laurels.storage.sqlite import SQLiteStore  # noqa: PLC0415  a driver is only loaded when asked for

        return await SQLiteStore.open(path, busy_ms=busy_ms)
    if scheme in ("mongodb", "mongodb+srv"):
        with needs_pymongo("A MongoDB store"):
            from laurels.storage.mongodb import MongoStore  # noqa: PLC0415  a driver is only loaded when asked for

        return await MongoStore.open(url)
    if not scheme:
        # It is a path. The message does not quote it: it may hold a password by mistake.
        hint = f" Did you mean sqlite:///{url}?" if url.endswith((".db", ".sqlite", ".sqlite3")) else ""
        raise SettingsError(f"A store is named by a URL: sqlite:///PATH or mongodb://HOST/DATABASE.{hint}")
    raise SettingsError(f"No store is known for {scheme}://; use sqlite:///PATH or mongodb://HOST/DATABASE.")


def _scheme_of(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        # Without the cause, which may quote it.
        raise SettingsError(
            "The store URL cannot be read: percent-encode special characters of user and password, and close the "
            "brackets of an IPv6 address."
        ) from None


async def store_exists(url: str) -> bool:
    """Whether there is a Laurels database at a URL. Opening a store would create one, even in an empty file. Raises
    StoreError, also for another program's file, and SettingsError if the URL names no store."""
    if (path := database_of(url)) is not None:
        from laurels.storage.sqlite import diagnostics  # noqa: PLC0415  a driver is only loaded when asked for

        return await asyncio.to_thread(diagnostics.exists, path)
    if _scheme_of(url) in ("mongodb", "mongodb+srv"):
        with needs_pymongo("A MongoDB store"):
            from laurels.storage.mongodb.diagnostics import exists  # noqa: PLC0415  a driver is only loaded when asked for

        return await exists(url)
    # Opening it will report the problem itself.
    return True


def create_app(settings: Settings, *, is_away: bool = False) -> Lifespan:
    """The ASGI application: one service per process, opened when serving starts and closed when it ends.

    `is_away`: the store was found to be away; with a spool, startup does not wait for it.
    """
    from laurels.bootstrap.server import compose  # noqa: PLC0415  the library works without a web framework

    return compose(settings, is_away=is_away)


def create_app_from_environment() -> Lifespan:
    """The ASGI application with the settings of the environment, for servers that need a factory."""
    return create_app(read_settings())


def create_app_while_away() -> Lifespan:
    """The same for a store that was just found to be away."""
    return create_app(read_settings(), is_away=True)
