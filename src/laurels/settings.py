"""The settings of a process: read from the environment once, checked, typed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from laurels.errors import SettingsError

PREFIX = "LAURELS_"


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting, its default and its bounds. The variable is `LAURELS_` and the name in capitals."""

    store: Annotated[
        str,
        Meta(description="Store URL: sqlite:///relative.db, sqlite:////absolute/path.db or mongodb://HOST/DATABASE."),
    ] = "sqlite:///laurels.db"
    store_wait_seconds: Annotated[
        int, Meta(ge=0, le=3_600, description="How long `serve` waits at its start for a store that cannot be reached.")
    ] = 60
    rulebook: Annotated[str, Meta(description="Name of a built-in rulebook, or the path of a TOML file.")] = "coding"
    max_backdate_days: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="How many days back a timestamp may lie; empty: back to 1970."),
    ] = None
    projection_interval_ms: Annotated[
        int, Meta(ge=10, le=10_000, description="How often boards and snapshots follow the ledger, in milliseconds.")
    ] = 200
    cache_weight: Annotated[
        int,
        Meta(ge=1_000, description="Bound on the cached progress of writing users, in objects of about 150 bytes."),
    ] = 1_000_000
    max_event_bytes: Annotated[
        int, Meta(ge=1_024, description="Largest body of a single request that is not a batch, in bytes.")
    ] = 64 * 1024
    max_batch_bytes: Annotated[int, Meta(ge=1_024, description="Largest body of a batch, in bytes.")] = 32 * 1024 * 1024
    spool: Annotated[
        str | None,
        Meta(
            description="Folder where events wait while the database is away, or off. "
            "Empty: laurels-spool for a server on MongoDB, off for one on SQLite."
        ),
    ] = None
    spool_bytes: Annotated[
        int, Meta(ge=64 * 1024, description="How many bytes of events the spool holds at the most.")
    ] = 1024 * 1024 * 1024
    store_timeout_ms: Annotated[
        int,
        Meta(
            ge=100,
            le=60_000,
            description="How long a request waits for a database that hangs, in milliseconds, where there is a spool.",
        ),
    ] = 2_500
    heartbeat_ms: Annotated[
        int,
        Meta(ge=50, le=60_000, description="How often the database is asked whether it is there, in milliseconds."),
    ] = 1_000
    max_streams: Annotated[
        int, Meta(ge=0, le=100_000, description="How many live streams one process keeps open at the most.")
    ] = 2_000
    max_streams_per_address: Annotated[
        int,
        Meta(ge=0, le=100_000, description="How many of them one client address may have; a proxy is one address."),
    ] = 100
    stream_heartbeat_ms: Annotated[
        int,
        Meta(ge=100, le=300_000, description="How often a silent stream gives a sign of life, in milliseconds."),
    ] = 15_000
    retention_days: Annotated[
        Annotated[int, Meta(ge=1, le=36_500)] | None,
        Meta(
            description="After how many days without an event `laurels users expire` deletes a learner; empty: never."
        ),
    ] = None
    log_level: Annotated[
        str, Meta(pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")
    ] = "info"

    @property
    def spool_folder(self) -> str | None:
        """The folder of a server's spool; None for a server that keeps none."""
        if self.spool is None:
            return "laurels-spool" if self.store.startswith("mongodb") else None
        return None if self.spool == "off" else self.spool


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment gives. Raises SettingsError naming the variable."""
    environment = os.environ if environment is None else environment
    names = {field.name for field in msgspec.structs.fields(Settings)}
    given: dict[str, str | None] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in names:
            known = ", ".join(sorted(PREFIX + known.upper() for known in names))
            raise SettingsError(f"{variable}: no such setting. The settings are {known}.")
        if text.strip():
            given[name] = text.strip()
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `$.")
        raise SettingsError(f"{PREFIX}{path.rstrip('`').upper()}: {detail}.") from error
