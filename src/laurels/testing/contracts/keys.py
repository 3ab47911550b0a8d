"""The contract's part on keys: `laurels.application.ports.keys.KeyStore`."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from laurels.testing.builders import NOON, api_key
from laurels.testing.handles import AWKWARD_IDS, OpenStore


class KeyContract:
    """Keys that every handle sees."""

    async def test_a_new_database_has_no_keys(self, open_store: OpenStore) -> None:
        assert await (await open_store()).keys.all() == []

    async def test_keys_come_back_as_they_were_added_in_order_of_making(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        keys = [
            replace(api_key("bbbbbbbbbbbb"), created_at=NOON, expires_at=NOON + 1, scopes=frozenset({"a", "b"})),
            replace(api_key("aaaaaaaaaaaa"), created_at=NOON + 1, name="".join(AWKWARD_IDS)),
            replace(api_key("cccccccccccc"), created_at=NOON + 1, revoked_at=NOON + 2, last_used_at=NOON + 3),
        ]
        for key in reversed(keys):
            assert await one.keys.add(key)
        assert await other.keys.all() == keys

    async def test_a_prefix_is_taken_once(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        rivals = [replace(api_key(), name=str(number)) for number in range(8)]
        added = await asyncio.gather(*((one, other)[n % 2].keys.add(key) for n, key in enumerate(rivals)))
        assert sum(added) == 1
        assert await one.keys.all() == [rivals[added.index(True)]]

    async def test_revoking_is_seen_by_all_and_its_first_instant_stays(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.keys.add(api_key())
        await one.keys.add(api_key("another00000"))
        assert await one.keys.revoke(api_key().prefix, NOON + 5)
        assert await other.keys.revoke(api_key().prefix, NOON + 9)
        assert {key.prefix: key.revoked_at for key in await other.keys.all()} == {
            api_key().prefix: NOON + 5,
            "another00000": None,
        }

    async def test_what_is_no_key_cannot_be_revoked(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.keys.add(api_key())
        for prefix in (*AWKWARD_IDS, api_key().prefix.upper()):
            assert not await store.keys.revoke(prefix, NOON)
        assert await store.keys.all() == [api_key()]

    async def test_the_version_moves_with_each_change_and_only_then(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        seen = [await one.keys.version()]
        assert await other.keys.version() == seen[0]
        await other.keys.add(api_key())
        seen.append(await one.keys.version())
        await one.keys.revoke(api_key().prefix, NOON)
        seen.append(await other.keys.version())
        # A process may revoke again because the first attempt died half way.
        await one.keys.revoke(api_key().prefix, NOON)
        seen.append(await one.keys.version())
        assert len(set(seen)) == 4
        await one.keys.touch({api_key().prefix: NOON})
        assert await one.keys.version() == await other.keys.version() == seen[-1]

    async def test_the_last_use_only_gets_later(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.keys.add(api_key())
        await one.keys.add(api_key("another00000"))
        await one.keys.touch({})
        await one.keys.touch({api_key().prefix: NOON + 5, "unknown00000": NOON})
        await other.keys.touch({api_key().prefix: NOON + 4})
        assert {key.prefix: key.last_used_at for key in await one.keys.all()} == {
            api_key().prefix: NOON + 5,
            "another00000": None,
        }
