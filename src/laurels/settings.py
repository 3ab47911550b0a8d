"""The settings of a process: read from the environment once, checked, typed.

A wrong setting is reported at the start, by its variable, and not later by its effect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec
from msgspec import Meta, Struct
from platformdirs import user_data_path

from laurels.domain.profiles import FIELDS as PROFILE_FIELDS
from laurels.errors import SettingsError
from laurels.validation import nearest, read_fields, unknown_name

PREFIX = "LAURELS_"
# The name of the database in the data folder.
DATABASE = "laurels.db"
PUBLIC = frozenset({"boards", "badges", "profiles"})


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting, its default and its bounds. The variable is `LAURELS_` and the name in capitals."""

    data: Annotated[
        str | None,
        Meta(
            description="Folder of what this machine keeps: the database where no store is named, and the spool. "
            "Empty: the user's own data folder, such as ~/.local/share/laurels."
        ),
    ] = None
    store: Annotated[
        str,
        Meta(
            description="Store URL: sqlite:///relative.db, sqlite:////absolute/path.db or mongodb://HOST/DATABASE. "
            "Empty: laurels.db in the data folder."
        ),
    ] = ""
    store_wait_seconds: Annotated[
        int, Meta(ge=0, le=3_600, description="How long `serve` waits at its start for a store that cannot be reached.")
    ] = 60
    rulebook: Annotated[
        str | None,
        Meta(
            description="Name of a built-in rulebook, or the path of a TOML file, for a store that has none yet. "
            "Empty: the published one, else coding."
        ),
    ] = None
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
        int, Meta(ge=1_024, description="Largest body that is no batch, and largest event of a batch, in bytes.")
    ] = 64 * 1024
    max_batch_bytes: Annotated[int, Meta(ge=1_024, description="Largest body of a batch, in bytes.")] = 32 * 1024 * 1024
    spool: Annotated[
        str | None,
        Meta(
            description="Folder where events wait while the database is away, or off. "
            "Empty: spool in the data folder for a server on MongoDB, off for one on SQLite."
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
            description="How long a request waits for a database that hangs, where there is a spool, or for a SQLite "
            "file that is locked, in milliseconds.",
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
    backdate_hours: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="How many hours back a timestamp may lie when the caller lacks the scope events:backdate; "
            "empty: as LAURELS_MAX_BACKDATE_DAYS says."
        ),
    ] = 168
    jwt_secret: Annotated[
        str | None, Meta(description="Secret by which the platform signs its end users' tokens, 32 bytes or more.")
    ] = None
    jwt_jwks_url: Annotated[
        str | None, Meta(description="Where the platform publishes the keys of those tokens, instead of a secret.")
    ] = None
    jwt_algorithms: Annotated[
        str | None,
        Meta(
            description="Algorithms that are accepted, with commas. "
            "Empty: HS256 with a secret, else RS256, ES256 and Ed25519."
        ),
    ] = None
    jwt_issuer: Annotated[str | None, Meta(description="The `iss` that tokens must have; empty: any.")] = None
    jwt_audience: Annotated[str | None, Meta(description="The `aud` that tokens must have; empty: any.")] = None
    users_record_events: Annotated[
        bool, Meta(description="Whether end users may record events of their own with their token: true or false.")
    ] = False
    fixed_profile_fields: Annotated[
        str,
        Meta(
            description="Fields of a profile that end users cannot change with their token, with commas, "
            "such as displayName,photoURL. Or none."
        ),
    ] = "none"
    public: Annotated[
        str,
        Meta(
            description="What everybody may see without a key or token, with commas: boards, badges, profiles. Or none."
        ),
    ] = "boards,badges"
    public_url: Annotated[
        str | None,
        Meta(description="Address under which readers reach this server, for links in reports."),
    ] = None
    frame_ancestors: Annotated[
        str | None, Meta(description="Origins whose pages may show /embed/USER in a frame, with commas.")
    ] = None
    key_rate: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Requests a minute that one API key may send; 0: no limit.")
    ] = 600_000
    user_rate: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Requests a minute that one end user may send; 0: no limit.")
    ] = 3_000
    user_kib: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="KiB an hour that one end user may have recorded with their tokens; 0: no limit.",
        ),
    ] = 16_384
    address_rate: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="Requests a minute from one address without key or token; 0: no limit."),
    ] = 300
    failure_rate: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="Wrong keys or tokens a minute from one address until it is told to wait; 0: no limit.",
        ),
    ] = 30
    max_requests: Annotated[
        int, Meta(ge=1, le=1_000_000, description="How many requests one process works on at once; more get a 503.")
    ] = 2_000
    request_seconds: Annotated[
        int,
        Meta(ge=1, le=3_600, description="How long a request may take until its answer begins, its body included."),
    ] = 30
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="How many connections one process keeps open; more are closed.")
    ] = 10_000
    max_connections_per_address: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="How many of them one client address may have, or one IPv6 /64; trusted proxies may have all.",
        ),
    ] = 1_000
    max_head_bytes: Annotated[
        int,
        Meta(
            ge=1_024,
            le=1_048_576,
            description="Largest head of a request, its first line and all header fields together, in bytes.",
        ),
    ] = 32 * 1024
    write_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=3_600,
            description="How long a client may take nothing of an answer that waits for it, until it is disconnected.",
        ),
    ] = 20
    head_seconds: Annotated[
        int, Meta(ge=1, le=3_600, description="How long a connection may take to send the head of a request.")
    ] = 20
    trusted_proxies: Annotated[
        str | None,
        Meta(
            description="Addresses or networks of reverse proxies, with commas, whose X-Forwarded-For is believed. "
            "Empty: none."
        ),
    ] = None
    unnamed: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=50,
            description="What people are called who gave no name, before four characters that tell them apart.",
        ),
    ] = "Learner"
    rarity_minimum: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Answers show the share that holds a badge if so many learners could have earned it.",
        ),
    ] = 50
    envelope: Annotated[
        Literal["flat", "data"],
        Meta(description="Form of the answers of event, dashboard, leaderboard and export: flat, or data."),
    ] = "flat"
    cors_origins: Annotated[
        str | None,
        Meta(description="Origins whose pages may call from a browser, with commas. Empty: none."),
    ] = None
    retention_days: Annotated[
        Annotated[int, Meta(ge=1, le=36_500)] | None,
        Meta(
            description="After how many days without an event `laurels users expire` deletes a learner; empty: never."
        ),
    ] = None
    access_log: Annotated[
        str,
        Meta(
            pattern="^(off|errors|all)$",
            description="Which requests get a line in the log: off, errors (401, 403, 429, 500 and above) or all.",
        ),
    ] = "errors"
    log_addresses: Annotated[
        bool, Meta(description="Whether those lines name the address that a request came from: true or false.")
    ] = False
    metrics_port: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        Meta(
            description="Port on 127.0.0.1 where Prometheus finds /metrics; further workers take the ones after it. "
            "Empty: none."
        ),
    ] = None
    otlp_endpoint: Annotated[
        str | None,
        Meta(description="Collector that OpenTelemetry spans are sent to, such as http://127.0.0.1:4318. Empty: none."),
    ] = None
    webhook_private: Annotated[
        bool,
        Meta(
            description="Whether webhooks may lead to this machine, to private networks and to http addresses, "
            "for development: true or false."
        ),
    ] = False
    log_level: Annotated[
        str, Meta(pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")
    ] = "info"

    def __post_init__(self) -> None:
        if not self.store:
            msgspec.structs.force_setattr(self, "store", f"sqlite:///{quote(str(self.data_folder / DATABASE))}")

    @property
    def data_folder(self) -> Path:
        """The data folder, absolute. Raises SettingsError if none is named and the user has none."""
        if self.data is not None:
            return Path(self.data).absolute()
        try:
            return user_data_path("laurels", appauthor=False)
        except RuntimeError as error:
            raise SettingsError("This user has no home folder; name a folder for the data in LAURELS_DATA.") from error

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store, absolute; None for any other store."""
        return database_of(self.store)

    @property
    def store_name(self) -> str:
        """The store URL in a form that may be shown: without user, password and options, with the whole path of a
        file."""
        if self.database is not None:
            return f"sqlite:///{quote(str(self.database))}"
        if not self.store.startswith(("mongodb://", "mongodb+srv://")):
            # It may hold a password in any place.
            return "not a store URL"
        scheme, _, rest = self.store.partition("://")
        # A password may hold a slash or a question mark that was not encoded.
        hosts, _, path = rest.rpartition("@")[2].partition("?")[0].partition("/")
        return f"{scheme}://{','.join(sorted(hosts.lower().split(',')))}/{path}"

    @property
    def spool_place(self) -> Path:
        """The path for a server's spool, if it keeps one."""
        return self.data_folder / "spool" if self.spool in (None, "off") else Path(self.spool or "").absolute()

    @property
    def spool_folder(self) -> str | None:
        """The folder of a server's spool; None for a server that keeps none."""
        if self.spool == "off" or (self.spool is None and not self.store.startswith("mongodb")):
            return None
        return str(self.spool_place)

    def listed(self, name: str) -> tuple[str, ...]:
        """The values of a comma-separated setting; empty for `none`."""
        text: str | None = getattr(self, name)
        values = tuple(value for value in map(str.strip, (text or "").split(",")) if value)
        return () if values == ("none",) else values


def database_of(store: str) -> Path | None:
    """The file that a store URL names, absolute; None if it names no SQLite file."""
    if not store.startswith("sqlite:///"):
        return None
    path = unquote(urlsplit(store).path).removeprefix("/")
    return Path(path).absolute() if path else None


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment. Raises SettingsError naming every variable that is wrong."""
    environment = os.environ if environment is None else environment
    names = [field.name for field in msgspec.structs.fields(Settings)]
    given: dict[str, str | None] = {}
    faults: list[str] = []
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in names:
            near = nearest(name, names)
            hint = f"Did you mean {PREFIX}{near.upper()}?" if near else "docs/settings.md lists them all."
            faults.append(f"{variable}: no such setting. {hint}")
        elif text.strip():
            given[name] = text.strip()
    values, wrong = read_fields(given, Settings, strict=False)
    faults += [f"{PREFIX}{name.upper()}: {detail}" for name, detail in wrong]
    settings = Settings(**values)
    faults += _faults_of_lists(settings)
    if faults:
        raise SettingsError(" ".join(faults))
    return settings


def _faults_of_lists(settings: Settings) -> Iterator[str]:
    """The faults of settings that hold several values, or an address."""
    for field in settings.listed("fixed_profile_fields"):
        if field not in PROFILE_FIELDS:
            yield f"LAURELS_FIXED_PROFILE_FIELDS: {unknown_name(field, PROFILE_FIELDS)}"
    if unknown := set(settings.listed("public")) - PUBLIC:
        yield f"LAURELS_PUBLIC: {' and '.join(sorted(unknown))} cannot be made public; use {', '.join(sorted(PUBLIC))}."
    for proxy in settings.listed("trusted_proxies"):
        try:
            ip_network(proxy, strict=False)
        except ValueError:
            yield f"LAURELS_TRUSTED_PROXIES: {proxy} must be an address or a network, such as 10.0.0.0/8."
    for name in ("cors_origins", "frame_ancestors", "public_url"):
        for origin in settings.listed(name):
            parts = urlsplit(origin)
            is_plain = origin == f"{parts.scheme}://{parts.netloc}" and not set(origin) & set(" ;'\"\\")
            if parts.scheme not in ("http", "https") or not is_plain or not parts.hostname:
                yield f"LAURELS_{name.upper()}: {origin} must be an origin, such as https://learn.example."
    if settings.jwt_jwks_url is not None and urlsplit(settings.jwt_jwks_url).scheme not in ("http", "https"):
        yield "LAURELS_JWT_JWKS_URL: must be an http or https address."
    if settings.otlp_endpoint is not None and urlsplit(settings.otlp_endpoint).scheme not in ("http", "https"):
        yield "LAURELS_OTLP_ENDPOINT: must be an http or https address."
