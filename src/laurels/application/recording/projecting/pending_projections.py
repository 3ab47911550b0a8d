"""Users with changes that are not projected yet, and which of their boards these changes touched.

A user who changes often is projected once per interval, not once per event. Under a load that changes more users than
can be projected at once, those who changed now and then do not wait for those who change all the time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice, takewhile
from time import monotonic

from msgspec import Struct

from laurels.domain.ledger.entries import (
    BadgesGiven,
    CurrencySpent,
    Entry,
    EventRecorded,
    MergedFrom,
    MergedInto,
    ProfileChanged,
    StreakRepaired,
)
from laurels.domain.progress import Progress
from laurels.domain.revised import is_revision
from laurels.domain.rules.rulebook import Rulebook

# Seconds after which a user who was projected is as good as one who never was: longer than all who wait need for their
# turn under load.
QUIET = 60.0
# Users who are remembered to have been projected lately.
_REMEMBERED = 20_000


class Touched(Struct):
    """The boards of a user that changed: those of `days`, and of these the boards of `languages` (None: of all).
    `since`: when the first of them did (seconds, monotonic)."""

    days: set[int]
    languages: set[str] | None
    since: float

    def add(self, days: Iterable[int], languages: Iterable[str] | None) -> None:
        """Add further boards."""
        self.days.update(days)
        if languages is None:
            self.languages = None
        elif self.languages is not None:
            self.languages.update(languages)


class PendingProjections:
    """What changed by user id, in the order in which the users were added."""

    def __init__(self) -> None:
        self._touched: dict[str, Touched] = {}
        # Of these, users who were not taken for a while, and when others were (seconds, monotonic).
        self._quiet: dict[str, None] = {}
        self._taken: dict[str, float] = {}

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._touched

    def __len__(self) -> int:
        return len(self._touched)

    @property
    def since(self) -> float | None:
        """When the longest waiting user was added (seconds, monotonic); None if none waits."""
        return min((touched.since for touched in self._touched.values()), default=None)

    def users(self) -> list[str]:
        """The waiting users."""
        return list(self._touched)

    def add(self, user_id: str, days: Iterable[int], languages: Iterable[str] | None = None) -> None:
        """Add a user whose boards of some days must be written, but only those of `languages` if it is given."""
        touched = self._touched.get(user_id)
        if touched is None:
            self._touched[user_id] = Touched(set(days), None if languages is None else set(languages), monotonic())
            if user_id not in self._taken:
                self._quiet[user_id] = None
        else:
            touched.add(days, languages)

    def put_back(self, user_id: str, touched: Touched) -> None:
        """Add a user again who was taken. They come last, so that what keeps them from being written does not keep
        others waiting, but have waited since they first did."""
        self.add(user_id, touched.days, touched.languages)
        self._touched[user_id].since = touched.since

    def discard(self, user_id: str) -> Touched | None:
        """Remove a user; return what changed, or None if they do not wait."""
        self._quiet.pop(user_id, None)
        return self._touched.pop(user_id, None)

    @property
    def quiet(self) -> int:
        """How many of those who wait were not taken for `QUIET` seconds."""
        return len(self._quiet)

    def take(self, limit: int) -> list[tuple[str, Touched]]:
        """Remove and return up to `limit` users: half of them from the quiet ones, as far as there are any, and
        otherwise those who waited longest."""
        now = monotonic()
        for user_id in list(takewhile(lambda each: self._taken[each] <= now - QUIET, self._taken)):
            del self._taken[user_id]
        for user_id in list(islice(self._taken, max(0, len(self._taken) - _REMEMBERED))):
            del self._taken[user_id]
        chosen = dict.fromkeys(islice(self._quiet, limit // 2))
        for user_id in islice(self._touched, limit):
            if len(chosen) >= limit:
                break
            chosen[user_id] = None
        taken = [(user_id, self._touched[user_id]) for user_id in chosen]
        for user_id in chosen:
            self.discard(user_id)
            # Moved to the end, if it is there.
            self._taken.pop(user_id, None)
            self._taken[user_id] = now
        return taken


def days_touched(progress: Progress, entry: Entry, rulebook: Rulebook) -> Iterable[int]:
    """The days whose boards change by an entry that was just folded into a progress."""
    body = entry.body
    if isinstance(body, EventRecorded):
        return (rulebook.board_day(body.at),)
    if isinstance(body, BadgesGiven) or (isinstance(body, StreakRepaired) and body.awards):
        return {rulebook.board_day(award.earned_at) for award in body.awards}
    if isinstance(body, ProfileChanged):
        return progress.board_days if body.changes.keys() & {"visibility", "pseudonym", "suspended"} else ()
    if isinstance(body, CurrencySpent):
        return ()
    if is_revision(entry) or isinstance(body, MergedFrom | MergedInto):
        return progress.board_days
    # Changes the all-time board alone, and that one is written with any day.
    return islice(progress.board_days, 1)


def languages_touched(entry: Entry) -> Collection[str] | None:
    """The languages whose boards change by an entry; None if all may."""
    body = entry.body
    if isinstance(body, EventRecorded):
        language = body.metadata.get("language")
        return () if language is None else (language,)
    if isinstance(body, BadgesGiven | StreakRepaired):
        # Badges count on no board of a language.
        return ()
    return None
