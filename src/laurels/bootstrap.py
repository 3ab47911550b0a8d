"""The one place where adapters are chosen and joined to the use cases."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from laurels.application.analytics import Analytics
from laurels.application.commands import Recorded
from laurels.application.leaderboards import Leaderboards
from laurels.application.ports import Clock, Store
from laurels.application.progress_cache import ProgressCache
from laurels.application.projector import Projector
from laurels.application.recorder import Recorder
from laurels.application.views import UserView
from laurels.domain.events import LearningEvent
from laurels.domain.periods import MS_PER_DAY
from laurels.domain.rulebook import Rulebook
from laurels.errors import LaurelsError, SettingsError
from laurels.rulebooks.loader import load_rulebook
from laurels.settings import Settings


def system_clock() -> int:
    """Milliseconds since the epoch, now."""
    return time.time_ns() // 1_000_000


class Laurels:
    """A running Laurels in this process: record events, read progress, badges and boards.

    Made by `Laurels.open`; `analytics` and `leaderboards` hold the reads.
    """

    def __init__(
        self, store: Store, rulebook: Rulebook, settings: Settings, clock: Clock, *, projection_interval: float
    ) -> None:
        self.store = store
        self.rulebook = rulebook
        self.settings = settings
        self.clock = clock
        cache = ProgressCache(store, rulebook, limit=settings.cache_weight)
        self.recorder = Recorder(store, rulebook, clock, cache)
        self.projector = Projector(
            store,
            rulebook,
            cache,
            settled=self.recorder.settled,
            committed=self.recorder.committed,
            interval=projection_interval,
        )
        self.analytics = Analytics(store, rulebook, clock)
        self.leaderboards = Leaderboards(store, rulebook, clock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str | None = None,
        *,
        rulebook: Rulebook | str | Path | None = None,
        settings: Settings | None = None,
        clock: Clock = system_clock,
        projection_interval: float | None = None,
    ) -> AsyncGenerator[Laurels]:
        """Open the store at `url` and run until the block ends; then everything accepted is committed and projected.

        `rulebook` is a rulebook, a built-in name or a TOML file; `settings` default to the built-in ones (the
        environment is not read). `projection_interval` is in seconds. Raises StoreError, RulebookError or
        SettingsError.
        """
        settings = settings or Settings()
        if not isinstance(rulebook, Rulebook):
            rulebook = load_rulebook(rulebook or settings.rulebook)
        if projection_interval is None:
            projection_interval = settings.projection_interval_ms / 1000
        store = await open_store(url or settings.store)
        try:
            laurels = cls(store, rulebook, settings, clock, projection_interval=projection_interval)
            try:
                yield laurels
            finally:
                await laurels.recorder.close()
                await laurels.projector.close()
        finally:
            await store.close()

    @property
    def earliest(self) -> int:
        """The earliest instant that an event may carry now."""
        days = self.settings.max_backdate_days
        return 0 if days is None else self.clock() - days * MS_PER_DAY

    async def record(
        self,
        user_id: str,
        event_type: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        event_id: str | None = None,
        timestamp: datetime | None = None,
    ) -> Recorded:
        """Record one event; see `LearningEvent` for the arguments. When this returns, the event is on disk.

        Raises InvalidEvent, EventConflict or StoreError.
        """
        event = LearningEvent(
            user_id=user_id,
            event_type=event_type,
            metadata=dict(metadata or {}),
            event_id=event_id,
            timestamp=timestamp,
        )
        return await self.record_event(event)

    async def record_event(self, event: LearningEvent) -> Recorded:
        """Record one event. Raises InvalidEvent, EventConflict or StoreError."""
        [result] = await self.recorder.record_many([event], earliest=self.earliest)
        if isinstance(result, LaurelsError):
            raise result
        return result

    async def record_many(
        self, events: Sequence[LearningEvent], *, earliest: int | None = None
    ) -> list[Recorded | LaurelsError]:
        """Record events in order; one result each, an error where an event could not be recorded.

        `earliest` overrides, in milliseconds, how far back a timestamp may lie.
        """
        return await self.recorder.record_many(events, earliest=self.earliest if earliest is None else earliest)

    async def change_profile(self, user_id: str, changes: Mapping[str, Any]) -> UserView:
        """Set profile fields by wire name: `displayName`, `photoURL`, `timeZone`, `preferences`.

        An unknown user comes into being. Raises InvalidProfile or StoreError.
        """
        return self.analytics.user(await self.recorder.change_profile(user_id, changes))


async def open_store(url: str) -> Store:
    """The store that a URL names. Raises SettingsError for a URL that names none, StoreError if it will not open."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path).removeprefix("/")
        if parts.netloc or not path:
            raise SettingsError("A SQLite store is sqlite:///relative.db or sqlite:////absolute/path.db.")
        from laurels.storage.sqlite import SQLiteStore  # noqa: PLC0415  a driver is only loaded when asked for

        return await SQLiteStore.open(Path(path))
    raise SettingsError(f"No store is known for {parts.scheme or 'a URL without a scheme'}://; use sqlite:///PATH.")
