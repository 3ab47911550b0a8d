"""A learner's progress as answers show it: dashboard, activity, badges, export.

Every answer is folded from the snapshot and later entries, so it is exact even if the projector is behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import date
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from laurels.application.lru_cache import LruCache
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.queries.badges import badge_states, badge_view
from laurels.application.queries.goal_views import goal_records
from laurels.application.queries.last_known import LastKnown
from laurels.application.queries.learners.event_views import event_view, queued_event_view
from laurels.application.queries.learners.progress_reader import ProgressReader
from laurels.application.queries.learners.progress_views import dashboard_of, export_of, user_view
from laurels.application.queries.learners.review import Review, review
from laurels.application.queries.learners.streak_views import activity_days
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.application.queries.rarity import RarityReader, Shares
from laurels.application.queries.views import (
    Activity,
    BadgeStateView,
    Dashboard,
    EventView,
    Export,
    Goals,
    ProgressView,
    QueuedView,
    RecordedView,
    UserView,
)
from laurels.application.recording.commands import QueuedEvent, RecordedEntry
from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.periods import MS_PER_DAY, day_name
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery, StoreError

MAX_ACTIVITY_DAYS = 3_660
DASHBOARDS_BYTES = 16 * 1024 * 1024
# Entries per page, of up to 16 KiB of metadata each: each slow client keeps a page in memory.
_PAGE = 50


class Known(Struct, frozen=True):
    """A progress, and whether it is only the last known one."""

    progress: Progress
    stale: Literal[True] | UnsetType = UNSET


class _Shown(Struct, frozen=True):
    """A dashboard as of entry `seq`, on the user's day `today`, valid before the instant `until`, made with
    `shares`."""

    seq: int
    today: int
    shares: Shares
    until: int
    dashboard: Dashboard


class LearnerQueries:
    """Reads over one store, through its `reader`. While the store is away they return data of `last_known`, if
    given."""

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        *,
        reader: ProgressReader,
        rarity: RarityReader,
        last_known: LastKnown | None = None,
        names: PlaceholderNames | None = None,
    ) -> None:
        self._store = store
        self._rarity = rarity
        self._reader = reader
        self._dashboards: LruCache[_Shown] = LruCache(DASHBOARDS_BYTES, _shown_bytes)
        self._rulebook = rulebook
        self._clock = clock
        self._last_known = last_known
        self._names = names or PlaceholderNames()

    async def known(self, user_id: str) -> Known:
        """A user's progress, or while the store is away the last one that this process knows.

        Raises UnknownUser, or StoreError if none is known.
        """
        if self._last_known is None:
            return Known(await self.progress(user_id))
        try:
            progress = await self.progress(user_id)
        except StoreError:
            last = self._last_known.progress(user_id)
            if last is None:
                raise
            return Known(last, stale=True)
        return Known(progress)

    async def progress(self, user_id: str) -> Progress:
        """A user's progress up to the last acknowledged entry, to be used before the next await. Raises UnknownUser or
        StoreError."""
        return await self._reader.progress(user_id)

    def forget(self, user_ids: Collection[str]) -> None:
        """Drop the cached data of users."""
        self._reader.forget(user_ids)
        for user_id in user_ids:
            self._dashboards.discard(user_id)

    def forget_all(self) -> None:
        """Drop all cached data."""
        self._reader.forget_all()
        self._dashboards.clear()

    async def dashboard(self, user_id: str, *, since: int | None = None) -> Dashboard:
        """The user's dashboard. Badges count as new from the instant `since` on (default: 24 hours ago, without those
        that the user has seen)."""
        shares = await self._rarity.shares()
        return self.dashboard_of(await self.known(user_id), shares, since=since)

    def dashboard_of(self, known: Known, shares: Shares, *, since: int | None = None) -> Dashboard:
        """The same of a user who is known."""
        progress, now = known.progress, self._clock()
        user_id = progress.user_id
        today = self._rulebook.today(progress, now)
        if since is not None or known.stale is not UNSET:
            since = _new_since(progress, now) if since is None else since
            dashboard = self._dashboard(progress, shares, today, now, since)
            return replace(dashboard, stale=known.stale)
        # Read very often, and it changes only with another entry, another day, or when a badge is no longer new.
        shown = self._dashboards.get(user_id)
        present = (progress.seq, today, shares)
        if shown is None or (shown.seq, shown.today, shown.shares) != present or now >= shown.until:
            since = _new_since(progress, now)
            dashboard = self._dashboard(progress, shares, today, now, since)
            earned = [award.earned_at for award in progress.awards.values() if award.earned_at >= since]
            until = min(earned, default=now) + MS_PER_DAY
            shown = _Shown(*present, until, dashboard)
            self._dashboards.keep(user_id, shown)
        return shown.dashboard

    def _dashboard(self, progress: Progress, shares: Shares, today: int, now: int, since: int) -> Dashboard:
        return dashboard_of(progress, self._rulebook, self._names, shares, today=today, now=now, since=since)

    async def badges(self, user_id: str) -> list[BadgeStateView]:
        """Every badge of the rulebook with the user's progress towards it."""
        shares = await self._rarity.shares()
        return self.badges_of((await self.known(user_id)).progress, shares)

    def badges_of(self, progress: Progress, shares: Shares) -> list[BadgeStateView]:
        """The same for a known progress."""
        return badge_states(progress, self._rulebook, shares, self._rulebook.today(progress, self._clock()))

    async def today(self, user_id: str) -> date:
        """The user's present day. Raises UnknownUser or StoreError."""
        return self.today_of((await self.known(user_id)).progress)

    def today_of(self, progress: Progress) -> date:
        """The same for a known progress."""
        return date.fromordinal(self._rulebook.today(progress, self._clock()))

    async def activity(self, user_id: str, *, first: int | None = None, last: int | None = None) -> Activity:
        """Events and points per local day, from `first` to `last` (day ordinals, both included).

        By default the 365 days up to today, or up to `last`. Raises InvalidQuery for an inverted range or one
        of more than 3,660 days.
        """
        return self.activity_of(await self.known(user_id), first=first, last=last)

    def activity_of(self, known: Known, *, first: int | None = None, last: int | None = None) -> Activity:
        """The same for a known progress."""
        progress = known.progress
        today = self._rulebook.today(progress, self._clock())
        is_end_named = last is not None
        last = today if last is None else last
        first = max(1, last - 364) if first is None else first
        check_days(first, last, end="'to'" if is_end_named else f"today, {day_name(last)}, where 'to' is left out")
        days = activity_days(progress, self._rulebook, first, last, today=today)
        return Activity(stale=known.stale, time_zone=progress.time_zone, days=days)

    async def goals(self, user_id: str) -> Goals:
        """The goals that the user has or had, and whether they were met. Raises UnknownUser or StoreError."""
        known = await self.known(user_id)
        today = self._rulebook.today(known.progress, self._clock())
        return Goals(stale=known.stale, goals=goal_records(known.progress, self._rulebook, today))

    async def review(self, user_id: str, year: int) -> Review:
        """The user's year by their own days. Raises InvalidQuery, UnknownUser or StoreError."""
        known = await self.known(user_id)
        return replace(review(known.progress, self._rulebook, self._names, year), stale=known.stale)

    async def export(self, user_id: str, language: str | None = None) -> Export:
        """The user's whole progress in one document, its badges in a language of the rulebook (None: its own)."""
        known = await self.known(user_id)
        export = export_of(known.progress, self._rulebook, self._names, now=self._clock(), language=language)
        return replace(export, stale=known.stale)

    async def events(self, user_id: str) -> AsyncIterator[EventView]:
        """The user's events in the order of recording, read page by page: memory does not grow with their number."""
        after = 0
        while page := await self._store.ledger.entries(user_id, after=after, limit=_PAGE):
            after = page[-1].seq
            for entry in page:
                if isinstance(entry.body, EventRecorded):
                    yield event_view(entry, entry.body)

    def recorded(self, recorded: RecordedEntry) -> RecordedView:
        """The answer to a recorded event."""
        body = recorded.body
        outcome = body.outcome
        return RecordedView(
            event=event_view(recorded.entry, body),
            new_badges=[badge_view(award, self._rulebook) for award in outcome.awards],
            progress=ProgressView(outcome.total_points, outcome.level, outcome.leveled_up, body.daily_streak),
        )

    def queued(self, queued: QueuedEvent) -> QueuedView:
        """The answer to a queued event."""
        return QueuedView(event=queued_event_view(queued.event, queued.at))

    def user(self, progress: Progress) -> UserView:
        """The user, with their preferences."""
        return user_view(progress, self._rulebook, self._names, with_preferences=True)


def _new_since(progress: Progress, now: int) -> int:
    """The instant from which badges are new: a day ago, or after the last one that the user has seen."""
    day_ago, seen = now - MS_PER_DAY, progress.badges_seen_at
    return day_ago if seen is None else max(day_ago, seen + 1)


def check_days(first: int, last: int, *, end: str = "'to'") -> None:
    """Raise InvalidQuery for a range of days that is inverted or too long; `end` names the end of the range in
    words."""
    if first > last:
        raise InvalidQuery("from", f"Must not be later than {end}.")
    if last - first >= MAX_ACTIVITY_DAYS:
        raise InvalidQuery("from", f"The range from there to {end} spans more than {MAX_ACTIVITY_DAYS:,} days.")


def _shown_bytes(shown: _Shown) -> int:
    return 6_000 + 400 * len(shown.dashboard.badges)
