"""`laurels doctor`: everything that a service needs, looked at once, with what to do where something is missing.

Changes nothing in the database: one that a server would bring up to date stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec
import typer

from laurels.application.maintenance.diagnostics import Check
from laurels.bootstrap import open_store
from laurels.cli.doctor.checks import (
    examine_machine,
    examine_rulebook,
    examine_server,
    examine_serving,
    examine_spool,
    examine_store,
)
from laurels.cli.options import StoreOption, settings_for
from laurels.cli.terminal import say
from laurels.errors import LaurelsError, SettingsError, StoreError
from laurels.settings import Settings

DEFAULT_URL = "http://127.0.0.1:8000"


def doctor(
    store: StoreOption = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help=f"The server to ask. Default: {DEFAULT_URL}, if there is one.", show_default=False
        ),
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of lines.")] = False,
) -> None:
    """Look at settings, store, spool, rulebook, keys, machine and server. Exits with 1 where anything fails."""
    checks = asyncio.run(_all(store, url, is_silent=is_json))
    if is_json:
        say(msgspec.json.encode(checks).decode())
    if any(check.level == "fail" for check in checks):
        raise typer.Exit(1)


async def _all(store: str | None, url: str | None, *, is_silent: bool) -> list[Check]:
    checks: list[Check] = []
    async for check in _examine(store, url):
        checks.append(check)
        if not is_silent:
            advice = f" {check.advice}" if check.advice else ""
            say(" ".join(f"{check.level:<5}{check.name:<13}{check.detail}{advice}".splitlines()))
    return checks


async def _examine(store: str | None, url: str | None) -> AsyncGenerator[Check]:
    try:
        settings = settings_for(store)
    except SettingsError as error:
        yield Check("settings", "fail", str(error), "See docs/settings.md.")
        return
    yield Check("settings", "ok", "They can be read.")
    yield examine_serving(settings)
    yield examine_rulebook(settings)
    for check in examine_machine(settings):
        yield check
    yield await examine_spool(settings)
    async for check in _examine_store(settings):
        yield check
    # Asked in a thread of its own: the server may be one that this process waits for.
    yield await asyncio.to_thread(examine_server, url or DEFAULT_URL, is_expected=url is not None)


async def _examine_store(settings: Settings) -> AsyncGenerator[Check]:
    try:
        found = await _inspect(settings.store)
    except LaurelsError as error:
        yield Check("store", "fail", str(error), "Check LAURELS_STORE.")
        return
    for check in found:
        yield check
    if any(check.level == "fail" for check in found) or any(
        check.name == "schema" and check.level == "warn" for check in found
    ):
        # Opening it would fail, or bring it up to date.
        return
    try:
        opened = await open_store(settings.store)
        try:
            yield Check("store", "ok", "It can be read and written.")
            async for check in examine_store(opened, settings):
                yield check
        finally:
            await opened.close()
    except StoreError as error:
        yield Check("store", "fail", str(error), "See docs/operations.md.")


async def _inspect(url: str) -> list[Check]:
    try:
        parts = urlsplit(url)
    except ValueError:
        # Opening it says what is wrong.
        parts = urlsplit("")
    path = unquote(parts.path).removeprefix("/")
    if parts.scheme == "sqlite" and path and not parts.netloc:
        from laurels.storage.sqlite.diagnostics import inspect  # noqa: PLC0415  a driver is only loaded when asked for

        return await asyncio.to_thread(inspect, Path(path))
    if parts.scheme in ("mongodb", "mongodb+srv"):
        try:
            from laurels.storage.mongodb.diagnostics import inspect as inspect_mongodb  # noqa: PLC0415  likewise
        except ModuleNotFoundError as error:
            if error.name not in ("pymongo", "bson"):
                raise
        else:
            return await inspect_mongodb(url)
    # What cannot be named says so itself.
    await (await open_store(url)).close()
    return []
