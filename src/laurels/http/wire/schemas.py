"""Answers and bodies that exist on the wire only; the others are the views of the application."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from laurels.application.ports.spool import SpoolCheck
from laurels.application.queries.learners.history import EventStatus, HistoryEntryView
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
from laurels.domain.goals import HIGHEST_TARGET
from laurels.domain.ledger import Boosted, Unpaid
from laurels.domain.ranking import Visibility
from laurels.domain.webhooks import State
from laurels.http.wire.problems import FieldError


class PlannedPause(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days on which nothing is expected of the learner, both included."""

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
    """Fields of a profile to set. What is left out stays; null clears a name or a photo."""

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
    """What became of an event. `new_badges` are those that it brought, `reason` says why it was retracted or set
    aside."""

    status: EventStatus
    event: KnownEventView
    new_badges: list[BadgeView]
    reason: str | UnsetType = UNSET


class UserDeletion(Document, frozen=True, kw_only=True):
    """A learner was deleted, now or before."""

    deleted_at: str


class PersonalData(Document, frozen=True, kw_only=True):
    """Everything that is held of a learner. `profile`, `progress` and `card` are null where nothing is recorded yet.

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
    """What became of one event of a batch: its points (and what took or added some of them), or what was wrong with it.

    `line` is the number of its line, or of its place in the list, from 1. Only where outcomes were asked for in full,
    an event that was taken has `timestamp`, `new_badges` and `progress`, and one that was not has the `code` and the
    wrong fields (`errors`) of the refusal that it would get alone.
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
    and events are taken all the same, or boards are far `behind`, or `tasks` in the background are `failing`.
    `stopping`: the process is about to end. The spool is told of where there is one."""

    status: Literal["ok", "degraded", "unavailable", "stopping"]
    checks: dict[str, SpoolCheck | Literal["behind", "failing", "dead", "unreadable"]]
    spool: SpoolState | UnsetType = UNSET


class WebhookRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A webhook to be made: where messages go, and of what types; all where none is named."""

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
    """A message and what became of it. `status` is that of the last answer, `error` why it did not count; `nextAt` is
    when it is tried again."""

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
    """What became of messages, the last attempt first."""

    deliveries: list[DeliveryView]


class WebhookReplay(Document, frozen=True, kw_only=True):
    """How many messages are sent once more."""

    replayed: int
