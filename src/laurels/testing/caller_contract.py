"""The contract's part on keys and limits: `laurels.application.ports.store.keys.CallerStore`."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from laurels.application.ports.keys import Bucket
from laurels.testing.builders import NOON, api_key
from laurels.testing.handles import AWKWARD_IDS, OpenStore

BUCKET = Bucket(10, 2.0)


class CallerContract:
    """Keys that every handle sees, and buckets that all handles take from."""

    async def test_a_new_database_has_no_keys(self, open_store: OpenStore) -> None:
        assert await (await open_store()).keys() == []

    async def test_keys_come_back_as_they_were_added_in_order_of_making(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        keys = [
            replace(api_key("bbbbbbbbbbbb"), created_at=NOON, expires_at=NOON + 1, scopes=frozenset({"a", "b"})),
            replace(api_key("aaaaaaaaaaaa"), created_at=NOON + 1, name="".join(AWKWARD_IDS)),
            replace(api_key("cccccccccccc"), created_at=NOON + 1, revoked_at=NOON + 2, last_used_at=NOON + 3),
        ]
        for key in reversed(keys):
            assert await one.add_key(key)
        assert await other.keys() == keys

    async def test_a_prefix_is_taken_once(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        rivals = [replace(api_key(), name=str(number)) for number in range(8)]
        added = await asyncio.gather(*((one, other)[n % 2].add_key(key) for n, key in enumerate(rivals)))
        assert sum(added) == 1
        assert await one.keys() == [rivals[added.index(True)]]

    async def test_revoking_is_seen_by_all_and_its_first_instant_stays(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.add_key(api_key())
        await one.add_key(api_key("another00000"))
        assert await one.revoke_key(api_key().prefix, NOON + 5)
        assert await other.revoke_key(api_key().prefix, NOON + 9)
        assert {key.prefix: key.revoked_at for key in await other.keys()} == {
            api_key().prefix: NOON + 5,
            "another00000": None,
        }

    async def test_what_is_no_key_cannot_be_revoked(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.add_key(api_key())
        for prefix in (*AWKWARD_IDS, api_key().prefix.upper()):
            assert not await store.revoke_key(prefix, NOON)
        assert await store.keys() == [api_key()]

    async def test_the_version_moves_with_each_change_and_only_then(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        seen = [await one.keys_version()]
        assert await other.keys_version() == seen[0]
        await other.add_key(api_key())
        seen.append(await one.keys_version())
        await one.revoke_key(api_key().prefix, NOON)
        seen.append(await other.keys_version())
        # Whoever revokes once more may do so because the first attempt died half way.
        await one.revoke_key(api_key().prefix, NOON)
        seen.append(await one.keys_version())
        assert len(set(seen)) == 4
        await one.touch_keys({api_key().prefix: NOON})
        assert await one.keys_version() == await other.keys_version() == seen[-1]

    async def test_the_last_use_only_gets_later(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.add_key(api_key())
        await one.add_key(api_key("another00000"))
        await one.touch_keys({})
        await one.touch_keys({api_key().prefix: NOON + 5, "unknown00000": NOON})
        await other.touch_keys({api_key().prefix: NOON + 4})
        assert {key.prefix: key.last_used_at for key in await one.keys()} == {
            api_key().prefix: NOON + 5,
            "another00000": None,
        }

    async def test_a_bucket_begins_full_and_gives_what_it_has(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        grants = [await (one, other)[n % 2].take_tokens("a", BUCKET, 4, NOON) for n in range(4)]
        assert [(grant.taken, grant.left) for grant in grants] == [(4, 6), (4, 2), (2, 0), (0, 0)]
        assert (await one.take_tokens("b", BUCKET, 1, NOON)).taken == 1

    async def test_it_fills_with_time_up_to_its_size(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.take_tokens("a", BUCKET, 10, NOON)
        assert (await store.take_tokens("a", BUCKET, 5, NOON + 499)).taken == 0
        # Parts of a token are not lost by asking.
        assert (await store.take_tokens("a", BUCKET, 5, NOON + 500)).taken == 1
        assert (await store.take_tokens("a", BUCKET, 100, NOON + 600_000)).taken == 10

    async def test_a_clock_that_goes_back_fills_nothing(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.take_tokens("a", BUCKET, 10, NOON)
        assert (await store.take_tokens("a", BUCKET, 1, NOON - 60_000)).taken == 0
        assert (await store.take_tokens("a", BUCKET, 1, NOON)).taken == 0
        assert (await store.take_tokens("a", BUCKET, 9, NOON + 1_000)).taken == 2

    async def test_no_token_is_given_twice(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(4)]
        grants = await asyncio.gather(*(handles[n % 4].take_tokens("a", BUCKET, 3, NOON) for n in range(24)))
        assert sum(grant.taken for grant in grants) == 10

    async def test_names_are_nothing_but_data(self, open_store: OpenStore) -> None:
        store = await open_store()
        for name in AWKWARD_IDS:
            assert (await store.take_tokens(name, BUCKET, 10, NOON)).taken == 10
        for name in AWKWARD_IDS:
            assert (await store.take_tokens(name, BUCKET, 10, NOON)).taken == 0
