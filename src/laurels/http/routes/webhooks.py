"""Webhooks: endpoints that get messages about badges, levels and streaks. For administrators."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from laurels.application.webhooks.webhook_service import Webhooks
from laurels.domain.periods import iso
from laurels.domain.webhooks import Delivery, Endpoint, State
from laurels.errors import InvalidInput
from laurels.http.auth.access import ADMINS
from laurels.http.wire.json_bodies import JsonBody
from laurels.http.wire.schemas import (
    DeliveryView,
    WebhookDeliveries,
    WebhookList,
    WebhookReplay,
    WebhookRequest,
    WebhookSecret,
    WebhookView,
)

WEBHOOK = JsonBody(WebhookRequest, InvalidInput, lambda running: running.webhooks.faults_of)
EndpointId = Annotated[str, PathParameter(description="The webhook's id.")]


@get("/api/webhooks", access=ADMINS, summary="All webhooks", tags=["webhooks"])
async def webhook_list(webhooks: NamedDependency[Webhooks]) -> WebhookList:
    """Every webhook in order of creation, without secrets."""
    return WebhookList(webhooks=[_view(each) for each in await webhooks.all()])


@post("/api/webhooks", access=ADMINS, body=WEBHOOK, summary="Make a webhook", tags=["webhooks"])
async def add_webhook(request: Request[Any, Any, Any], webhooks: NamedDependency[Webhooks]) -> WebhookSecret:
    """Sends messages about everything that is recorded from now on to an address. The secret is shown here, once.

    `types` are the message types to send; all if it is left out.
    """
    wanted = await WEBHOOK.read(request)
    return _secret(await webhooks.add(wanted.url, wanted.types))


@delete("/api/webhooks/{endpoint_id:str}", access=ADMINS, summary="End a webhook", tags=["webhooks"])
async def remove_webhook(endpoint_id: EndpointId, webhooks: NamedDependency[Webhooks]) -> None:
    """Removes a webhook, with all its pending messages."""
    await webhooks.remove(endpoint_id)


@post(
    "/api/webhooks/{endpoint_id:str}/rotate",
    access=ADMINS,
    status_code=200,
    summary="Replace a webhook's secret",
    tags=["webhooks"],
)
async def rotate_webhook(
    endpoint_id: EndpointId,
    webhooks: NamedDependency[Webhooks],
    force: Annotated[
        bool, QueryParameter(description="Also within a day of the last rotation: the secret before it ends.")
    ] = False,
) -> WebhookSecret:
    """Makes a new secret and shows it, once. For a day messages are also signed by the old one.

    Another rotation within that day would end the first secret early, and is refused unless it is forced.
    """
    return _secret(await webhooks.rotate(endpoint_id, is_forced=force))


@get("/api/webhooks/{endpoint_id:str}/deliveries", access=ADMINS, summary="A webhook's messages", tags=["webhooks"])
async def webhook_deliveries(
    endpoint_id: EndpointId,
    webhooks: NamedDependency[Webhooks],
    state_is: Annotated[
        State | None, QueryParameter(name="state", description="Only those that are pending, dead or done.")
    ] = None,
    limit: Annotated[int, QueryParameter(description="How many, 1 to 1,000.", ge=1, le=1_000)] = 100,
) -> WebhookDeliveries:
    """The webhook's messages, the last attempt first: the waiting ones, those given up, and the last that arrived."""
    found = await webhooks.deliveries(endpoint_id, state=state_is, limit=limit)
    return WebhookDeliveries(deliveries=[_delivery(each) for each in found])


@post(
    "/api/webhooks/{endpoint_id:str}/replay",
    access=ADMINS,
    status_code=200,
    summary="Send again what was given up",
    tags=["webhooks"],
)
async def replay_webhook(
    endpoint_id: EndpointId,
    webhooks: NamedDependency[Webhooks],
    message: Annotated[str | None, QueryParameter(description="The id of one message; default: all.")] = None,
) -> WebhookReplay:
    """Sends the messages that were given up again, or one of them; `replayed` is their number."""
    return WebhookReplay(replayed=await webhooks.replay(endpoint_id, message))


ROUTES = (webhook_list, add_webhook, remove_webhook, rotate_webhook, webhook_deliveries, replay_webhook)


def _view(endpoint: Endpoint) -> WebhookView:
    return WebhookView(
        id=endpoint.id, url=endpoint.url, types=sorted(endpoint.types), created_at=iso(endpoint.created_at)
    )


def _secret(endpoint: Endpoint) -> WebhookSecret:
    return WebhookSecret(webhook=_view(endpoint), secret=endpoint.secret)


def _delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        id=delivery.id,
        type=delivery.type,
        user_id=delivery.user_id,
        state=delivery.state,
        attempts=delivery.attempts,
        last_at=iso(delivery.at),
        next_at=iso(delivery.next_at) if delivery.state == "pending" else None,
        status=delivery.status,
        error=delivery.error,
    )
