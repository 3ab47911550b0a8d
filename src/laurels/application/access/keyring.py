"""The API keys as one process knows them: never older than `FRESH` seconds.

A request must not pay for a query to the store, and a revoked key must not be accepted. So the keys are read at most
every fifth of a second. A revocation waits that long (`wait_for_key_refresh`) before it returns: from then on no
process accepts the key. A query for one number shows whether anything changed, so an invented key costs no query.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Protocol

from laurels.application.background import BackgroundTask
from laurels.application.ports.clock import Clock
from laurels.application.ports.keys import KeyStore
from laurels.domain.keys import (
    ALPHABET,
    PREFIX_LENGTH,
    SCOPES,
    SECRET_LENGTH,
    SESSION,
    ApiKey,
    assemble,
    digest_of,
    fits,
    prefix_of,
    session_name,
)
from laurels.errors import InvalidInput, StoreError, UnknownKey

FRESH = 0.2
# A request starts a refresh in the background this many seconds before the keys grow too old.
AHEAD = 0.1
# Milliseconds between two records of a key's use: nobody needs more detail, and each is a write.
TOUCH_INTERVAL = 60_000
# Seconds after which all keys are read again even if no change was reported.
REREAD = 60.0
# Seconds that a request waits for a store that does not answer; after that the last known keys are used.
PATIENCE = 0.5


class RememberedKeys(Protocol):
    """Keeps the keys on the local disk, so that a server can start with them while its database is away."""

    async def load(self) -> list[ApiKey] | None:
        """The keys saved last; None if none were saved or they cannot be read. Raises nothing."""
        ...

    async def save(self, keys: Sequence[ApiKey]) -> None:
        """Save these keys. Raises nothing: if the disk fails, the database still has them."""
        ...


class Keyring:
    """The keys of a store, for checking. `is_known`: they were read at least once."""

    def __init__(self, store: KeyStore, clock: Clock, *, remembered: RememberedKeys | None = None) -> None:
        self._store = store
        self._remembered = remembered
        self._clock = clock
        self._by_prefix: dict[str, ApiKey] = {}
        self._version: int | None = None
        self._fresh_until = 0.0
        self._read_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._touched: dict[str, int] = {}
        self._touching: asyncio.Task[None] | None = None
        self.learning = BackgroundTask("laurels-keys-first", self._learn, retry=FRESH)
        self.is_known = False

    @property
    def is_empty(self) -> bool:
        """Whether no key was ever made, revoked keys included."""
        return not self._by_prefix

    def stay_fresh(self) -> bool:
        """Whether the known keys are fresh enough to be used without a query. If they soon will not be, a refresh
        starts now, so that no request has to wait for it."""
        left = self._fresh_until - monotonic()
        if 0 < left < AHEAD and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read(), name="laurels-keys")
        return left > 0

    def learn(self) -> None:
        """Keep asking for the keys, in a task, until they have been read once."""
        if not self.is_known:
            self.learning.start()

    async def _learn(self) -> None:
        await self.refresh()

    async def refresh(self) -> None:
        """Bring the known keys up to date. While the store is away or hangs, the last known keys stay valid, because
        events are accepted then, too. Raises StoreError if no keys were ever known."""
        while monotonic() >= self._fresh_until:
            reading, began = self._reading, False
            if reading is None or reading.done():
                reading, began = asyncio.create_task(self._read(), name="laurels-keys"), True
                self._reading = reading
            if self.is_known:
                await asyncio.wait({reading}, timeout=PATIENCE)
            else:
                await asyncio.shield(reading)
            if began or not reading.done():
                # This read began after the call, so its result is fresh enough, however long it took.
                if reading.done():
                    # A fault of ours must not be taken for an outage, in which the last known keys would stay valid.
                    reading.result()
                return

    async def _read(self) -> None:
        # The age counts from before the query: the query may miss later changes.
        asked_at = monotonic()
        try:
            version = await self._store.version()
            if version != self._version or asked_at - self._read_at > REREAD:
                keys = await self._store.all()
                self._by_prefix = {key.prefix: key for key in keys}
                if self._remembered is not None and version != self._version:
                    await self._remembered.save(keys)
                self._version, self._read_at = version, asked_at
            self.is_known = True
        except StoreError:
            if not self.is_known:
                keys = None if self._remembered is None else await self._remembered.load()
                if not keys:
                    # An empty list from before does not prove that there are still no keys: the first key closes the
                    # service, it opens nothing.
                    raise
                self._by_prefix = {key.prefix: key for key in keys}
                self.is_known = True
        self._fresh_until = asked_at + FRESH

    def check(self, text: str) -> ApiKey | None:
        """The key that `text` is, if it is valid now; else None. The known keys must be fresh."""
        prefix = prefix_of(text)
        if prefix is None:
            return None
        key = self._by_prefix.get(prefix)
        if key is None or not fits(text, key.digest):
            return None
        now = self._clock()
        if not key.is_valid(now):
            return None
        if now - max(self._touched.get(prefix, 0), key.last_used_at or 0) >= TOUCH_INTERVAL:
            self._touch(prefix, now)
        return key

    def is_still_valid(self, prefix: str) -> bool:
        """The same for a key that was checked before. The known keys must be fresh."""
        key = self._by_prefix.get(prefix)
        return key is not None and key.is_valid(self._clock())

    def _touch(self, prefix: str, now: int) -> None:
        self._touched[prefix] = now
        if self._touching is None or self._touching.done():
            self._touching = asyncio.create_task(self._note_use({prefix: now}), name="laurels-keys-used")
        else:
            # Its next use records it.
            del self._touched[prefix]

    async def _note_use(self, used: Mapping[str, int]) -> None:
        try:
            await self._store.touch(used)
        except StoreError:
            for prefix in used:
                self._touched.pop(prefix, None)

    async def close(self) -> None:
        """Finish pending work."""
        await self.learning.close()
        pending = [task for task in (self._reading, self._touching) if task is not None]
        await asyncio.gather(*pending, return_exceptions=True)


async def create_key(
    store: KeyStore,
    clock: Clock,
    *,
    name: str = "",
    scopes: Iterable[str],
    expires_at: int | None = None,
    parent: str | None = None,
) -> tuple[str, ApiKey]:
    """Make a key. Returns the key itself, which cannot be shown again, and its stored record.

    Every process accepts it as soon as this returns. With the prefix of a key as `parent` it is a session of that key,
    named by it. Raises InvalidInput or StoreError.
    """
    if parent is not None:
        name = session_name(parent)
    elif name.startswith(SESSION):
        raise InvalidInput("name", f"Must not begin with '{SESSION}': so begin the names of the operator's sessions.")
    wanted = frozenset(scopes)
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise InvalidInput("name", "Must have 1 to 100 printable characters.")
    if not wanted or wanted - SCOPES.keys():
        raise InvalidInput("scope", f"Must be one or more of {', '.join(SCOPES)}.")
    now = clock()
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("expires", "Must lie in the future.")
    while True:
        prefix = _random(PREFIX_LENGTH)
        key = assemble(prefix, _random(SECRET_LENGTH))
        kept = ApiKey(
            prefix=prefix, name=name, scopes=wanted, digest=digest_of(key), created_at=now, expires_at=expires_at
        )
        if await store.add(kept):
            await wait_for_key_refresh()
            return key, kept


async def revoke_key(store: KeyStore, clock: Clock, prefix: str) -> None:
    """Revoke a key; when this returns, no process accepts it any more. Raises UnknownKey or StoreError."""
    if not await store.revoke(prefix, clock()):
        raise UnknownKey(prefix)
    await wait_for_key_refresh()


async def wait_for_key_refresh() -> None:
    """Wait until every process has had to read the keys again."""
    await asyncio.sleep(1.25 * FRESH)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
