"""The checks of `laurels doctor` beside the database: this machine, the rulebook, the spool, keys, a running server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from laurels.application.maintenance.diagnostics import Check
from laurels.application.ports.store import Store
from laurels.bootstrap import rulebook_of, system_clock
from laurels.cli.serve import is_loopback
from laurels.domain.keys import ApiKey, parent_of
from laurels.domain.periods import MS_PER_DAY
from laurels.errors import OtherRulebook, RulebookError, SettingsError, StoreError
from laurels.plurals import counted
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings
from laurels.storage.local_copies.keys import KeyFile
from laurels.storage.local_copies.owner import owner_of, refuse_other

# A key that expires within this many days is mentioned.
EXPIRING_DAYS = 14
# Milliseconds that a projection may take before it counts as behind.
BEHIND_MS = 60_000
# The maximum number of users that are counted.
MOST_BEHIND = 1_000
# Files that a process has open beside its connections.
SPARE_FILES = 200
_SECONDS = 5


def examine_rulebook(settings: Settings) -> Check:
    """Check that the configured rulebook loads."""
    if settings.rulebook is None:
        return Check("rulebook", "ok", "The settings name none: the one that the store runs counts.")
    try:
        rulebook = load_rulebook(settings.rulebook)
    except RulebookError as error:
        return Check("rulebook", "fail", str(error), "See laurels rulebook check.")
    return Check("rulebook", "ok", f"{rulebook.name}: {counted(len(rulebook.badges), 'badge')}.")


async def examine_published(store: Store, settings: Settings) -> Check:
    """Check that the published rulebook can be read, and is the configured one. Raises StoreError."""
    newest = await store.rulebook.newest()
    if newest is None:
        return Check("published", "ok", "No rulebook yet; a server publishes the first one.")
    try:
        rulebook = await rulebook_of(store, settings)
    except OtherRulebook as error:
        advice = "Leave LAURELS_RULEBOOK empty, or publish that file."
        return Check("published", "fail", str(error), advice)
    except RulebookError as error:
        return Check("published", "fail", str(error), "Publish one that it can read: laurels rulebook publish FILE.")
    return Check(
        "published", "ok", f"Version {newest.version} of {newest.name}: {counted(len(rulebook.badges), 'badge')}."
    )


def examine_machine(settings: Settings) -> Iterable[Check]:
    """Check time zones and open files."""
    try:
        ZoneInfo("Pacific/Chatham")
        yield Check("tzdata", "ok", f"Time zones of {version('tzdata')}.")
    except ZoneInfoNotFoundError:
        yield Check("tzdata", "fail", "There is no data of time zones.", "pip install tzdata")
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ModuleNotFoundError:
        return
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + SPARE_FILES
    if limit == resource.RLIM_INFINITY or limit >= needed:
        yield Check("open files", "ok", f"A process may open {'any number' if limit < 0 else f'{limit:,}'}.")
    else:
        advice = "Raise the limit (ulimit -Hn, LimitNOFILE=) or lower LAURELS_MAX_CONNECTIONS."
        detail = f"A process may open {limit:,}; {settings.max_connections:,} connections need {needed:,}."
        yield Check("open files", "warn", detail, advice)


def examine_serving(settings: Settings) -> Check:
    """Check that a server would accept these settings, and that its packages are installed."""
    try:
        from laurels.bootstrap.server import check_server, token_rules  # noqa: PLC0415  needs the server's packages
    except ModuleNotFoundError as error:
        return Check("serving", "warn", f"{error.name} is not installed.", "To serve: pip install 'laurels[server]'")
    try:
        check_server()
        token_rules(settings)
    except SettingsError as error:
        return Check("serving", "fail", str(error), "See docs/settings.md.")
    return Check("serving", "ok", "A server takes these settings.")


async def examine_spool(settings: Settings) -> Check:
    """Check that events can wait here, and that none were set aside."""
    if settings.spool_folder is None:
        return Check("spool", "ok", "No spool is kept.")
    folder = Path(settings.spool_folder)
    if (found := _examine_folder(folder)) is not None:
        return found
    from laurels.storage.spool import FileSpool  # noqa: PLC0415  a driver is only loaded when asked for

    try:
        spool = await FileSpool.open(folder, limit=settings.spool_bytes)
        try:
            stats = await spool.stats()
        finally:
            await spool.close()
        refuse_other(folder, await asyncio.to_thread(owner_of, folder), settings.store_name, stats)
    except (StoreError, SettingsError) as error:
        return Check("spool", "fail", str(error), "See docs/outages.md.")
    if (found := _examine_readers(folder)) is not None:
        return found
    waiting = counted(stats.waiting, "event waits", "events wait")
    aside = counted(stats.set_aside, "is set aside", "are set aside")
    detail = f"{waiting}, {aside}, {counted(stats.bytes, 'byte')}."
    if stats.set_aside:
        return Check("spool", "warn", detail, "See laurels spool list --set-aside.")
    if stats.bytes > 0.8 * stats.limit:
        return Check("spool", "warn", detail, "It is nearly full: bring the database back or raise its limit.")
    return Check("spool", "ok", detail)


def _examine_folder(folder: Path) -> Check | None:
    """The problem of a spool's folder, apart from its events; None if there is none."""
    folder = folder.absolute()
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check("spool", "fail", f"This user may not write in {existing}.", "Give it to the service's user.")
    if not (folder / "spool.db").is_file():
        return Check("spool", "ok", f"{folder} is made by the first laurels serve.")
    return None


