"""What a learner's progress looks like: dashboard, activity, badges, export.

Every answer is folded from snapshot and later entries, so it is exact however far the projector is behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import date
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from laurels.application.lru_cache import LruCache
from laurels.application.ports.clock import Clock
from laurels.application.ports.ledger import LATER_LIMIT
from laurels.application.ports.store import Store
from laurels.application.queries.badges import badge_states, badge_view, next_badges
from laurels.application.queries.last_known import LastKnown
from laurels.application.queries.learners.event_views import event_view, queued_event_view
from laurels.application.queries.learners.read_batcher import ReadBatcher
from laurels.application.queries.learners.review import Review, review
from laurels.application.queries.learners.streaks import activity_days, streak_view
from laurels.application.queries.names import Names
from laurels.application.queries.translations import translated
from laurels.application.queries.views import (
    Activity,
    BadgeStateView,
    Dashboard,
    EventView,
    Export,
    ExportedBadge,
    ExportSummary,
    LanguageCount,
    ProgressView,
    QueuedView,
    RecordedView,
    TypeStats,
    UserView,
)
from laurels.application.recording.commands import Queued, Recorded
from laurels.application.recording.refolding import last_revision, refold
from laurels.domain.folding import fold
from laurels.domain.ledger import EventRecorded
from laurels.domain.periods import MS_PER_DAY, iso
from laurels.domain.progress import Progress
from laurels.domain.rules.levels import level_progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery, StoreError, UnknownUser

TOP_LANGUAGES = 5
MAX_ACTIVITY_DAYS = 3_660
DASHBOARDS_BYTES = 16 * 1024 * 1024
RECENT_BYTES = 32 * 1024 * 1024
_PAGE = 1_000


class Known(Struct, frozen=True):
    """A progress, and whether it is only the last that was known."""

    progress: Progress
    stale: Literal[True] | UnsetType = UNSET


class _Shown(Struct, frozen=True):
    """A dashboard, as it is at entry `seq`, on the user's day `today`, before the instant `until`."""

    seq: int
    today: int
    until: int
    dashboard: Dashboard


