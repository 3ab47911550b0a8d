"""The messages of webhooks that only time brings: that a streak was lost, that a period of the boards has ended.

No entry of the ledger says so. Instead a reminder says when to look at a user. It is stored when a streak grows, moved
when it grows again, and discarded unless the days show at that instant that the streak has ended. The boards have one
reminder of their own, under the user id that no user can have.
"""

from __future__ import annotations

from laurels.application.lru_cache import LruCache
from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.queries.learners.progress_reader import ProgressReader
from laurels.application.webhooks.messages import NOBODY, closing_of, loss_of
from laurels.domain.ledger.entries import Entry, EntryBody, EventRecorded, ProfileChanged, StreakRepaired
from laurels.domain.periods import MS_PER_HOUR, board_name, day_start, periods_ending
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.streak_count import StreakEnd
from laurels.domain.webhooks import BOARD_CLOSED, STREAK_LOST, Delivery, Endpoint
from laurels.errors import UnknownUser

# Milliseconds from the end of a period until its message: by then its boards show all events that were recorded in
# time.
SETTLES = 60_000
# Milliseconds until a user is looked at again if an earlier message to them is still pending.
AGAIN = 300_000
# Users that one round takes.
PAGE = 100
# Users whose last reminder day is remembered.
_DAYS = 50_000


class Reminders:
    """Stores the reminders of one endpoint, and finds out their results. All methods raise StoreError."""

    def __init__(self, store: Store, rulebook: Rulebook, clock: Clock, reader: ProgressReader) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._reader = reader
        self._days: LruCache[int] = LruCache(_DAYS)

    async def note(self, endpoint: Endpoint, entry: Entry) -> None:
        """Store a reminder for the instant at which the streak that an entry extended or began would be lost."""
        if STREAK_LOST not in endpoint.types:
            return
        body, user_id = entry.body, entry.user_id
        if isinstance(body, EventRecorded):
            if body.daily_streak < 2 or body.day <= (self._days.get(user_id) or 0):
                return
        elif not _moves_end(body):
            return
        progress = await self._progress(user_id)
        end = None if progress is None else self._end_of(progress)
        if progress is None or end is None or end.length < 2:
            return
        lost_at = self._lost_at(progress, end)
        # In another zone a day ends at another time; a streak that was lost before stays lost.
        if isinstance(body, EventRecorded) or lost_at > self._clock():
            await self._store.webhooks.remind(endpoint.id, {user_id: lost_at})
        self._days.keep(user_id, progress.last_day)

    async def ring(self, endpoint: Endpoint, *, limit: int = PAGE) -> bool:
        """Look at the users whose reminders are due, at most `limit`; their messages are to be sent from then on.

        Returns whether there may be more to do at once. Call it once all messages about the ledger's entries have been
        sent.
        """
        if not endpoint.types & {BOARD_CLOSED, STREAK_LOST}:
            return False
        now = self._clock()
        due = await self._store.webhooks.due_reminders(endpoint.id, now=now, limit=limit)
        if not due:
            return False
        told = await self._store.webhooks.cursors(endpoint.id, due.keys())
        messages: list[Delivery] = []
        following: dict[str, int | None] = {}
        for user_id, at in due.items():
            is_blocked = user_id in told and told[user_id].is_blocked
            if user_id == NOBODY:
                # Its reminder says which periods are still to be reported, so it stays until they are.
                if is_blocked:
                    continue
                messages += await self._closings(endpoint, at, now)
                following[user_id] = self._day_start(self._today(now) + 1) + SETTLES
            elif is_blocked:
                following[user_id] = now + AGAIN
            else:
                loss, following[user_id] = await self._look(endpoint, user_id, now)
                messages += loss
        # In this order: if it is interrupted here, it is repeated, and the messages are the same.
        if messages:
            await self._store.webhooks.record_attempts(messages)
        await self._store.webhooks.remind(endpoint.id, following)
        return bool(messages) or len(due) >= limit

    async def _look(self, endpoint: Endpoint, user_id: str, now: int) -> tuple[list[Delivery], int | None]:
        progress = await self._progress(user_id)
        end = None if progress is None else self._end_of(progress)
        if progress is None or end is None or end.length < 2:
            return [], None
        lost_at = self._lost_at(progress, end)
        if lost_at > now:
            return [], lost_at
        repaired = max((each.last for each in progress.repairs), default=0)
        return [loss_of(endpoint, user_id, end, lost_at, now, repaired=repaired)], None

    async def _closings(self, endpoint: Endpoint, since: int, now: int) -> list[Delivery]:
        """The messages about all periods that have ended since a reminder was due, the earliest first."""
        return [
            closing_of(
                endpoint,
                timeframe,
                period,
                await self._store.boards.count(board_name(period)),
                self._day_start(day + 1),
                now,
            )
            for day in range(self._today(since) - 1, self._today(now))
            if self._day_start(day + 1) + SETTLES >= since
            for timeframe, period in periods_ending(day)
        ]

    def _today(self, now: int) -> int:
        """The boards' day; the day before it is to be reported by `now`."""
        return self._rulebook.board_day(now - SETTLES)

    def _day_start(self, day: int) -> int:
        return day_start(day, self._rulebook.board_zone)

    async def _progress(self, user_id: str) -> Progress | None:
        try:
            return await self._reader.progress(user_id)
        except UnknownUser:
            return None

    def _end_of(self, progress: Progress) -> StreakEnd | None:
        """The user's latest streak, lost or not."""
        if self._rulebook.streak is not None:
            return self._rulebook.streak.end(progress)
        last = progress.last_day
        return StreakEnd(last - progress.run_first + 1, last, last + 2) if progress.days else None

    def _lost_at(self, progress: Progress, end: StreakEnd) -> int:
        """The instant from which a streak reads 0, in the user's present zone."""
        return day_start(end.over_on, progress.time_zone) + self._rulebook.grace * MS_PER_HOUR


def _moves_end(body: EntryBody) -> bool:
    """Whether an entry without an event may change when a streak ends."""
    return isinstance(body, StreakRepaired) or (
        isinstance(body, ProfileChanged) and not body.changes.keys().isdisjoint(("timeZone", "pauses"))
    )
