"""Keys and tokens for tests."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

from laurels.application.access.keyring import create_key, revoke_key
from laurels.bootstrap import open_store, system_clock

SECRET = "a secret of at least thirty-two bytes"


def make_key(store: str, *scopes: str, **options: Any) -> str:
    """A key of the store at a URL, that every server on it takes by now."""

    async def make() -> str:
        opened = await open_store(store)
        try:
            key, _ = await create_key(opened.keys, system_clock, name="test", scopes=scopes, **options)
        finally:
            await opened.close()
        return key

    return asyncio.run(make())


def revoke(store: str, key: str) -> None:
    """End a key."""

    async def end() -> None:
        opened = await open_store(store)
        try:
            await revoke_key(opened.keys, system_clock, key.split("_")[1])
        finally:
            await opened.close()

    asyncio.run(end())


def token(user_id: Any, *, seconds: float = 600, secret: str = SECRET, alg: str = "HS256", **claims: Any) -> str:
    """A token of the platform."""
    payload = {"sub": user_id, "exp": int(time.time() + seconds), **claims}
    return jwt.encode({"alg": alg}, payload, OctKey.import_key(secret), algorithms=[alg])


def bearer(credentials: str) -> dict[str, str]:
    """The header that carries them."""
    return {"authorization": f"Bearer {credentials}"}
