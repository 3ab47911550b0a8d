"""The contract's part on limits: `laurels.application.ports.limits.LimitStore`."""

from __future__ import annotations

import asyncio
import time

from laurels.application.ports.limits import Bucket
from laurels.testing.handles import AWKWARD_IDS, OpenStore

BUCKET = Bucket(10, 2.0)
# The present time: a store may forget a bucket that has been full for long.
NOW = time.time_ns() // 1_000_000


class LimitContract:
    """Buckets that all handles take from."""

    async def test_a_bucket_begins_full_and_gives_what_it_has(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        grants = [await (one, other)[n % 2].limits.take("a", BUCKET, 4, NOW) for n in range(4)]
        assert [(grant.taken, grant.left) for grant in grants] == [(4, 6), (4, 2), (2, 0), (0, 0)]
        assert (await one.limits.take("b", BUCKET, 1, NOW)).taken == 1

    async def test_it_fills_with_time_up_to_its_size(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.limits.take("a", BUCKET, 10, NOW)
        assert (await store.limits.take("a", BUCKET, 5, NOW + 499)).taken == 0
        # A failed request does not lose fractions of a token.
        assert (await store.limits.take("a", BUCKET, 5, NOW + 500)).taken == 1
        assert (await store.limits.take("a", BUCKET, 100, NOW + 600_000)).taken == 10

    async def test_a_clock_that_goes_back_fills_nothing(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.limits.take("a", BUCKET, 10, NOW)
        assert (await store.limits.take("a", BUCKET, 1, NOW - 60_000)).taken == 0
        assert (await store.limits.take("a", BUCKET, 1, NOW)).taken == 0
        assert (await store.limits.take("a", BUCKET, 9, NOW + 1_000)).taken == 2

    async def test_no_token_is_given_twice(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(4)]
        grants = await asyncio.gather(*(handles[n % 4].limits.take("a", BUCKET, 3, NOW) for n in range(24)))
        assert sum(grant.taken for grant in grants) == 10

    async def test_fewer_than_the_least_are_none_and_stay(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.limits.take("a", BUCKET, 4, NOW)
        refused = await store.limits.take("a", BUCKET, 7, NOW, least=7)
        assert (refused.taken, refused.left) == (0, 6)
        assert (await store.limits.take("a", BUCKET, 9, NOW, least=6)).taken == 6

    async def test_names_are_nothing_but_data(self, open_store: OpenStore) -> None:
        store = await open_store()
        for name in AWKWARD_IDS:
            assert (await store.limits.take(name, BUCKET, 10, NOW)).taken == 10
        for name in AWKWARD_IDS:
            assert (await store.limits.take(name, BUCKET, 10, NOW)).taken == 0
