"""The contract of `RulebookStore`."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from laurels.testing.builders import published_rulebook, small_rulebook
from laurels.testing.handles import OpenStore


class RulebookContract:
    """Versions of the rulebook, one in force for all handles."""

    async def test_a_new_store_has_none(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert await store.rulebook.newest() is None
        assert await store.rulebook.version() == 0
        assert await store.rulebook.versions(limit=10) == []
        assert await store.rulebook.get(1) is None

    async def test_the_last_version_is_in_force_as_it_was_added(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        first, second = published_rulebook(1), published_rulebook(2, by="maintainer")
        assert await one.rulebook.add(first)
        assert await other.rulebook.newest() == first
        assert await other.rulebook.add(second)
        assert await one.rulebook.newest() == second
        assert await one.rulebook.version() == 2
        without = [replace(each, content=b"") for each in (second, first)]
        assert await one.rulebook.versions(limit=10) == without
        assert await one.rulebook.versions(limit=1) == without[:1]
        assert [await one.rulebook.get(version) for version in (0, 1, 2, 3)] == [None, first, second, None]

    async def test_a_version_follows_the_one_in_force(self, open_store: OpenStore) -> None:
        store = await open_store()
        assert not await store.rulebook.add(published_rulebook(2))
        assert await store.rulebook.newest() is None
        assert await store.rulebook.add(published_rulebook(1))
        for version in (1, 3):
            assert not await store.rulebook.add(published_rulebook(version, by="somebody"))
        assert await store.rulebook.newest() == published_rulebook(1)

    async def test_of_several_who_publish_at_once_one_succeeds(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(4)]
        rulebooks = [published_rulebook(1, by=f"caller {number}") for number in range(4)]
        added = await asyncio.gather(
            *(store.rulebook.add(rulebook) for store, rulebook in zip(handles, rulebooks, strict=True))
        )
        assert sorted(added) == [False, False, False, True]
        assert await handles[0].rulebook.newest() == rulebooks[added.index(True)]

    async def test_badges_are_described_once_and_again_when_anything_of_them_changed(
        self, open_store: OpenStore
    ) -> None:
        one, other = await open_store(), await open_store()
        badges = small_rulebook().badges
        assert await one.rulebook.describe(badges)
        assert not await one.rulebook.describe(badges)
        assert not await other.rulebook.describe(badges)
        renamed = [replace(badges[0], description="Said otherwise."), *badges[1:]]
        for changed in (renamed, renamed[:-1], renamed[-2::-1], badges):
            assert await other.rulebook.describe(changed)
            assert not await one.rulebook.describe(changed)

    async def test_handles_that_describe_badges_at_once_all_succeed(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(4)]
        badges = small_rulebook().badges
        assert any(await asyncio.gather(*(store.rulebook.describe(badges) for store in handles)))
        assert not await handles[0].rulebook.describe(badges)
