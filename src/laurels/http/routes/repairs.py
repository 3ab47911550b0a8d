"""Repairs of streaks: a missed day that a learner pays for with points."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from laurels.application.maintenance.repairs import repair_faults
from laurels.application.queries.badges import badge_view
from laurels.application.queries.views import BadgeView, Document, ProgressView
from laurels.application.service import Service
from laurels.domain.events import Id
from laurels.domain.ledger.reasons import MAX_REASON_LENGTH
from laurels.domain.periods import day_name
from laurels.errors import InvalidInput
from laurels.http.auth.access import REPAIRS, caller_of, check_own
from laurels.http.routes.events import REPLAYED
from laurels.http.wire.json_bodies import JsonBody


class RepairRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The learner, and the local day that they missed; for a missed week any day of it. `reason` is optional."""

    user_id: Id
    day: date
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON_LENGTH)] | None = None


class RepairView(Struct, frozen=True, rename="camel", kw_only=True):
    """A repair: the days from `day` to `lastDay` no longer break the streak; it cost `points`."""

    user_id: str
    day: str
    last_day: str
    points: int


class RepairAnswer(Document, frozen=True, kw_only=True):
    """A repair in the ledger, the badges that the longer streak brought, and the learner's progress after it."""

    repair: RepairView
    new_badges: list[BadgeView]
    progress: ProgressView


REPAIR = JsonBody(RepairRequest, InvalidInput, lambda _running: repair_faults)


@post("/api/progress/repairs", access=REPAIRS, body=REPAIR, summary="Repair a streak", tags=["learners"])
async def repair_streak(request: Request[Any, Any, Any], service: NamedDependency[Service]) -> Response[RepairAnswer]:
    """Pays for a missed day with points, so that it does not break the streak. The table `[streak]` of the rulebook
    must have a `repair`, which sets the price and the days. The dashboard says which days can be repaired now.

    An end user's token may repair only their own streak. A repeated request changes nothing (200, with
    `Idempotent-Replayed: true`).
    """
    wanted = await REPAIR.read(request)
    caller = caller_of(request.scope)
    check_own(caller, wanted.user_id)
    done = await service.repairs.repair(wanted.user_id, wanted.day, reason=wanted.reason, caller=caller.name)
    rulebook, progress, repair = service.rulebook, done.progress, done.repair
    level = rulebook.levels.level_at(progress.total_points)
    before = progress.total_points + repair.price - sum(award.points for award in done.awards)
    answer = RepairAnswer(
        repair=RepairView(
            user_id=wanted.user_id,
            day=day_name(repair.first),
            last_day=day_name(repair.last),
            points=repair.price,
        ),
        new_badges=[badge_view(award, rulebook) for award in done.awards],
        progress=ProgressView(
            total_points=progress.total_points,
            level=level,
            leveled_up=not done.is_replay and level > rulebook.levels.level_at(before),
            daily_streak=rulebook.daily_streak(progress, service.clock()),
        ),
    )
    return Response(answer, status_code=200 if done.is_replay else 201, headers=REPLAYED if done.is_replay else {})


ROUTES = (repair_streak,)
