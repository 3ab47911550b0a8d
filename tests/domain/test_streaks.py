"""Streaks are what the set of days says, in whatever order the days came in."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.folding import observe_event
from laurels.domain.periods import EPOCH_DAY, MS_PER_DAY
from laurels.domain.progress import Progress
from laurels.rulebooks.loader import load_rulebook

RULEBOOK = load_rulebook("coding")
START = date(2026, 3, 1).toordinal()

# Close together, so that runs meet and merge.
DAYS = st.lists(st.integers(START, START + 12), max_size=20)


def plain_streak(days: set[int], today: int) -> int:
    """The run of days that holds today, or else yesterday; a lone tomorrow counts for itself."""
    for end in (today, today - 1):
        if end in days:
            run = {end}
            for step in (1, -1):
                day = end + step
                while day in days:
                    run.add(day)
                    day += step
            return len(run)
    return 1 if today + 1 in days else 0


def longest_run(days: set[int]) -> int:
    """The longest of all runs."""
    return max((plain_streak(days, day) for day in days), default=0)


@given(DAYS, st.integers(START - 2, START + 15))
def test_streaks_are_what_the_set_of_days_says(days: list[int], today: int) -> None:
    progress = Progress(user_id="ada", version=RULEBOOK.measures_version)
    for day in days:
        at = (day - EPOCH_DAY) * MS_PER_DAY
        observe_event(progress, event_type="visualize", metadata={}, at=at, offset=0, points=6, rulebook=RULEBOOK)
    now = (today - EPOCH_DAY) * MS_PER_DAY + MS_PER_DAY // 2
    assert progress.daily_streak(now) == plain_streak(set(days), today)
    assert progress.longest_streak == longest_run(set(days))
