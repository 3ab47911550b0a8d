"""Answers and bodies that exist on the wire only; the others are the views of the application."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from laurels.application.ports import SpoolCheck
from laurels.application.views import BadgeDefinitionView, BadgeStateView, Document, UserView
from laurels.domain.ranking import Visibility


class ProfileChange(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Fields of a profile to set. What is left out stays; null clears a name or a photo."""

    display_name: str | UnsetType | None = UNSET
    photo_url: str | UnsetType | None = field(default=UNSET, name="photoURL")
    time_zone: str | UnsetType = UNSET
    preferences: dict[str, Any] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    alias: str | UnsetType = UNSET


class UserAnswer(Document, frozen=True, kw_only=True):
    """A user after a change of their profile."""

    user: UserView


class BadgeCatalogue(Document, frozen=True, kw_only=True):
    """Every badge of the rulebook."""

    badges: list[BadgeDefinitionView]
    total: int


class UserBadges(Document, frozen=True, kw_only=True):
    """Every badge of the rulebook with one user's progress towards it."""

    badges: list[BadgeStateView]


BatchStatus = Literal["recorded", "replayed", "queued", "conflict", "invalid"]


class BatchResult(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What became of one event of a batch: its points, or what was wrong with it."""

    status: BatchStatus
    event_id: str | None
    points: int | UnsetType = UNSET
    error: str | UnsetType = UNSET


class BatchAnswer(Document, frozen=True, kw_only=True):
    """One result for each event of a batch, in its order, and how many were recorded, replayed and rejected.

    `queued` is there when some were: the database is away, and they wait on the server's disk.
    """

    results: list[BatchResult]
    recorded: int
    replayed: int
    queued: int | UnsetType = UNSET
    rejected: int


class Live(Struct, frozen=True):
    """The process runs."""

    status: Literal["ok"]


class SpoolState(Struct, frozen=True, rename="camel"):
    """Events that wait on this machine's disk for the database, and what went through there.

    `waiting`, `set_aside` and `bytes` (of `limit_bytes` at the most) are of now, `queued` and `drained` only grow.
    `oldest_seconds` is how long the first has waited.
    """

    waiting: int
    oldest_seconds: float
    bytes: int
    limit_bytes: int
    queued: int
    drained: int
    set_aside: int


class Ready(Struct, frozen=True):
    """Whether the process can do its work, and each thing that it needs for that. `degraded`: the database is away,
    and events are taken all the same, or boards are far `behind`. `stopping`: the process is about to end. The spool is
    told of where there is one."""

    status: Literal["ok", "degraded", "unavailable", "stopping"]
    checks: dict[str, SpoolCheck | Literal["behind"]]
    spool: SpoolState | UnsetType = UNSET
