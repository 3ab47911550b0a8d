"""Spending of currencies, for the platform that gives something in return."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from laurels.application.queries.views import Document, ProgressView
from laurels.application.recording.spendings import MOST, Spending, spending_id_of
from laurels.application.service import Service
from laurels.domain.events import Id
from laurels.domain.ledger.reasons import MAX_REASON_LENGTH
from laurels.domain.periods import iso
from laurels.errors import InvalidInput
from laurels.http.auth.access import SPEND, caller_of
from laurels.http.routes.events import REPLAYED
from laurels.http.wire.json_bodies import JsonBody, Rules


class SpendingRequest(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The amount to spend, and its purpose. `spendingId` makes it safe to repeat a request; without one each request
    spends."""

    user_id: Id
    currency: str
    amount: Annotated[int, Meta(ge=1, le=MOST)]
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON_LENGTH)]
    spending_id: Id | None = None


class SpendingView(Struct, frozen=True, rename="camel", kw_only=True):
    """The spent amount; `balance` is the amount left after it."""

    spending_id: str
    user_id: str
    currency: str
    amount: int
    balance: int
    reason: str
    spent_at: str


class SpendingAnswer(Document, frozen=True, kw_only=True):
    """A spending in the ledger, and the learner's progress, which it does not change."""

    spending: SpendingView
    progress: ProgressView


def _rules(running: Any) -> Rules:
    return running.service.spendings.faults_of


SPENDING = JsonBody(SpendingRequest, InvalidInput, _rules)


@post("/api/progress/spendings", access=SPEND, body=SPENDING, summary="Spend a currency", tags=["currencies"])
async def spend_currency(
    request: Request[Any, Any, Any], service: NamedDependency[Service]
) -> Response[SpendingAnswer]:
    """Takes an amount of a currency from a learner's balance. If the balance is too low, the request is refused (409)
    with the balance, and nothing is spent.

    A repeated request with the same `spendingId` and content changes nothing (200, with `Idempotent-Replayed: true`);
    with different content it is refused (409).
    """
    wanted = await SPENDING.read(request)
    done = await service.spendings.spend(
        wanted.user_id,
        wanted.currency,
        wanted.amount,
        reason=wanted.reason,
        spending_id=wanted.spending_id,
        caller=caller_of(request.scope).name,
    )
    answer = SpendingAnswer(spending=spending_view(done), progress=_progress(done, service))
    return Response(answer, status_code=200 if done.is_replay else 201, headers=REPLAYED if done.is_replay else {})


ROUTES = (spend_currency,)


def spending_view(done: Spending) -> SpendingView:
    """The view of a spending for an answer."""
    entry, body = done.entry, done.body
    return SpendingView(
        spending_id=spending_id_of(entry),
        user_id=entry.user_id,
        currency=body.currency,
        amount=body.amount,
        balance=body.balance,
        reason=body.reason,
        spent_at=iso(entry.recorded_at),
    )


def _progress(done: Spending, service: Service) -> ProgressView:
    progress, rules = done.progress, service.rulebook
    total = progress.total_points
    streak = rules.daily_streak(progress, service.clock())
    return ProgressView(total, rules.levels.level_at(total), leveled_up=False, daily_streak=streak)
