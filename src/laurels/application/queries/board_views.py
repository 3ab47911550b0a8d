"""The results of board reads, in the shape of `laurels.application.queries.views`."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType, field

from laurels.application.queries.views import Document


class LeaderboardRow(Struct, frozen=True, rename="camel", kw_only=True):
    """One line of a board. `points` were earned in the period, `total_points` ever. `_id` repeats the user id.

    `previous_rank` is the rank in the period before; None for who did not stand there, and on the all-time board. On a
    board of a currency `points` are what was earned of it, and `currency_level` is there if it has levels.
    """

    id: str = field(name="_id")
    rank: int
    previous_rank: int | None
    user_id: str
    display_name: str
    has_name: bool
    photo_url: str | None = field(name="photoURL")
    points: int
    total_points: int
    level: int
    currency_level: int | UnsetType = UNSET
    badges: list[str]
    last_active_at: str | None


class Leaderboard(Document, frozen=True, rename="camel", kw_only=True):
    """A page of a board. `total` counts the users on it; `next` is the cursor of the next page, None at the end.

    `language` is there on a board of one language only, `currency` on that of a currency.
    """

    timeframe: str
    period: str
    language: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    leaderboard: list[LeaderboardRow]
    total: int
    next: str | None


class Rank(Document, frozen=True, rename="camel", kw_only=True):
    """One user's place on a board. All but `of` are None for a user who is not on it.

    `points_to_next` is the number of points missing to equal the next higher total; None for the first.
    """

    timeframe: str
    period: str
    language: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    rank: int | None
    of: int
    points: int | None
    percentile: float | None
    points_to_next: int | None
