"""Corrections: events retracted, badges granted and revoked. For administrators; each needs a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from laurels.application.maintenance.corrections import Corrected
from laurels.application.queries.badges import badge_view
from laurels.application.queries.views import BadgeView, Document, ProgressView
from laurels.application.service import Service
from laurels.domain.events import Id
from laurels.domain.ledger.entries import BadgeRevoked, EventRetracted, awards_of
from laurels.domain.ledger.reasons import MAX_REASON_LENGTH
from laurels.domain.periods import to_ms
from laurels.errors import InvalidInput
from laurels.http.auth.access import ADMINS, caller_of
from laurels.http.routes.events import REPLAYED
from laurels.http.wire.bodies import ANY_SEGMENT, last_segment, user_id_in
from laurels.http.wire.json_bodies import JsonBody, Rules

Reason = Annotated[str, Meta(min_length=1, max_length=MAX_REASON_LENGTH)]


class RetractionRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The event to retract, and the reason."""

    user_id: Id
    event_id: Id
    reason: Reason


class GrantRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The badge to award by hand, and the reason; `earnedAt` defaults to now."""

    user_id: Id
    badge_id: str
    reason: Reason
    earned_at: Annotated[datetime, Meta(tz=True)] | None = None


class RevocationRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The reason for revoking a badge."""

    reason: Reason


class RetractionView(Struct, frozen=True, rename="camel", kw_only=True):
    """A retracted event: the `points` and `currencies` that it had brought, and the badges that were revoked with
    it."""

    user_id: str
    event_id: str
    points: int
    currencies: dict[str, int] | UnsetType = UNSET
    revoked: list[BadgeView]
    reason: str


class Retraction(Document, frozen=True, kw_only=True):
    """A retraction in the ledger, and the learner's progress after it."""

    retraction: RetractionView
    progress: ProgressView


class AwardChange(Document, frozen=True, kw_only=True):
    """Badges granted or revoked, and the learner's progress after it."""

    awards: list[BadgeView]
    progress: ProgressView


def _rules(running: Any) -> Rules:
    return running.service.corrections.faults_of


RETRACTION = JsonBody(RetractionRequest, InvalidInput, _rules)
GRANT = JsonBody(GrantRequest, InvalidInput, _rules)
REVOCATION = JsonBody(RevocationRequest, InvalidInput, _rules)


@post(
    "/api/progress/retractions",
    access=ADMINS,
    body=RETRACTION,
    summary="Retract an event",
    tags=["corrections"],
)
async def retract_event(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[Retraction]:
    """Retracts an event: points, counters, day, streak and boards become as if it had never happened.

    Badges that are not earned without it are revoked, with their points, if the rulebook calls them `revocable`. A
    repeated request changes nothing (200, with `Idempotent-Replayed: true`).
    """
    wanted = await RETRACTION.read(request)
    done = await service.corrections.retract(
        wanted.user_id, wanted.event_id, reason=wanted.reason, caller=caller_of(request.scope).name
    )
    assert isinstance(done.body, EventRetracted)  # noqa: S101  nothing else retracts
    view = RetractionView(
        user_id=wanted.user_id,
        event_id=done.body.event_id,
        points=done.body.points,
        currencies=dict(done.body.currencies) or UNSET,
        revoked=[badge_view(award, service.rulebook) for award in done.body.revoked],
        reason=done.body.reason,
    )
    answer = Retraction(retraction=view, progress=_progress(done, service))
    return Response(answer, status_code=200 if done.is_replay else 201, headers=REPLAYED if done.is_replay else {})


@post("/api/progress/awards", access=ADMINS, body=GRANT, summary="Grant a badge", tags=["corrections"])
async def grant_badge(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[AwardChange]:
    """Awards a badge by hand; its points count, and may bring the next badge. If the learner already holds the badge,
    nothing changes (200, with `Idempotent-Replayed: true`)."""
    wanted = await GRANT.read(request)
    done = await service.corrections.grant(
        wanted.user_id,
        wanted.badge_id,
        reason=wanted.reason,
        caller=caller_of(request.scope).name,
        earned_at=None if wanted.earned_at is None else to_ms(wanted.earned_at),
    )
    return _awards(done, service, 201)


@delete(
    "/api/progress/awards/{user_id:path}",
    access=ADMINS,
    in_path=("userId", "badgeId"),
    body=REVOCATION,
    status_code=200,
    summary="Take a badge back",
    tags=["corrections"],
)
async def revoke_badge(
    request: Request[Any, Any, Any],
    service: NamedDependency[Service],
    user_id: Annotated[str, PathParameter(description="The learner's id, a slash, and the badge's id.")],
) -> Response[AwardChange]:
    """Revokes a badge, with its points; no rule awards it again, only a grant does. The path ends with the learner's
    id, a slash and the badge's id. A repeated request changes nothing (200, with `Idempotent-Replayed: true`)."""
    wanted = await REVOCATION.read(request)
    learner = user_id_in(request.scope, "/awards/", tail=ANY_SEGMENT)
    badge_id = last_segment(request.scope, "badgeId")
    done = await service.corrections.revoke(
        learner, badge_id, reason=wanted.reason, caller=caller_of(request.scope).name
    )
    return _awards(done, service, 200)


ROUTES = (retract_event, grant_badge, revoke_badge)


def _awards(done: Corrected, service: Service, status: int) -> Response[AwardChange]:
    body = done.body
    is_revoked = isinstance(body, BadgeRevoked)
    awards = [body.award] if is_revoked else awards_of(body)
    gained = 0 if is_revoked or done.is_replay else sum(award.points for award in awards)
    answer = AwardChange(
        awards=[badge_view(award, service.rulebook) for award in awards],
        progress=_progress(done, service, gained=gained),
    )
    return Response(answer, status_code=200 if done.is_replay else status, headers=REPLAYED if done.is_replay else {})


def _progress(done: Corrected, service: Service, *, gained: int = 0) -> ProgressView:
    """The progress after a correction that brought `gained` points."""
    progress = done.progress
    level_at = service.rulebook.levels.level_at
    return ProgressView(
        total_points=progress.total_points,
        level=level_at(progress.total_points),
        leveled_up=level_at(progress.total_points) > level_at(progress.total_points - gained),
        daily_streak=service.rulebook.daily_streak(progress, service.clock()),
    )
