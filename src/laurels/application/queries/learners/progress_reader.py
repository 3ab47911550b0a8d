"""Users' progress up to the last acknowledged entry, folded onward from the last read.

Only later entries are read from the store, so repeated reads of a user cost the same even with a long history.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from laurels.application.lru_cache import LruCache
from laurels.application.ports.store import Store
from laurels.application.queries.learners.read_batcher import ReadBatcher
from laurels.application.recording.refolding import fold_later
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import UnknownUser

_encode = msgspec.json.Encoder().encode
RECENT_BYTES = 32 * 1024 * 1024


class ProgressReader:
    """Reads over one store. `recent` caches the results."""

    def __init__(self, store: Store, rulebook: Rulebook, recent: LruCache[Progress]) -> None:
        self._store = store
        self._rulebook = rulebook
        self._recent = recent
        self._batcher = ReadBatcher(store, rulebook)

    async def progress(self, user_id: str) -> Progress:
        """A user's progress up to the last acknowledged entry, to be used before the next await. Raises UnknownUser or
        StoreError."""
        rules = self._rulebook.view()
        progress = self._recent.get(user_id)
        found = await self._batcher.read(user_id, None if progress is None else progress.seq)
        if rules.measures_version != self._rulebook.measures_version:
            return await self.progress(user_id)
        if user_id in found.deleted:
            self.forget((user_id,))
            raise UnknownUser(user_id)
        later = found.later.get(user_id, [])
        if progress is None:
            progress = found.snapshots.get(user_id)
        if progress is None:
            if not later:
                raise UnknownUser(user_id)
            progress = Progress(user_id=user_id, version=rules.measures_version)
        progress = await fold_later(self._store, rules, progress, later)
        if rules.measures_version != self._rulebook.measures_version:
            # The rules changed during the read.
            return await self.progress(user_id)
        self._recent.keep(user_id, progress)
        return progress

    def forget(self, user_ids: Iterable[str]) -> None:
        """Drop the cached data of users."""
        for user_id in user_ids:
            self._recent.discard(user_id)

    def forget_all(self) -> None:
        """Drop all cached data."""
        self._recent.clear()


def recent_progress(limit: int = RECENT_BYTES) -> LruCache[Progress]:
    """Cached progress by user id. Readers of the same user fold into these objects, so they only move forward; use a
    value before the next await."""
    return LruCache(limit, _progress_bytes)


def _progress_bytes(progress: Progress) -> int:
    parts = len(progress.awards) + len(progress.languages) + progress.part_count
    own = 25 * len(_encode(progress.preferences)) if progress.preferences else 0
    return 4_000 + 300 * len(progress.days) + 150 * parts + own + len(progress.once)
