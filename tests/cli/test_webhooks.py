"""`laurels webhooks`: made with a secret that is shown once, listed without it, tried, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from laurels.bootstrap import open_store
from tests.cli.conftest import Ran, Run
from tests.webhooks.receiver import Receiver

PRIVATE = {"LAURELS_WEBHOOK_PRIVATE": "true"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def made(store_url: str) -> str:
    """A store that holds nothing yet."""

    async def make() -> None:
        await (await open_store(store_url)).close()

    asyncio.run(make())
    return store_url


@pytest.fixture
def laurels(run: Run, made: str) -> Run:
    """Runs a command on the store, and asserts its exit code."""

    def laurels(*arguments: str, code: int = 0) -> Ran:
        ran = run("webhooks", *arguments, "--store", made, env=PRIVATE)
        assert ran.code == code, ran.err
        return ran

    return laurels


def test_a_webhook_from_its_making_to_its_end(laurels: Run, receiver: Receiver) -> None:
    made = laurels("add", receiver.url, "--type", "badge.awarded", "--type", "level.reached")
    old = made.out.strip()
    endpoint_id = made.err.strip().removesuffix(".").rpartition(" ")[2]
    listed = laurels("list").out
    assert all(part in listed for part in (endpoint_id, receiver.url, "badge.awarded level.reached"))
    assert old.removeprefix("whsec_") not in listed
    new = laurels("rotate", endpoint_id).out.strip()
    assert laurels("test", endpoint_id).out == "It arrived: answered 204\n"
    assert receiver.verify(new) == receiver.verify(old)
    assert receiver.verify(new)["type"] == "webhook.test"
    assert laurels("dead", endpoint_id).out.startswith("0 messages")
    assert "was given up" in laurels("replay", endpoint_id, "msg_1", code=2).err
    laurels("remove", endpoint_id)
    assert "no webhook with this id" in laurels("test", endpoint_id, code=2).err


def test_private_addresses_need_a_setting(run: Run, made: str, receiver: Receiver) -> None:
    refused = run("webhooks", "add", receiver.url, "--store", made)
    assert (refused.code, refused.out) == (2, "")
    assert "url: Must begin with https://" in refused.err
