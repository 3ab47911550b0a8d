"""A key counts as the store has it: while that is away, as it was last."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from laurels.application.access.keyring import TOUCH_INTERVAL, Keyring, create_key, revoke_key, wait_for_key_refresh
from laurels.domain.keys import ADMIN, ApiKey, assemble, digest_of, prefix_of
from laurels.errors import InvalidInput, StoreError, UnknownKey
from laurels.storage.local_copies.keys import KeyFile
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.builders import NOON, api_key
from laurels.testing.clocks import SettableClock

SECRET = "s" * 40


def key_of(prefix: str = "abcdefghijkl", *, expires_at: int | None = None) -> tuple[str, ApiKey]:
    """A key as its holder has it, and as it is kept."""
    text = assemble(prefix, SECRET)
    return text, replace(api_key(prefix), digest=digest_of(text), expires_at=expires_at)


async def keyring_of(store: SQLiteStore, *kept: ApiKey, clock: SettableClock | None = None) -> Keyring:
    """A keyring that knows what the store has: these keys."""
    for key in kept:
        assert await store.keys.add(key)
    keyring = Keyring(store.keys, clock or SettableClock(NOON))
    await keyring.refresh()
    return keyring


class TestCheck:
    async def test_a_key_of_the_store_is_known_and_no_other(self, store: SQLiteStore) -> None:
        text, kept = key_of()
        keyring = await keyring_of(store, kept)
        assert keyring.check(text) == kept
        for other in (text[:-1] + "x", assemble("other0000000", SECRET), "", "nonsense", text.lower()[:-1] + "S"):
            assert keyring.check(other) is None
        await keyring.close()

    async def test_a_store_without_a_key_has_an_empty_ring(self, store: SQLiteStore) -> None:
        keyring = Keyring(store.keys, SettableClock(NOON))
        assert not keyring.is_known
        await keyring.refresh()
        assert (keyring.is_known, keyring.is_empty) == (True, True)

    async def test_a_revoked_key_does_not_count_but_there_was_one(self, store: SQLiteStore) -> None:
        text, kept = key_of()
        keyring = await keyring_of(store, replace(kept, revoked_at=NOON - 1))
        assert (keyring.check(text), keyring.is_still_valid(kept.prefix), keyring.is_empty) == (None, False, False)

    async def test_a_key_counts_until_just_before_it_expires(self, store: SQLiteStore) -> None:
        clock = SettableClock(NOON)
        text, kept = key_of(expires_at=NOON + 1)
        keyring = await keyring_of(store, kept, clock=clock)
        assert keyring.check(text) == kept
        assert keyring.is_still_valid(kept.prefix)
        clock.set(NOON + 1)
        assert keyring.check(text) is None
        assert not keyring.is_still_valid(kept.prefix)
        assert not keyring.is_still_valid("unknown")
        await keyring.close()

    async def test_its_use_is_noted_once_in_a_while(self, store: SQLiteStore) -> None:
        clock = SettableClock(NOON)
        text, kept = key_of()
        keyring = await keyring_of(store, kept, clock=clock)
        for at, noted in ((0, 0), (TOUCH_INTERVAL - 1, 0), (TOUCH_INTERVAL, TOUCH_INTERVAL)):
            clock.set(NOON + at)
            keyring.check(text)
            await keyring.close()
            [found] = await store.keys.all()
            assert found.last_used_at == NOON + noted


class TestAway:
    async def test_what_was_known_last_goes_on_to_count(self, store: SQLiteStore) -> None:
        text, kept = key_of()
        keyring = await keyring_of(store, kept)
        await store.close()
        await wait_for_key_refresh()
        await keyring.refresh()
        assert keyring.check(text) == kept
        await keyring.close()

    async def test_where_nothing_was_ever_known_that_is_said(self, store: SQLiteStore) -> None:
        await store.close()
        keyring = Keyring(store.keys, SettableClock(NOON))
        with pytest.raises(StoreError):
            await keyring.refresh()
        assert not keyring.is_known

    async def test_what_the_disk_remembers_counts(self, store: SQLiteStore, tmp_path: Path) -> None:
        text, kept = key_of()
        await store.keys.add(kept)
        await Keyring(store.keys, SettableClock(NOON), remembered=KeyFile(tmp_path)).refresh()
        await store.close()
        keyring = Keyring(store.keys, SettableClock(NOON), remembered=KeyFile(tmp_path))
        await keyring.refresh()
        assert keyring.check(text) == kept
        await keyring.close()

    async def test_that_the_disk_remembers_none_opens_nothing(self, store: SQLiteStore, tmp_path: Path) -> None:
        await Keyring(store.keys, SettableClock(NOON), remembered=KeyFile(tmp_path)).refresh()
        await store.close()
        keyring = Keyring(store.keys, SettableClock(NOON), remembered=KeyFile(tmp_path))
        with pytest.raises(StoreError):
            await keyring.refresh()
        assert not keyring.is_known


class TestMaking:
    async def test_a_key_is_told_once_and_kept_as_its_hash_until_it_is_revoked(self, store: SQLiteStore) -> None:
        clock = SettableClock(NOON)
        text, kept = await create_key(store.keys, clock, name="Größe 😀", scopes=[ADMIN, ADMIN], expires_at=NOON + 1)
        assert (prefix_of(text), kept.digest, kept.scopes) == (kept.prefix, digest_of(text), {ADMIN})
        assert await store.keys.all() == [kept]
        keyring = await keyring_of(store, clock=clock)
        assert keyring.check(text) == kept
        await keyring.close()
        await revoke_key(store.keys, clock, kept.prefix)
        # Every process takes that into account at the return.
        assert not keyring.stay_fresh()
        await keyring.refresh()
        assert keyring.check(text) is None

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("name", {"name": ""}),
            ("name", {"name": "x" * 101}),
            ("name", {"name": "two\nlines"}),
            ("scope", {"scopes": []}),
            ("scope", {"scopes": [ADMIN, "events:reed"]}),
            ("expires", {"expires_at": NOON}),
            ("expires", {"expires_at": -1}),
        ],
    )
    async def test_what_is_wrong_is_named_and_no_key_is_made(
        self, store: SQLiteStore, field: str, wrong: dict[str, object]
    ) -> None:
        given: dict[str, object] = {"name": "platform", "scopes": [ADMIN], **wrong}
        with pytest.raises(InvalidInput) as refused:
            await create_key(store.keys, SettableClock(NOON), **given)  # pyright: ignore[reportArgumentType]  wrong ones
        assert refused.value.field == field
        assert await store.keys.all() == []

    async def test_only_a_key_that_there_is_can_be_revoked(self, store: SQLiteStore) -> None:
        with pytest.raises(UnknownKey):
            await revoke_key(store.keys, SettableClock(NOON), "unknown")
