"""A progress as documents: the user, the dashboard, the export."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from laurels.application.queries.badges import badge_view, held_badges, next_badges, with_share
from laurels.application.queries.goal_views import goals_of
from laurels.application.queries.learners.currency_views import currency_views
from laurels.application.queries.learners.streak_views import activity_days, streak_view
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.application.queries.rarity import Shares
from laurels.application.queries.translations import translated
from laurels.application.queries.views import (
    Dashboard,
    Export,
    ExportedBadge,
    ExportSummary,
    LanguageCount,
    PauseView,
    TypeStats,
    UserView,
)
from laurels.domain.goals import targets_of
from laurels.domain.periods import day_name, iso
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.awards import badges_of
from laurels.domain.rules.levels import level_progress
from laurels.domain.rules.rulebook import Rulebook

TOP_LANGUAGES = 5


def user_view(
    progress: Progress, rulebook: Rulebook, names: PlaceholderNames, *, with_preferences: bool = False
) -> UserView:
    """The user of a progress."""
    fields: dict[str, Any] = {}
    if with_preferences:
        fields = {
            "preferences": progress.preferences,
            "visibility": progress.visibility.value,
            "alias": progress.alias,
            "badges_seen_at": None if progress.badges_seen_at is None else iso(progress.badges_seen_at),
            "pauses": [PauseView(from_day=day_name(first), until=day_name(last)) for first, last in progress.pauses],
            "goals": targets_of(progress.goals),
        }
    return UserView(
        user_id=progress.user_id,
        display_name=progress.display_name or names.of(progress.user_id),
        has_name=progress.display_name is not None,
        photo_url=progress.photo_url,
        total_points=progress.total_points,
        level=rulebook.levels.level_at(progress.total_points),
        badges=badges_of(progress.awards),
        last_active_at=None if progress.last_active_at is None else iso(progress.last_active_at),
        created_at=iso(progress.created_at),
        time_zone=progress.time_zone,
        merged_into=UNSET if progress.merged_into is None else progress.merged_into,
        **fields,
    )


def dashboard_of(
    progress: Progress, rulebook: Rulebook, names: PlaceholderNames, shares: Shares, *, today: int, now: int, since: int
) -> Dashboard:
    """The dashboard at the instant `now`, on the user's day `today`. Badges earned from `since` on count as new."""
    return Dashboard(
        user=user_view(progress, rulebook, names),
        total_events=progress.events,
        monthly_events=_events_of_last_days(progress, today, 30),
        weekly_events=_events_of_last_days(progress, today, 7),
        daily_streak=rulebook.daily_streak(progress, now),
        longest_streak=progress.longest_streak,
        streak=streak_view(progress, rulebook, today),
        event_stats=_event_stats(progress),
        top_languages=_top_languages(progress),
        badges=[with_share(badge, shares) for badge in held_badges(progress.awards.values(), rulebook)],
        new_badges=[
            with_share(badge_view(award, rulebook), shares)
            for award in progress.awards.values()
            if award.earned_at >= since
        ],
        level_progress=level_progress(rulebook.levels, progress.total_points),
        next_badges=next_badges(progress, rulebook, today),
        currencies=currency_views(progress, rulebook),
        goals=goals_of(progress, today) or UNSET,
    )


def export_of(
    progress: Progress, rulebook: Rulebook, names: PlaceholderNames, *, now: int, language: str | None
) -> Export:
    """The export at the instant `now`, its badges in a language of the rulebook (None: its own)."""
    user = user_view(progress, rulebook, names)
    held = held_badges(progress.awards.values(), rulebook)
    badges = [translated(badge, rulebook, language) for badge in held]
    return Export(
        user=user,
        summary=ExportSummary(
            total_events=progress.events,
            total_points=progress.total_points,
            level=user.level,
            daily_streak=rulebook.daily_streak(progress, now),
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
                count=badge.count,
                last_earned_at=badge.last_earned_at,
            )
            for badge in badges
        ],
        currencies=currency_views(progress, rulebook, language),
        activity=activity_days(
            progress, rulebook, progress.first_day, progress.last_day, today=rulebook.today(progress, now)
        ),
        generated_at=iso(now),
    )


def _events_of_last_days(progress: Progress, today: int, days: int) -> int:
    return sum(progress.days[day].events for day in range(today - days + 1, today + 1) if day in progress.days)


def _event_stats(progress: Progress) -> dict[str, TypeStats]:
    return {name: TypeStats(totals.count, totals.points) for name, totals in sorted(progress.types.items())}


def _top_languages(progress: Progress) -> list[LanguageCount]:
    top = sorted(progress.languages.items(), key=lambda item: (-item[1], item[0]))[:TOP_LANGUAGES]
    return [LanguageCount(language, language, count) for language, count in top]
