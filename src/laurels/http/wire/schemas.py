"""Answers and bodies that exist only on the wire; the others are the views of the application."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from laurels.application.ports.spool import SpoolCheck
from laurels.application.queries.learners.event_lookup import EventStatus
from laurels.application.queries.learners.history import HistoryEntryView
from laurels.application.queries.views import (
    BadgeDefinitionView,
    BadgeStateView,
    BadgeView,
    Document,
    Export,
    KnownEventView,
    ProgressView,
    UserView,
)
from laurels.domain.boards.ranking import Visibility
from laurels.domain.goals import HIGHEST_TARGET
from laurels.domain.ledger.entries import Boosted, Unpaid
from laurels.domain.webhooks import State
from laurels.http.wire.problems import FieldError


class PlannedPause(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days on which the learner need not be active, both included."""

    from_day: date = field(name="from")
    until: date


Target = Annotated[int, Meta(ge=1, le=HIGHEST_TARGET)]


class GoalTargets(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Goals of the learner to set, from the present day or week on. What is left out stays; null ends a goal."""

    events_per_day: Target | UnsetType | None = UNSET
    points_per_day: Target | UnsetType | None = UNSET
    events_per_week: Target | UnsetType | None = UNSET
    points_per_week: Target | UnsetType | None = UNSET


class ProfileChange(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Fields of a profile to set. Fields that are left out stay; null clears a name or a photo."""

    display_name: str | UnsetType | None = UNSET
    photo_url: str | UnsetType | None = field(default=UNSET, name="photoURL")
    time_zone: str | UnsetType = UNSET
    preferences: dict[str, Any] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    alias: str | UnsetType = UNSET
    badges_seen_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    pauses: list[PlannedPause] | UnsetType = UNSET
    goals: GoalTargets | UnsetType = UNSET


class UserAnswer(Document, frozen=True, kw_only=True):
    """A user after a change of their profile."""

    user: UserView


class UserList(Document, frozen=True, kw_only=True):
    """Learners, ascending by id. `next` is the `after` of the next page, null at the end."""

    users: list[UserView]
    next: str | None


class HistoryAnswer(Document, frozen=True, kw_only=True):
    """A part of a learner's ledger, newest first. `next` is the cursor of older lines, null at the end."""

    entries: list[HistoryEntryView]
    next: str | None


class EventAnswer(Document, frozen=True, kw_only=True, rename="camel"):
    """The state of an event. `new_badges` are the badges that it brought; `reason` says why it was retracted or set
    aside."""

    status: EventStatus
    event: KnownEventView
    new_badges: list[BadgeView]
    reason: str | UnsetType = UNSET


class UserDeletion(Document, frozen=True, kw_only=True):
    """A learner was deleted, now or before."""

    deleted_at: str


class PersonalData(Document, frozen=True, kw_only=True):
    """All data of a learner. `profile`, `progress` and `card` are null if nothing is recorded yet.

    `standings` are their lines on the boards, `waiting` and `set_aside` events that are not in the ledger, `entries`
    the ledger's, in order: `seq`, `eventId`, `recordedAt` and the `body`.
    """

    user_id: str
    generated_at: str
    profile: UserView | None
    progress: Export | None
    card: dict[str, Any] | None
    standings: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    set_aside: list[dict[str, Any]]
    entries: list[dict[str, Any]]


class BadgeCatalogue(Document, frozen=True, kw_only=True):
    """Every badge of the rulebook."""

    badges: list[BadgeDefinitionView]
    total: int


class UserBadges(Document, frozen=True, kw_only=True):
    """Every badge of the rulebook with one user's progress towards it."""

    badges: list[BadgeStateView]


BatchStatus = Literal["recorded", "replayed", "queued", "conflict", "invalid"]


class BatchResult(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The result of one event of a batch: its points (and why they were reduced or increased), or its fault.

    `line` is the number of its line, or of its place in the list, from 1. If full outcomes were requested, an accepted
    event also has `timestamp`, `new_badges` and `progress`. A rejected one has the `code` and the wrong fields
    (`errors`) of the refusal that it would get alone.
    """

    status: BatchStatus
    event_id: str | None
    line: int
    points: int | UnsetType = UNSET
    unpaid: Unpaid | UnsetType = UNSET
    boost: Boosted | UnsetType = UNSET
    currencies: dict[str, int] | UnsetType = UNSET
    new_badges: list[BadgeView] | UnsetType = UNSET
    progress: ProgressView | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET


class BatchAnswer(Document, frozen=True, kw_only=True):
    """One result for each event of a batch, in its order, and how many were recorded, replayed and rejected.

    `queued` is set if some were queued: the database is away, and they wait on the server's disk.
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
    """Events that wait on this machine's disk for the database, and totals.

    `waiting`, `set_aside` and `bytes` (at most `limit_bytes`) are present values; `queued` and `drained` only grow.
    `oldest_seconds` is how long the first event has waited.
    """

    waiting: int
    oldest_seconds: float
    bytes: int
    limit_bytes: int
    queued: int
    drained: int
    set_aside: int


class Ready(Struct, frozen=True):
    """Whether the process can do its work, with each check. `degraded`: the database is away but events are accepted,
    or boards are far `behind`, or `tasks` in the background are `failing`. `stopping`: the process is about to end. The
    spool is included if there is one."""

    status: Literal["ok", "degraded", "unavailable", "stopping"]
    checks: dict[str, SpoolCheck | Literal["behind", "failing", "dead", "unreadable"]]
    spool: SpoolState | UnsetType = UNSET


class WebhookRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A webhook to be made: its address and its message types; all types if none are given."""

    url: str
    types: list[str] = []


class WebhookView(Struct, frozen=True, rename="camel"):
    """A webhook without its secret."""

    id: str
    url: str
    types: list[str]
    created_at: str


class WebhookList(Document, frozen=True, kw_only=True):
    """Every webhook."""

    webhooks: list[WebhookView]


class WebhookSecret(Document, frozen=True, kw_only=True):
    """A webhook with its new secret, which is not shown again."""

    webhook: WebhookView
    secret: str


class DeliveryView(Struct, frozen=True, rename="camel"):
    """A message and its result. `status` is that of the last response, `error` why it did not count; `nextAt` is the
    time of the next attempt."""

    id: str
    type: str
    user_id: str
    state: State
    attempts: int
    last_at: str
    next_at: str | None
    status: int | None
    error: str | None


class WebhookDeliveries(Document, frozen=True, kw_only=True):
    """A webhook's messages and their results, the last attempt first."""

    deliveries: list[DeliveryView]


class WebhookReplay(Document, frozen=True, kw_only=True):
    """The number of messages that are sent again."""

    replayed: int
