"""The contract's part on secrets: `laurels.application.ports.secrets.SecretStore`."""

from __future__ import annotations

import asyncio

from laurels.testing.handles import OpenStore


class SecretContract:
    """Keys that every handle sees alike."""

    async def test_the_first_key_is_the_one_that_came_first_for_everybody(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        assert await one.secrets.keys("cursors", b"first") == [b"first"]
        assert await other.secrets.keys("cursors", b"second") == [b"first"]
        assert await other.secrets.keys("others", b"\x00\xff") == [b"\x00\xff"]

    async def test_of_many_who_ask_first_at_once_all_get_the_same(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(3)]
        asked = [handles[n % 3].secrets.keys("cursors", b"%d" % n) for n in range(12)]
        found = await asyncio.gather(*asked)
        assert len({tuple(keys) for keys in found}) == 1
        assert len(found[0]) == 1

    async def test_a_rotation_keeps_the_one_before(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.secrets.rotate("cursors", b"a")
        assert await other.secrets.keys("cursors", b"x") == [b"a"]
        await other.secrets.rotate("cursors", b"b")
        assert await one.secrets.keys("cursors", b"x") == [b"b", b"a"]
        await one.secrets.rotate("cursors", b"c")
        assert await one.secrets.keys("cursors", b"x") == [b"c", b"b"]