def _examine_readers(folder: Path) -> Check | None:
    """The problem of a spool's permissions; None if there is none."""
    folder = folder.absolute()
    if open_to_others := [each for each in (folder, *folder.iterdir()) if each.stat().st_mode & 0o077]:
        named = ", ".join(sorted(str(each) for each in open_to_others))
        advice = f"chmod 700 {folder}; chmod 600 {folder}/*"
        return Check("spool", "warn", f"Others on this machine may read {named}.", advice)
    return None


async def offline_startup(settings: Settings) -> str | None:
    """The behaviour of a server that starts while its database is away; None if it does not start."""
    if settings.spool_folder is None:
        return None
    folder = Path(settings.spool_folder)
    # A server discards keys and rulebooks of another store.
    is_its_own = await asyncio.to_thread(owner_of, folder) in (None, settings.store_name)
    if is_its_own and await KeyFile(folder).load():
        return "laurels serve starts all the same: events wait in its spool."
    return (
        "laurels serve starts all the same, but this machine remembers no API keys: all are answered 503 until the "
        "database is there once."
    )


async def examine_store(store: Store, settings: Settings, host: str) -> AsyncGenerator[Check]:
    """Check for users whose projections are behind, the published rulebook, and the keys. Raises StoreError."""
    now = system_clock()
    behind = await store.snapshots.behind(MOST_BEHIND, before=now - BEHIND_MS)
    if behind:
        longest = await _waiting(store, behind[0], now)
        more = "or more " if len(behind) == MOST_BEHIND else ""
        users = counted(len(behind), "user is behind", f"{more}users are behind")
        detail = f"{users}, the first for {counted(longest // 1_000, 'second')}."
        advice = "A running server catches up within a minute; see its log, or run laurels rebuild."
        yield Check("projections", "warn", detail, advice)
    else:
        yield Check("projections", "ok", "Nobody's are older than a minute.")
    yield await examine_published(store, settings)
    for check in examine_keys(await store.keys.all(), settings, now, host):
        yield check


async def _waiting(store: Store, user_id: str, now: int) -> int:
    """The milliseconds for which the first entry of a user has waited for its projection; 0 if none waits by now."""
    found = (await store.snapshots.projected([user_id])).get(user_id)
    progress = None if found is None else found.progress
    entries = await store.ledger.entries(user_id, after=0 if progress is None else progress.seq, limit=1)
    return now - entries[0].recorded_at if entries else 0


def examine_keys(keys: Iterable[ApiKey], settings: Settings, now: int, host: str) -> Iterable[Check]:
    """Check whether anybody may call a server that listens on `host`, and for how long."""
    # A session ends by itself, and nobody else can use it.
    keys = [key for key in keys if parent_of(key) is None]
    has_tokens = settings.jwt_secret is not None or settings.jwt_jwks_url is not None
    active = [key for key in keys if key.is_valid(now)]
    if not active:
        advice = "Make one: laurels keys create --help."
        if has_tokens:
            yield Check("keys", "ok", "No key; end users' tokens are taken.")
        elif keys:
            yield Check("keys", "warn", "All are revoked or expired: nobody may call.", advice)
        elif not is_loopback(host):
            yield Check("keys", "fail", f"No key: laurels serve refuses to listen on {host}.", advice)
        else:
            yield Check("keys", "warn", "No key: whoever is on this machine may do everything, others nothing.", advice)
        return
    soon = now + EXPIRING_DAYS * MS_PER_DAY
    ending = [(key.expires_at, key) for key in active if key.expires_at is not None and key.expires_at < soon]
    if not ending:
        yield Check("keys", "ok", f"{counted(len(active), 'key')} may be used.")
    for expires_at, key in sorted(ending, key=lambda each: each[0]):
        days = (expires_at - now) / MS_PER_DAY
        detail = f"{key.prefix} ({key.name}) expires in {counted(round(days, 1), 'day')}."
        yield Check("keys", "warn", detail, "Make another, hand it over, then revoke this one.")


def examine_server(url: str, *, is_expected: bool) -> Check:
    """Check that a server answers at `url`, can do its work, and has this version."""
    try:
        live, _ = _get(url, "/health/live")
        ready, found = _get(url, "/health/ready")
        _, description = _get(url, "/openapi.json")
    except (OSError, HTTPException, ValueError) as error:
        level = "fail" if is_expected else "warn"
        return Check(
            "server",
            level,
            f"No server answers at {url}: {getattr(error, 'strerror', None) or error}.",
            "Start laurels serve, or name another address with --url.",
        )
    runs: Any = description.get("info", {}).get("version", "unknown")
    checks: dict[str, Any] = found.get("checks", {})
    told = ", ".join(f"{name} {state}" for name, state in checks.items())
    detail = f"{url}: version {runs}, live {live}, ready {ready} ({found.get('status')}{': ' if told else ''}{told})."
    if live != 200 or ready != 200:
        return Check("server", "fail", detail, "See its log.")
    if found.get("status") != "ok":
        return Check("server", "warn", detail, "See its log.")
    if runs != version("laurels"):
        return Check("server", "warn", detail, f"This is {version('laurels')}: restart the server to update it.")
    return Check("server", "ok", detail)


def _get(url: str, path: str) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("that is no http address")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        try:
            body = msgspec.json.decode(answer.read(), type=dict[str, Any])
        except msgspec.MsgspecError:
            body = {}
        return answer.status, body
    finally:
        connection.close()
