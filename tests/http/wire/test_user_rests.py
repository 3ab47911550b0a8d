"""The long answers of one end user take a share of the time, however many there are, and those of others the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from laurels.http.auth.access import Caller
from laurels.http.wire.concurrency_limits import ConcurrencyLimit
from laurels.http.wire.user_rests import UserRests

ADA, BOB, KEY = Caller(user_id="ada"), Caller(user_id="bob"), Caller(key="key")
# Seconds that a part takes.
PART = 0.02


async def parts(number: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        await asyncio.sleep(PART)
        yield b"."


async def seconds_of(rests: UserRests, caller: Caller, downloads: int) -> float:
    """The time until so many downloads of a caller, of four parts each, are made."""

    async def take() -> None:
        assert b"".join([piece async for piece in rests.each(caller, parts(4))]) == b"...."

    started = time.monotonic()
    await asyncio.gather(*(take() for _ in range(downloads)))
    return time.monotonic() - started


async def test_the_parts_of_one_user_come_one_after_the_other_with_rests() -> None:
    rests = UserRests()
    alone, four, others, keys = await asyncio.gather(
        seconds_of(rests, Caller(user_id="eve"), 1),
        seconds_of(rests, ADA, 4),
        seconds_of(rests, BOB, 1),
        seconds_of(rests, KEY, 4),
    )
    # Each part with its rest, but for the last rest.
    assert four >= (4 * 15 + 1) * PART
    assert min(alone, others) >= (4 * 3 + 1) * PART
    assert keys >= 4 * PART


async def test_who_comes_again_at_once_waits_and_nobody_is_remembered() -> None:
    rests = UserRests()
    documents = ConcurrencyLimit("document", in_all=9, of_key=9, of_user=2, rests=rests)
    started = time.monotonic()
    for _ in range(3):
        async with documents.making(ADA):
            await asyncio.sleep(PART)
    assert time.monotonic() - started >= (2 * 4 + 1) * PART
    assert list(rests._turns) == ["ada"]
    async with asyncio.timeout(25):
        while rests._turns:  # noqa: ASYNC110  it forgets by itself
            await asyncio.sleep(0.05)
