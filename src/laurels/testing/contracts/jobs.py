"""The contract of `JobStore`."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from laurels.testing.builders import NOON, job
from laurels.testing.handles import OpenStore

LATER = NOON + 60_000


class JobContract:
    """Jobs: each runs in one process at a time, and continues if that one dies."""

    async def test_a_job_is_found_as_it_was_added(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        assert await one.jobs.get("first") is None
        await one.jobs.add(job("first"))
        await one.jobs.add(job("second", created_at=NOON + 1))
        assert await other.jobs.get("first") == job("first")
        assert [each.id for each in await other.jobs.last(limit=10)] == ["second", "first"]
        assert [each.id for each in await other.jobs.last(limit=1)] == ["second"]

    async def test_the_oldest_one_is_claimed_and_belongs_to_its_owner_for_a_while(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for number in range(2):
            await one.jobs.add(job(f"job {number}", created_at=NOON + number))
        assert await one.jobs.claim("one", now=NOON, until=LATER) == job("job 0")
        assert (claimed := await other.jobs.claim("other", now=NOON, until=LATER)) is not None
        assert claimed.id == "job 1"
        third = await open_store()
        assert await third.jobs.claim("third", now=LATER - 1, until=LATER + 1) is None
        # Its owner may claim it again, for example after an error.
        assert await one.jobs.claim("one", now=LATER - 1, until=LATER) == job("job 0")
        assert await third.jobs.claim("third", now=LATER, until=LATER + 60_000) == job("job 0")

    async def test_a_certain_one_can_be_claimed(self, open_store: OpenStore) -> None:
        store = await open_store()
        for number in range(2):
            await store.jobs.add(job(f"job {number}", created_at=NOON + number))
        assert await store.jobs.claim("one", now=NOON, until=LATER, job_id="nowhere") is None
        claimed = await store.jobs.claim("one", now=NOON, until=LATER, job_id="job 1")
        assert claimed is not None
        assert claimed.id == "job 1"
        assert await store.jobs.claim("other", now=NOON, until=LATER, job_id="job 1") is None

    async def test_of_several_who_claim_at_once_one_gets_it(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(4)]
        await handles[0].jobs.add(job())
        claims = await asyncio.gather(
            *(store.jobs.claim(f"owner {number}", now=NOON, until=LATER) for number, store in enumerate(handles))
        )
        assert sum(claim is not None for claim in claims) == 1

    async def test_its_owner_saves_how_far_it_has_come(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.jobs.add(job())
        await one.jobs.claim("one", now=NOON, until=LATER)
        farther = replace(job(), state="running", after="grace", learners=2, awards={"first": 1})
        assert await one.jobs.save(farther, "one", until=LATER + 60_000)
        assert await other.jobs.get(farther.id) == farther
        assert await other.jobs.claim("other", now=LATER, until=LATER + 1) is None
        assert await other.jobs.claim("other", now=LATER + 60_000, until=LATER + 120_000) == farther
        assert not await one.jobs.save(replace(farther, after="zoe"), "one", until=LATER + 60_000)
        assert await one.jobs.get(farther.id) == farther

    async def test_one_that_is_done_is_not_claimed_again(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.jobs.add(job())
        await store.jobs.claim("one", now=NOON, until=LATER)
        done = replace(job(), state="done")
        assert await store.jobs.save(done, "one", until=LATER)
        assert await store.jobs.claim("other", now=LATER + 1, until=LATER + 2) is None
        assert not await store.jobs.save(job(), "one", until=LATER)
        assert await store.jobs.get(done.id) == done