class Learners:
    """Reads over one store. Where it is away they show what is `last_known`, if that is given.

    `recent` keeps what was read: from there on only later entries are asked for, so that showing a user again costs
    the same however long their history is.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        *,
        recent: LruCache[Progress],
        last_known: LastKnown | None = None,
        names: Names | None = None,
    ) -> None:
        self._store = store
        self._reading = ReadBatcher(store, rulebook)
        self._recent = recent
        self._dashboards: LruCache[_Shown] = LruCache(DASHBOARDS_BYTES, _shown_bytes)
        self._rulebook = rulebook
        self._clock = clock
        self._last_known = last_known
        self._names = names or Names()

    async def known(self, user_id: str) -> Known:
        """A user's progress, or while the store is away the last that this process knows of it.

        Raises UnknownUser, or StoreError where nothing is known.
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
        rules = self._rulebook.view()
        progress = self._recent.get(user_id)
        found = await self._reading.read(user_id, None if progress is None else progress.seq)
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
        while later:
            if last := last_revision(later):
                progress = await refold(self._store, rules, user_id, last)
            for entry in later:
                # Who read the same user meanwhile may have folded it into the same progress.
                if entry.seq > progress.seq:
                    fold(progress, entry, rules)
            if len(later) < LATER_LIMIT:
                break
            later = await self._store.ledger.entries(user_id, after=progress.seq, limit=LATER_LIMIT)
        if rules.measures_version != self._rulebook.measures_version:
            # The rules changed meanwhile.
            return await self.progress(user_id)
        self._recent.keep(user_id, progress)
        return progress

    def forget(self, user_ids: Iterable[str]) -> None:
        """Keep nothing that was read of users."""
        for user_id in user_ids:
            self._recent.discard(user_id)
            self._dashboards.discard(user_id)

    def forget_all(self) -> None:
        """Keep nothing that was read or shown before now."""
        self._recent.clear()
        self._dashboards.clear()

    async def dashboard(self, user_id: str, *, since: int | None = None) -> Dashboard:
        """The user's dashboard. `since`: the instant after which badges count as new (default 24 hours ago)."""
        known = await self.known(user_id)
        progress, now = known.progress, self._clock()
        today = self._rulebook.today(progress, now)
        if since is not None or known.stale is not UNSET:
            return self._dashboard(known, today, now, now - MS_PER_DAY if since is None else since)
        # Looked at again and again, and another only with another entry, another day, or a badge that is no longer new.
        shown = self._dashboards.get(user_id)
        if shown is None or (shown.seq, shown.today) != (progress.seq, today) or now >= shown.until:
            since = now - MS_PER_DAY
            dashboard = self._dashboard(known, today, now, since)
            earned = [award.earned_at for award in progress.awards.values() if award.earned_at >= since]
            until = min(earned, default=now) + MS_PER_DAY
            shown = _Shown(progress.seq, today, until, dashboard)
            self._dashboards.keep(user_id, shown)
        return shown.dashboard

    def _dashboard(self, known: Known, today: int, now: int, since: int) -> Dashboard:
        progress = known.progress
        badges = [badge_view(award, self._rulebook) for award in progress.awards.values()]
        return Dashboard(
            stale=known.stale,
            user=user_view(progress, self._rulebook, self._names),
            total_events=progress.events,
            monthly_events=_events_of_last_days(progress, today, 30),
            weekly_events=_events_of_last_days(progress, today, 7),
            daily_streak=self._rulebook.daily_streak(progress, now),
            longest_streak=progress.longest_streak,
            streak=streak_view(progress, self._rulebook, today),
            event_stats=_event_stats(progress),
            top_languages=_top_languages(progress),
            badges=badges,
            new_badges=[
                badge for badge, award in zip(badges, progress.awards.values(), strict=True) if award.earned_at >= since
            ],
            level_progress=level_progress(self._rulebook.levels, progress.total_points),
            next_badges=next_badges(progress, self._rulebook, today),
        )

    async def badges(self, user_id: str) -> list[BadgeStateView]:
        """Every badge of the rulebook with the user's progress towards it."""
        return badge_states((await self.known(user_id)).progress, self._rulebook)

    async def today(self, user_id: str) -> date:
        """The user's present day. Raises UnknownUser or StoreError."""
        known = await self.known(user_id)
        return date.fromordinal(self._rulebook.today(known.progress, self._clock()))

    async def activity(self, user_id: str, *, first: int | None = None, last: int | None = None) -> Activity:
        """Events and points per local day, from `first` to `last` (day ordinals, both included).

        By default the 365 days up to today, or up to `last`. Raises InvalidQuery for an inverted range or one
        of more than 3,660 days.
        """
        known = await self.known(user_id)
        progress = known.progress
        today = self._rulebook.today(progress, self._clock())
        last = today if last is None else last
        first = last - 364 if first is None else first
        if first > last:
            raise InvalidQuery("from", "Must not be later than 'to'.")
        if last - first >= MAX_ACTIVITY_DAYS:
            raise InvalidQuery("from", f"The range may span at most {MAX_ACTIVITY_DAYS} days.")
        days = activity_days(progress, self._rulebook, first, last, today=today)
        return Activity(stale=known.stale, time_zone=progress.time_zone, days=days)

    async def review(self, user_id: str, year: int) -> Review:
        """The user's year by their own days. Raises InvalidQuery, UnknownUser or StoreError."""
        known = await self.known(user_id)
        return replace(review(known.progress, self._rulebook, self._names, year), stale=known.stale)

    async def export(self, user_id: str, language: str | None = None) -> Export:
        """The user's whole progress in one document, its badges in a language of the rulebook (None: its own)."""
        known = await self.known(user_id)
        progress, now = known.progress, self._clock()
        user = user_view(progress, self._rulebook, self._names)
        badges = [
            translated(badge_view(award, self._rulebook), self._rulebook, language)
            for award in progress.awards.values()
        ]
        return Export(
            stale=known.stale,
            user=user,
            summary=ExportSummary(
                total_events=progress.events,
                total_points=progress.total_points,
                level=user.level,
                daily_streak=self._rulebook.daily_streak(progress, now),
                longest_streak=progress.longest_streak,
                badge_count=len(badges),
            ),
            event_stats=_event_stats(progress),
            top_languages=_top_languages(progress),
            badges=[
                ExportedBadge(
                    name=badge.name,
                    description=badge.description,
                    category=badge.category,
                    rarity=badge.rarity,
                    points=badge.points,
                    earned_at=badge.earned_at,
                )
                for badge in badges
            ],
            activity=activity_days(
                progress,
                self._rulebook,
                progress.first_day,
                progress.last_day,
                today=self._rulebook.today(progress, now),
            ),
            generated_at=iso(now),
        )

    async def events(self, user_id: str) -> AsyncIterator[EventView]:
        """The user's events in the order of recording, read page by page: memory does not grow with their number."""
        after = 0
        while page := await self._store.ledger.entries(user_id, after=after, limit=_PAGE):
            after = page[-1].seq
            for entry in page:
                if isinstance(entry.body, EventRecorded):
                    yield event_view(entry, entry.body)

    def recorded(self, recorded: Recorded) -> RecordedView:
        """The answer to a recorded event."""
        body = recorded.body
        outcome = body.outcome
        return RecordedView(
            event=event_view(recorded.entry, body),
            new_badges=[badge_view(award, self._rulebook) for award in outcome.awards],
            progress=ProgressView(outcome.total_points, outcome.level, outcome.leveled_up, body.daily_streak),
        )

    def queued(self, queued: Queued) -> QueuedView:
        """The answer to an event that waits to be recorded."""
        return QueuedView(event=queued_event_view(queued.event, queued.at))

    def user(self, progress: Progress) -> UserView:
        """The user, with their preferences."""
        return user_view(progress, self._rulebook, self._names, with_preferences=True)


