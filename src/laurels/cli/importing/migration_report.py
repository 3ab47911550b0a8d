"""The results of taking over an older database: counted on the way, printed at the end.

It shows whether the totals of the older database were reproduced, and where they differ.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Container
from typing import NamedTuple

from laurels.application.recording.migration_commands import Migrated
from laurels.cli.terminal import say, show_table
from laurels.domain.ledger.entries import UserMigrated
from laurels.domain.revisions.migration import DifferencePolicy
from laurels.plurals import counted

LARGEST = 10
REMARKS = 20


class BadgeMismatch(NamedTuple):
    """One user's stored total and the sum of their events and badges; `size` sorts the largest first."""

    size: int
    user_id: str
    points: int
    stored_total: int
    event_points: int
    badge_points: int


class Report:
    """The counts of one run."""

    def __init__(self) -> None:
        self.read = self.recorded = self.replayed = self.rejected_events = 0
        self.migrated = self.corrected = self.unchanged = self.rejected_users = self.merged = 0
        self.users_without_document = self.users_without_events = 0
        self.badges = self.repeated_badges = self.undated_badges = self.new_badges = 0
        self.changed = 0
        self.remarks: Counter[str] = Counter()
        self.unknown_badges: Counter[str] = Counter()
        self.other_pay: list[tuple[str, int, int]] = []
        self.differences = self.sum_above = self.sum_below = 0
        self._largest: list[BadgeMismatch] = []

    def count_user(self, result: Migrated, held: Container[str]) -> None:
        """Count a user who was taken over; `held` are their badges in the older database."""
        if result.entry is None:
            self.unchanged += 1
            return
        self.migrated += result.is_first
        self.corrected += not result.is_first
        body = result.entry.body
        if isinstance(body, UserMigrated):
            undated = sum(award.badge_id in held for award in body.awards)
            self.undated_badges += undated
            self.new_badges += len(body.awards) - undated

    def count_difference(self, difference: BadgeMismatch) -> None:
        """Count a difference, and keep it if it is among the largest."""
        self.differences += 1
        if difference.points > 0:
            self.sum_above += difference.points
        else:
            self.sum_below += difference.points
        if len(self._largest) < LARGEST:
            heapq.heappush(self._largest, difference)
        else:
            heapq.heappushpop(self._largest, difference)

    def show(self, differences: DifferencePolicy, seconds: float) -> None:
        """Print the whole report on standard output."""
        taken = self.recorded + self.replayed
        say(
            f"events: {self.recorded:,} recorded, {self.replayed:,} already there, {self.rejected_events:,} rejected "
            f"in {seconds:,.1f} s ({taken / max(seconds, 0.001):,.0f} events/s)"
        )
        say(
            f"users: {self.migrated:,} taken over, {self.corrected:,} corrected, {self.unchanged:,} already there, "
            f"{self.rejected_users:,} rejected; {self.users_without_events:,} without events, "
            f"{self.users_without_document:,} with events and no document, {counted(self.merged, 'document')} merged"
        )
        say(
            f"badges: {self.badges:,} held, {counted(self.repeated_badges, 'repetition')} left out; "
            f"{self.undated_badges:,} newly written without their criterion met, "
            f"{self.new_badges:,} earned by the same events and not held there, at 0 points"
        )
        if self.unknown_badges:
            named = ", ".join(f"{badge_id} ({count:,})" for badge_id, count in self.unknown_badges.most_common(LARGEST))
            say(f"badges unknown to the rulebook, kept: {sum(self.unknown_badges.values()):,}: {named}")
        for badge_id, theirs, ours in self.other_pay:
            say(
                f"badge {badge_id}: defined there with {counted(theirs, 'point')}, counted with the rulebook's {ours:,}"
            )
        if self.changed:
            say(f"documents taken with changes: {self.changed:,}")
            for remark, count in self.remarks.most_common(REMARKS):
                say(f"  {count:,} x {remark}")
        say(
            f"differences: {counted(self.differences, 'user')}, {self.sum_above:+,} and {self.sum_below:+,} points, "
            f"{'kept as adjustments' if differences is DifferencePolicy.KEEP else 'dropped'}"
        )
        if self._largest:
            show_table(
                "largest differences",
                ["user", "stored total", "events", "badges", "difference"],
                [
                    [
                        difference.user_id,
                        f"{difference.stored_total:,}",
                        f"{difference.event_points:,}",
                        f"{difference.badge_points:,}",
                        f"{difference.points:+,}",
                    ]
                    for difference in sorted(self._largest, reverse=True)
                ],
                numbers=[1, 2, 3, 4],
            )
