"""Everything that a caller of the library does with an open Laurels: flat verbs with Python's names and times.

They are apart from `front.py` so that the synchronous front can be made of them. They call the service and return its
answers as `laurels.results`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import UNSET, UnsetType

from laurels.application.queries.badges import badge_view
from laurels.application.queries.boards.leaderboards import DEFAULT_LIMIT
from laurels.application.queries.goal_views import GoalRecord
from laurels.application.queries.learners.history import history
from laurels.application.service import Service
from laurels.arguments import (
    as_day,
    as_goal,
    as_instant,
    as_limit,
    as_moment,
    as_pauses,
    as_text,
    as_timeframe,
    as_user_id,
    as_user_ids,
    check_types,
    event_of,
)
from laurels.domain.events import LearningEvent, event_faults
from laurels.domain.periods import Timeframe, to_datetime
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidEvent, InvalidQuery, LaurelsError
from laurels.library.conversions import recorded_of, result_of, spending_of
from laurels.results import (
    Activity,
    BadgeProgress,
    Dashboard,
    EarnedBadge,
    HistoryEntry,
    Leaderboard,
    Profile,
    Queued,
    Rank,
    Recorded,
    Repaired,
    Spending,
)
from laurels.validation import FieldFault


class Verbs:
    """The methods of `Laurels`, around a running service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def rulebook(self) -> Rulebook:
        """The rules in force."""
        return self.service.rulebook

    async def record(
        self,
        user_id: str,
        event_type: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        language: str | None = None,
        code_length: int | None = None,
        session_duration: float | None = None,
        event_id: str | None = None,
        timestamp: datetime | None = None,
        once_key: str | None = None,
    ) -> Recorded | Queued:
        """Record one event. When this returns, it is on disk.

        `metadata` is kept with the event; `language`, `code_length` (characters) and `session_duration` (seconds) go
        into it. `event_id` is an idempotency key: the same event again is a replay. `timestamp` is when it happened
        (with a time zone; default now). `once_key` names the task that was done: it is paid for once. Raises
        InvalidEvent, EventConflict, UserDeleted or StoreError; after StoreUnavailable it is not known whether the event
        was recorded, and repeating it with its `event_id` settles that.
        """
        event = event_of(
            user_id,
            event_type,
            metadata,
            language=language,
            code_length=code_length,
            session_duration=session_duration,
            event_id=event_id,
            timestamp=timestamp,
            once_key=once_key,
        )
        check_types(event, self._faults_of)
        return recorded_of(await self.service.accept_event(event), self.rulebook)

    async def record_many(self, events: Iterable[LearningEvent]) -> list[Recorded | Queued | LaurelsError]:
        """Record events in order; one result each, an error if an event could not be recorded.

        A wrong event does not affect the others. The errors of `record` are returned in the results.
        """
        results: list[Recorded | Queued | LaurelsError | None] = []
        accepted: list[LearningEvent] = []
        for event in events:
            try:
                check_types(event, self._faults_of)
            except InvalidEvent as error:
                results.append(error)
            else:
                results.append(None)
                accepted.append(event)
        outcomes = iter(await self.service.accept_many(accepted) if accepted else ())
        for index, result in enumerate(results):
            if result is None:
                outcome = next(outcomes)
                results[index] = outcome if isinstance(outcome, LaurelsError) else recorded_of(outcome, self.rulebook)
        return results  # pyright: ignore[reportReturnType]  every slot holds a result

    def _faults_of(self, document: dict[str, Any]) -> list[FieldFault]:
        service = self.service
        return event_faults(document, self.rulebook.event_types, now=service.clock(), earliest=service.earliest)

    async def dashboard(self, user_id: str, *, since: datetime | None = None) -> Dashboard:
        """Everything that a learner's own page shows. Badges count as new from `since` on (default: 24 hours ago)."""
        at = as_instant(since, "since")
        return result_of(await self.service.learners.dashboard(as_user_id(user_id), since=at), Dashboard)

    async def profile(self, user_id: str) -> Profile:
        """A user with every field that they can set."""
        learners = self.service.learners
        return result_of(learners.user(await learners.progress(as_user_id(user_id))), Profile)

    async def badges(self, user_id: str) -> list[BadgeProgress]:
        """Every badge of the rulebook, with the user's progress towards it."""
        return [result_of(each, BadgeProgress) for each in await self.service.learners.badges(as_user_id(user_id))]

    async def activity(self, user_id: str, *, first: date | None = None, last: date | None = None) -> Activity:
        """Events and points on the user's local days from `first` to `last`, both included; at most 3,660 days.

        By default the 365 days up to today, or up to `last`. Raises InvalidQuery.
        """
        found = await self.service.learners.activity(
            as_user_id(user_id), first=as_day(first, "first"), last=as_day(last, "last")
        )
        return result_of(found, Activity)

    async def goals(self, user_id: str) -> list[GoalRecord]:
        """The goals that a user has or had, how they stand, and whether they were met before."""
        return (await self.service.learners.goals(as_user_id(user_id))).goals

    async def history(self, user_id: str) -> AsyncIterator[HistoryEntry]:
        """Every line of the user's ledger, newest first; their points and badges add up to the user's total.

        For `async for`; read page by page, so memory does not grow with the number of lines.
        """
        last = (await self.service.learners.progress(as_user_id(user_id))).seq
        async for view in history(self.service.store, self.rulebook, user_id, last):
            yield result_of(view, HistoryEntry)

    async def leaderboard(
        self,
        timeframe: Timeframe | str | None = None,
        *,
        period: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        around: str | None = None,
        language: str | None = None,
        currency: str | None = None,
        users: Sequence[str] | None = None,
    ) -> Leaderboard:
        """A page of a board: its top, the lines after a `cursor`, or the surroundings of the user `around`.

        `timeframe` is all-time, monthly, weekly or daily; `period` names a closed one (2026-11, 2026-W47, 2026-11-23).
        `language` asks for the board of one language, `currency` for that of what was earned of a currency, where the
        rulebook keeps them. `users` ranks up to 200 users among each other instead. `limit` is how many lines: 10 by
        default, or all of `users`.
        Raises InvalidQuery; UnknownUser where `around` does not stand on the board.
        """
        boards, kind = self.service.leaderboards, as_timeframe(timeframe)
        period, language = as_text(period, "period"), as_text(language, "language")
        currency = as_text(currency, "currency")
        cursor, around = as_text(cursor, "cursor"), as_text(around, "around")
        limit = None if limit is None else as_limit(limit)
        if users is not None:
            if cursor is not None or around is not None:
                raise InvalidQuery("users", "Cannot be combined with 'cursor' or 'around'.")
            ids = as_user_ids(users)
            ranked = await boards.among(ids, kind, period=period, limit=limit, language=language, currency=currency)
            return result_of(ranked, Leaderboard)
        limit = DEFAULT_LIMIT if limit is None else limit
        page = await boards.page(
            kind, period=period, limit=limit, cursor=cursor, around=around, language=language, currency=currency
        )
        return result_of(page, Leaderboard)

    async def rank(
        self,
        user_id: str,
        timeframe: Timeframe | str | None = None,
        *,
        period: str | None = None,
        language: str | None = None,
        currency: str | None = None,
    ) -> Rank:
        """A user's place on a board; see `leaderboard` for the arguments."""
        found = await self.service.leaderboards.rank(
            as_user_id(user_id),
            as_timeframe(timeframe),
            period=as_text(period, "period"),
            language=as_text(language, "language"),
            currency=as_text(currency, "currency"),
        )
        return result_of(found, Rank)

    async def spend(
        self, user_id: str, currency: str, amount: int, *, reason: str, spending_id: str | None = None
    ) -> Spending:
        """Spend an amount of a currency that the user has earned; if the balance is too low, nothing (BalanceTooLow).

        `spending_id` is an idempotency key: the same spending again is a replay. Raises InvalidInput, UnknownUser,
        BalanceTooLow, SpendingConflict, UserDeleted or StoreError.
        """
        asked = self.service.spendings.spend(user_id, currency, amount, reason=reason, spending_id=spending_id)
        return spending_of(await asked)

    async def set_profile(
        self,
        user_id: str,
        *,
        display_name: str | UnsetType | None = UNSET,
        photo_url: str | UnsetType | None = UNSET,
        time_zone: str | UnsetType = UNSET,
        preferences: Mapping[str, Any] | UnsetType = UNSET,
        visibility: str | UnsetType = UNSET,
        alias: str | UnsetType | None = UNSET,
        badges_seen_at: datetime | UnsetType | None = UNSET,
        pauses: Sequence[tuple[date, date]] | UnsetType = UNSET,
    ) -> Profile:
        """Set the given fields of a user's profile and return the whole profile; an unknown user is created.

        `time_zone` is an IANA name and applies from now on: days that were counted do not move. `visibility` is public,
        alias (with an `alias` to appear under) or hidden. Badges earned up to `badges_seen_at` no longer count as new.
        `pauses` are the first and last days of planned pauses, each planned before it begins; those that have begun
        stay. Raises InvalidProfile, UserDeleted or StoreError.
        """
        given = {
            "displayName": display_name,
            "photoURL": photo_url,
            "timeZone": time_zone,
            "preferences": dict(preferences) if isinstance(preferences, Mapping) else preferences,
            "visibility": visibility,
            "alias": alias,
            "badgesSeenAt": as_moment(badges_seen_at, "badges_seen_at"),
            "pauses": as_pauses(pauses),
        }
        changes = {name: value for name, value in given.items() if value is not UNSET}
        return result_of(await self.service.change_profile(user_id, changes), Profile)

    async def set_goal(self, user_id: str, measure: str, *, per: str, target: int | None) -> Profile:
        """Set a goal of a user: `target` "events" or "points" in each of their days or weeks (`per`), from the present
        one on; None ends the goal. Raises InvalidProfile, UserDeleted or StoreError."""
        changes = as_goal(measure, per, target)
        return result_of(await self.service.change_profile(user_id, changes), Profile)

    async def repair_streak(self, user_id: str, day: date, *, reason: str | None = None) -> Repaired:
        """Pay with points for a day that a user missed, so that it does not break their streak; for a missed week give
        any day of it.

        The rulebook sets the price and the deadline (`[streak] repair`); `dashboard(...).streak.repair` has the days
        that can be repaired now. A second call for the same day is a replay. Raises RepairRefused, UnknownUser,
        UserDeleted or StoreError.
        """
        as_day(day, "day")
        done = await self.service.repairs.repair(as_user_id(user_id), day, reason=as_text(reason, "reason"))
        progress, rulebook = done.progress, self.rulebook
        return Repaired(
            user_id=user_id,
            first=date.fromordinal(done.repair.first),
            last=date.fromordinal(done.repair.last),
            points=done.repair.price,
            badges=[result_of(badge_view(award, rulebook), EarnedBadge) for award in done.awards],
            total_points=progress.total_points,
            level=rulebook.levels.level_at(progress.total_points),
            daily_streak=rulebook.daily_streak(progress, self.service.clock()),
            is_replay=done.is_replay,
        )

    async def delete_user(self, user_id: str) -> datetime:
        """Delete all data of a user, for good, and return when they were deleted. May be repeated.

        From then on nothing is recorded for them. Raises UnknownUser for an id without data.
        """
        return to_datetime((await self.service.delete_user(user_id)).deleted_at)

    async def flush(self) -> None:
        """Bring the boards up to date with everything recorded; without it they follow within the interval."""
        await self.service.projector.flush()
