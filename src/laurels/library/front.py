"""The library's front: `Laurels`, opened on a store, with or without await.

Inner surfaces (HTTP, command line) use the service itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from laurels.application.ports.clock import Clock
from laurels.application.recording.recorder import BATCH
from laurels.arguments import (
    check_opening,
)
from laurels.bootstrap import open_service, system_clock
from laurels.domain.rules.rulebook import Rulebook
from laurels.library.sync_front import SyncLaurels
from laurels.library.verbs import Verbs
from laurels.settings import Settings


class Laurels(Verbs):
    """A running Laurels in this process; made by `Laurels.open`, or by `Laurels.open_sync` for synchronous code.

    Many tasks may use one at the same time; simultaneous records share one write. All errors are those of
    `laurels.errors`. A method that reads raises UnknownUser for a user without any entry.
    """

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
        batch: int = BATCH,
        spool: str | Path | None = None,
        publish: bool = False,
    ) -> AsyncGenerator[Self]:
        """Open the store at `url` and run until the block ends; then everything accepted is committed and projected.

        `rulebook` is a rulebook, a built-in name or a TOML file; default: the one published in the store, else
        `coding`. Without a `url`, `settings` default to those of the environment, as for the commands, else to the
        built-in ones. `projection_interval` is in seconds: boards may lag by that much. `batch` is the maximum number
        of events in one commit. With a `spool`, a folder on the local disk, the store may be away, even now: events are
        then `Queued`. `publish` publishes the rulebook in a store that has none. Raises StoreError, RulebookError
        (OtherRulebook if the store runs a different one), SettingsError, or InvalidInput for an argument of a wrong
        type.
        """
        check_opening(
            url=url,
            rulebook=rulebook,
            has_settings=settings is None or isinstance(settings, Settings),  # pyright: ignore[reportUnnecessaryIsInstance]
            projection_interval=projection_interval,
            batch=batch,
            spool=spool,
        )
        async with open_service(
            url,
            rulebook=rulebook,
            settings=settings,
            clock=clock,
            projection_interval=projection_interval,
            batch=batch,
            spool=spool,
            publish=publish,
        ) as service:
            yield cls(service)

    @classmethod
    def open_sync(
        cls,
        url: str | None = None,
        *,
        rulebook: Rulebook | str | Path | None = None,
        settings: Settings | None = None,
        clock: Clock = system_clock,
        projection_interval: float | None = None,
        batch: int = BATCH,
        spool: str | Path | None = None,
        publish: bool = False,
    ) -> SyncLaurels:
        """The same for synchronous code, and for notebooks: open until `close`, or as a `with` block.

        The arguments are those of `open`. May be used from many threads; each process opens its own.
        """
        opening = cls.open(
            url,
            rulebook=rulebook,
            settings=settings,
            clock=clock,
            projection_interval=projection_interval,
            batch=batch,
            spool=spool,
            publish=publish,
        )
        return SyncLaurels(opening)
