"""The end of a session on the operator's page: only the holder of the session can bring it about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from laurels.application.access.keyring import create_key
from laurels.domain.keys import ADMIN, EVENTS_WRITE, SECRET_LENGTH, assemble
from laurels.http.auth.sessions import sign_in, sign_out
from laurels.storage.sqlite.store import SQLiteStore
from laurels.testing.clocks import SettableClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = await SQLiteStore.open(tmp_path / "laurels.db")
    yield opened
    await opened.close()


async def revoked(store: SQLiteStore) -> set[str]:
    return {key.prefix for key in await store.keys.all() if key.revoked_at is not None}


async def test_a_session_ends_for_its_holder_alone(store: SQLiteStore) -> None:
    clock = SettableClock(1_000)
    admin, kept = await create_key(store.keys, clock, name="operator", scopes=[ADMIN])
    session = await sign_in(store.keys, clock, admin)
    assert session is not None
    prefix = session.split("_")[1]
    assert prefix != kept.prefix

    await sign_out(store.keys, clock, assemble(prefix, "x" * SECRET_LENGTH))
    assert not await revoked(store)
    await sign_out(store.keys, clock, session)
    assert await revoked(store) == {prefix}


@pytest.mark.parametrize("scope", [ADMIN, EVENTS_WRITE])
async def test_the_end_of_a_session_revokes_no_key_whose_prefix_somebody_knows(store: SQLiteStore, scope: str) -> None:
    clock = SettableClock(1_000)
    text, kept = await create_key(store.keys, clock, name="platform", scopes=[scope])
    for cookie in (assemble(kept.prefix, "x" * SECRET_LENGTH), text, "lrl_", "", "é" * 57):
        await sign_out(store.keys, clock, cookie)
    assert not await revoked(store)
