"""No more is granted than a bucket holds, by however many processes; a store that is away stops nobody."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

from laurels.application.access.rate_limiter import RateLimiter, RateLimitStatus
from laurels.application.ports.limits import Bucket, TokenGrant
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.builders import NOON
from laurels.testing.clocks import SettableClock

# Nothing that matters comes in while a test runs: a token in more than a day.
SLOW = 1e-5
DAY = 100_000


def limiter_of(store: SQLiteStore, clock: SettableClock | None = None) -> RateLimiter:
    return RateLimiter(store.limits, clock or SettableClock(NOON))


async def take_until_refused(*limiters: RateLimiter, bucket: Bucket) -> list[RateLimitStatus]:
    """What each request was granted, asked by turns, and the refusal at the end."""
    answers: list[RateLimitStatus] = []
    while len(answers) <= 2 * bucket.size:
        answers.append(await limiters[len(answers) % len(limiters)].take("ada", bucket))
        if answers[-1].retry_after:
            break
    return answers


class TestOne:
    async def test_a_bucket_is_emptied_and_then_says_when_to_come_again(self, store: SQLiteStore) -> None:
        limiter, bucket = limiter_of(store), Bucket(5, SLOW)
        *granted, refused = await take_until_refused(limiter, bucket=bucket)
        assert len(granted) <= 5
        assert [answer.remaining for answer in granted] == sorted(
            (answer.remaining for answer in granted), reverse=True
        )
        assert {answer.limit for answer in [*granted, refused]} == {5}
        assert (refused.remaining, refused.reset) == (0, 5 * DAY)
        assert 0 < refused.retry_after <= DAY
        assert limiter.refused == 1

    async def test_two_processes_grant_no_more_together(self, store: SQLiteStore) -> None:
        # So large that each takes several tokens at a time.
        bucket = Bucket(120, SLOW)
        answers = await take_until_refused(limiter_of(store), limiter_of(store), bucket=bucket)
        assert answers[-1].retry_after
        assert len(answers) - 1 <= 120

    async def test_many_at_once_are_granted_no_more(self, store: SQLiteStore) -> None:
        limiter = limiter_of(store)
        answers = await asyncio.gather(*(limiter.take("ada", Bucket(10, SLOW)) for _ in range(30)))
        assert sum(not answer.retry_after for answer in answers) <= 10
        assert limiter.refused == sum(answer.retry_after > 0 for answer in answers)
        await limiter.close()

    async def test_buckets_of_other_names_are_others(self, store: SQLiteStore) -> None:
        limiter, bucket = limiter_of(store), Bucket(1, SLOW)
        assert [(await limiter.take(name, bucket)).retry_after for name in ("ada", "bob", "é😀")] == [0, 0, 0]
        assert (await limiter.take("ada", bucket)).retry_after

    async def test_who_asks_now_and_then_loses_nothing(self, store: SQLiteStore) -> None:
        limiter, bucket = limiter_of(store), Bucket(1_000, SLOW)
        for spent in (1, 2):
            assert (await limiter.take("ada", bucket)).remaining == 1_000 - spent
            # Longer than tokens are kept.
            await asyncio.sleep(1.1)

    async def test_who_asks_often_asks_the_store_seldom(self, store: SQLiteStore) -> None:
        limiter, bucket = limiter_of(store), Bucket(10_000, SLOW)
        asked = 0
        take = store.limits.take

        async def counting(*arguments: Any, **options: Any) -> TokenGrant:
            nonlocal asked
            asked += 1
            return await take(*arguments, **options)

        with patch.object(store.limits, "take", counting):
            for _ in range(2_000):
                assert not (await limiter.take("ada", bucket)).retry_after
        assert 0 < asked < 100


class TestSeveral:
    async def test_all_or_none_are_taken(self, store: SQLiteStore) -> None:
        limiter, bucket = limiter_of(store), Bucket(10, SLOW)
        assert await limiter.take_all("ada", bucket, 7) == RateLimitStatus(10, 3, 7 * DAY, 0)
        refused = await limiter.take_all("ada", bucket, 4)
        assert refused == RateLimitStatus(10, 3, 7 * DAY, DAY)
        # What was refused has taken nothing.
        assert await limiter.take_all("ada", bucket, 3) == RateLimitStatus(10, 0, 10 * DAY, 0)
        assert limiter.refused == 1

    async def test_tokens_come_in_with_time_up_to_the_size(self, store: SQLiteStore) -> None:
        clock = SettableClock(NOON)
        limiter, bucket = limiter_of(store, clock), Bucket(10, 2.0)
        assert not (await limiter.take_all("ada", bucket, 10)).retry_after
        clock.set(NOON + 1_500)
        assert (await limiter.take_all("ada", bucket, 4)).retry_after == 1
        assert (await limiter.take_all("ada", bucket, 3)).retry_after == 0
        clock.set(NOON + 1_000_000)
        assert (await limiter.take_all("ada", bucket, 10)).remaining == 0

    async def test_they_are_those_that_single_requests_take(self, store: SQLiteStore) -> None:
        limiter, bucket = limiter_of(store), Bucket(10, SLOW)
        await limiter.take("ada", bucket)
        assert (await limiter.take_all("ada", bucket, 10)).retry_after
        assert not (await limiter.take_all("ada", bucket, 9)).retry_after
        assert (await limiter.take("ada", bucket)).retry_after


class TestAway:
    async def test_each_process_counts_for_itself(self, store: SQLiteStore) -> None:
        limiters, bucket = [limiter_of(store), limiter_of(store)], Bucket(10, SLOW)
        await store.close()
        for limiter in limiters:
            assert await limiter.take_all("ada", bucket, 10) == RateLimitStatus(10, 0, 10 * DAY, 0)
            assert (await limiter.take_all("ada", bucket, 1)).retry_after
            assert (await limiter.take("ada", bucket)).retry_after
            assert (await limiter.take("bob", bucket)).retry_after == 0
