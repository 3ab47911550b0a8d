"""`laurels doctor`: checks everything that a service needs, and says how to repair anything that is missing.

It changes nothing in the database, not even the schema that a server would upgrade.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Annotated

import msgspec
import typer

from laurels.application.maintenance.diagnostics import Check
from laurels.bootstrap import open_store, store_exists, system_clock
from laurels.bootstrap.drivers import needs_pymongo
from laurels.cli.doctor.checks import (
    examine_keys,
    examine_machine,
    examine_rulebook,
    examine_server,
    examine_serving,
    examine_spool,
    examine_store,
    offline_startup,
)
from laurels.cli.options import StoreOption, named_store, settings_for
from laurels.cli.terminal import say
from laurels.errors import LaurelsError, SettingsError, StoreError
from laurels.settings import Settings

# Checks that must pass before a server starts.
STOPPING = frozenset({"settings", "serving", "rulebook", "published", "store", "schema", "spool", "keys"})
DEFAULT_URL = "http://127.0.0.1:8000"


def doctor(
    store: StoreOption = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help=f"The server to ask. Default: {DEFAULT_URL}, if there is one.", show_default=False
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address that laurels serve is to listen on.")] = "127.0.0.1",
    is_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of lines.")] = False,
) -> None:
    """Check settings, store, spool, rulebook, keys, machine and server.

    Exits with 2 if laurels serve would refuse to start, with 1 if anything else fails.
    """
    checks = asyncio.run(_all(store, url, host, is_silent=is_json))
    if is_json:
        say(msgspec.json.encode(checks).decode())
    failed = {check.name for check in checks if check.level == "fail"}
    if failed:
        raise typer.Exit(2 if failed & STOPPING else 1)


async def _all(store: str | None, url: str | None, host: str, *, is_silent: bool) -> list[Check]:
    checks: list[Check] = []
    async for check in _examine(store, url, host):
        checks.append(check)
        if not is_silent:
            advice = f" {check.advice}" if check.advice else ""
            say(" ".join(f"{check.level:<5}{check.name:<13}{check.detail}{advice}".splitlines()))
    return checks


async def _examine(store: str | None, url: str | None, host: str) -> AsyncGenerator[Check]:
    try:
        settings = named_store(settings_for(store))
    except SettingsError as error:
        yield Check("settings", "fail", str(error), "See docs/settings.md.")
        return
    yield Check("settings", "ok", "They can be read.")
    yield examine_serving(settings)
    yield examine_rulebook(settings)
    for check in examine_machine(settings):
        yield check
    yield await examine_spool(settings)
    async for check in _examine_store(settings, host):
        yield check
    # Run in a thread: the server may be one that this process waits for.
    yield await asyncio.to_thread(examine_server, url or DEFAULT_URL, is_expected=url is not None)


async def _examine_store(settings: Settings, host: str) -> AsyncGenerator[Check]:
    try:
        found = await _inspect(settings)
    except LaurelsError as error:
        yield Check("store", "fail", str(error), "Name the store with --store or LAURELS_STORE.")
        return
    for check in found:
        yield check
    opening = [check for check in found if check.name in ("store", "schema") and check.level != "ok"]
    if opening or any(check.level == "fail" for check in found):
        # Opening it would fail, create it, or upgrade it. A server that is away need not be asked again.
        if settings.database is None and not any(check.name == "schema" for check in found):
            return
        with suppress(StoreError):
            if not await store_exists(settings.store):
                for check in examine_keys([], settings, system_clock(), host):
                    yield check
        return
    try:
        opened = await open_store(settings.store)
        try:
            yield Check("store", "ok", "It can be read and written.")
            async for check in examine_store(opened, settings, host):
                yield check
        finally:
            await opened.close()
    except StoreError as error:
        yield Check("store", "fail", str(error), "See docs/operations.md.")


async def _inspect(settings: Settings) -> list[Check]:
    if (path := settings.database) is not None:
        from laurels.storage.sqlite.diagnostics import inspect  # noqa: PLC0415  a driver is only loaded when asked for

        makes_folder = path.parent == settings.data_folder
        return await asyncio.to_thread(inspect, path, makes_folder=makes_folder)
    if settings.store.startswith("mongodb"):
        with needs_pymongo("A MongoDB store"):
            from laurels.storage.mongodb.diagnostics import inspect as inspect_mongodb  # noqa: PLC0415  likewise

        return await inspect_mongodb(settings.store, offline_startup=await offline_startup(settings))
    # A store that cannot be named reports that itself.
    await (await open_store(settings.store)).close()
    return []
