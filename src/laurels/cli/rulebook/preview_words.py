"""A preview of a backfill in words, for people at a terminal; `--json` has all of it."""

from __future__ import annotations

from collections.abc import Iterator

from laurels.application.maintenance.backfill import Preview
from laurels.cli.terminal import say, show_table
from laurels.plurals import counted

# The maximum number of badges named in a sentence.
_NAMED = 20


def show_preview(title: str, found: Preview, *, repoint: bool) -> None:
    """Print the badges that learners would earn, and the effect on points and levels."""
    earned = [badge for badge in found.badges if badge.would_earn]
    title = f"{title}: {counted(found.learners, 'learner')}, {counted(found.events, 'event')}"
    if earned:
        show_table(
            title,
            ("badge", "holders", "new awards", "earned in"),
            [(badge.badge_id, f"{badge.holders:,}", f"{badge.would_earn:,}", _span(badge.months)) for badge in earned],
            numbers=(1, 2),
        )
    else:
        say(f"{title}\nNo learner would get a badge that they do not hold already.")
    for line in _sentences(found, repoint=repoint):
        say(line)


def _sentences(found: Preview, *, repoint: bool) -> Iterator[str]:
    nobodys = [badge.badge_id for badge in found.badges if not badge.would_earn and not badge.holders]
    if nobodys:
        further = f" and {len(nobodys) - _NAMED} more" if len(nobodys) > _NAMED else ""
        yield f"Held by nobody, before or after: {', '.join(nobodys[:_NAMED])}{further}"
    if repoint:
        yield f"{found.repointed_points:+,} points by counting anew, of {counted(found.repointed, 'learner')}"
    if found.currencies:
        yield "currencies: " + ", ".join(f"{amount:+,} {name}" for name, amount in found.currencies.items())
    changed = counted(found.levels_changed, "learner")
    yield f"{counted(found.points, 'point')} in all; the level of {changed} would change"
    yield f"A backfill would take about {_duration(found.estimated_seconds)}."


def _span(months: dict[str, int]) -> str:
    """The first and the last month with an award."""
    first, last = min(months), max(months)
    return first if first == last else f"{first} to {last}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / 60), "minute")
