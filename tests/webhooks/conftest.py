"""A Laurels, a receiver, and whoever delivers between them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from laurels.application.ports.store import Store
from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Dispatcher, Webhooks
from laurels.bootstrap import open_service, open_store
from laurels.http.webhook_sender import WebhookSender
from laurels.testing.builders import small_rulebook
from laurels.testing.clocks import SettableClock
from tests.webhooks.receiver import Receiver

RULEBOOK = small_rulebook()
OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def clock() -> SettableClock:
    """Now, since receivers refuse what is old; it stands still until it is moved."""
    return SettableClock(time.time_ns() // 1_000_000)


@pytest.fixture(params=["store_url", "mongodb_url"], ids=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store, of each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def laurels(url: str, clock: SettableClock) -> AsyncIterator[Service]:
    async with open_service(url, rulebook=RULEBOOK, clock=clock, projection_interval=3_600) as laurels:
        yield laurels


@pytest.fixture
def sender() -> WebhookSender:
    return WebhookSender(allow_private=True)


@pytest.fixture
def webhooks(laurels: Service, sender: WebhookSender, clock: SettableClock) -> Webhooks:
    return Webhooks(laurels.store.webhooks, clock, sender=sender, allow_private=True)


@pytest.fixture
async def hire(
    url: str, sender: WebhookSender, clock: SettableClock
) -> AsyncIterator[Callable[[], Awaitable[Dispatcher]]]:
    """Makes dispatchers, each on a store of its own as in a process of its own; they deliver when told to."""
    stores: list[Store] = []

    async def hire() -> Dispatcher:
        stores.append(await open_store(url))
        return Dispatcher(stores[-1], RULEBOOK, clock, sender, interval=0.01, fresh=0.02)

    yield hire
    for store in stores:
        await store.close()