def user_view(progress: Progress, rulebook: Rulebook, names: Names, *, with_preferences: bool = False) -> UserView:
    """The user of a progress."""
    fields: dict[str, Any] = {}
    if with_preferences:
        fields = {
            "preferences": progress.preferences,
            "visibility": progress.visibility.value,
            "alias": progress.alias,
        }
    return UserView(
        user_id=progress.user_id,
        display_name=progress.display_name or names.of(progress.user_id),
        has_name=progress.display_name is not None,
        photo_url=progress.photo_url,
        total_points=progress.total_points,
        level=rulebook.levels.level_at(progress.total_points),
        badges=list(progress.awards),
        last_active_at=None if progress.last_active_at is None else iso(progress.last_active_at),
        created_at=iso(progress.created_at),
        time_zone=progress.time_zone,
        merged_into=UNSET if progress.merged_into is None else progress.merged_into,
        **fields,
    )


def recent_progress(limit: int = RECENT_BYTES) -> LruCache[Progress]:
    """Progress by user id, as it was read. A reader of the same user folds on what is here, so it only moves forward;
    it is to be used before the next await."""
    return LruCache(limit, _progress_bytes)


def _progress_bytes(progress: Progress) -> int:
    return 4_000 + 300 * len(progress.days) + 150 * len(progress.awards) + 150 * sum(map(len, progress.parts.values()))


def _shown_bytes(shown: _Shown) -> int:
    return 6_000 + 400 * len(shown.dashboard.badges)


def _events_of_last_days(progress: Progress, today: int, days: int) -> int:
    return sum(progress.days[day].events for day in range(today - days + 1, today + 1) if day in progress.days)


def _event_stats(progress: Progress) -> dict[str, TypeStats]:
    return {name: TypeStats(totals.count, totals.points) for name, totals in sorted(progress.types.items())}


def _top_languages(progress: Progress) -> list[LanguageCount]:
    top = sorted(progress.languages.items(), key=lambda item: (-item[1], item[0]))[:TOP_LANGUAGES]
    return [LanguageCount(language, language, count) for language, count in top]
