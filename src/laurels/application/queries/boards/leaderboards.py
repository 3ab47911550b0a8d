"""Boards: pages, a user's surroundings, and a user's rank.

Boards are read from the projection, so they may lag behind the ledger by the projector's interval.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from laurels.application.ports.clock import Clock
from laurels.application.ports.store import Store
from laurels.application.queries.board_views import Leaderboard, Rank
from laurels.application.queries.boards.asked_board import AskedBoard, asked_board, kept_board
from laurels.application.queries.boards.rows import Rows, card_for, row_view
from laurels.application.queries.boards.shown_pages import ShownPage, ShownPages
from laurels.application.queries.boards.total_order import TotalOrder
from laurels.application.queries.cursors import Cursors
from laurels.application.queries.last_known import LastKnown
from laurels.application.queries.placeholder_names import PlaceholderNames
from laurels.domain.boards.ranking import SortKey, Standing, percentile, ranks_of
from laurels.domain.periods import Timeframe, board_name, period_name
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import InvalidQuery, StoreError, UnknownUser

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_USERS = 200
_decode_place = msgspec.msgpack.Decoder(tuple[int, int, str]).decode


class Leaderboards:
    """Reads over the boards of one store. While the store is away they repeat the last answer, marked as stale, if
    `last_known` is given and has one."""

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        *,
        last_known: LastKnown | None = None,
        names: PlaceholderNames | None = None,
        cursors: Cursors | None = None,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._last_known = last_known
        self._names = names or PlaceholderNames()
        self._rows = Rows(store, rulebook, self._names)
        self._cursors = cursors or Cursors(store.secrets)
        self._shown = ShownPages(store.boards)
        self._totals = TotalOrder(store.boards)

    def forget_pages(self) -> None:
        """Drop all cached pages."""
        self._shown.forget()
        self._totals.forget()
        if self._last_known is not None:
            self._last_known.forget_boards()

    def forget(self) -> None:
        """Drop all cached pages and ranks."""
        self._shown.forget()
        self._totals.forget()
        if self._last_known is not None:
            self._last_known.forget()

    async def top(
        self,
        timeframe: Timeframe | None = None,
        *,
        period: str | None = None,
        limit: int = DEFAULT_LIMIT,
        language: str | None = None,
        currency: str | None = None,
    ) -> ShownPage:
        """The first page as JSON; see `page`. The cached page is returned while the boards have not changed."""
        _check_limit(limit)
        asked = await self._board(timeframe, period, language, currency)

        async def make() -> Leaderboard:
            return await self._page_or_last(asked, limit, None, None)

        try:
            return await self._shown.get((asked.board, limit), make)
        except StoreError:
            # There may be a last known page.
            return ShownPage(msgspec.json.encode(await make()), "")

    async def page(
        self,
        timeframe: Timeframe | None = None,
        *,
        period: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: str | None = None,
        around: str | None = None,
        language: str | None = None,
        currency: str | None = None,
    ) -> Leaderboard:
        """A page of a board: its top, the lines after a cursor, or the surroundings of a user.

        `period` names a closed period (`2026-W47`); without it the present one of `timeframe` is meant (default
        all-time). `language` names a board of one language, `currency` one of what was earned of a currency. `around`
        puts that user in the middle.
        Raises InvalidQuery; UnknownUser when `around` does not stand on the board.
        """
        _check_limit(limit)
        if cursor is not None and around is not None:
            raise InvalidQuery("cursor", "Cannot be combined with 'around'.")
        return await self._page_or_last(await self._board(timeframe, period, language, currency), limit, cursor, around)

    async def _page_or_last(self, asked: AskedBoard, limit: int, cursor: str | None, around: str | None) -> Leaderboard:
        if self._last_known is None:
            return await self._page(asked, limit, cursor, around)
        key = (asked.board, limit, cursor, around)
        try:
            page = await self._page(asked, limit, cursor, around)
        except StoreError:
            last = self._last_known.board(key)
            if last is None:
                raise
            return replace(last, stale=True)
        self._last_known.keep_board(key, page)
        return page

    async def _page(self, asked: AskedBoard, limit: int, cursor: str | None, around: str | None) -> Leaderboard:
        board = asked.board
        if around is not None:
            standings = await self._surroundings(board, around, limit)
        else:
            after = None if cursor is None else _place_of(await self._cursors.open(f"board {board}", cursor))
            standings = await self._store.boards.standings(board, limit=limit + 1, after=after)
        following = standings[limit] if len(standings) > limit else None
        standings = standings[:limit]
        is_top = around is None and cursor is None
        asked_rows = self._rows.of_page(asked, standings, is_top=is_top)
        if is_top and following is None:
            # The page is the whole board: a separate count might be of a later moment.
            rows, total = await asked_rows, len(standings)
        else:
            rows, total = await asyncio.gather(asked_rows, self._store.boards.count(board))
        next_cursor = None
        if following is not None:
            place = standings[-1].place
            text = msgspec.msgpack.encode((place.points, place.reached_at, place.user_id))
            next_cursor = await self._cursors.seal(f"board {board}", text)
        return Leaderboard(
            timeframe=asked.timeframe.value,
            period=asked.period,
            language=UNSET if asked.language is None else asked.language,
            currency=UNSET if asked.currency is None else asked.currency,
            leaderboard=rows,
            total=total,
            next=next_cursor,
        )

    async def among(
        self,
        user_ids: Sequence[str],
        timeframe: Timeframe | None = None,
        *,
        period: str | None = None,
        limit: int | None = None,
        language: str | None = None,
        currency: str | None = None,
    ) -> Leaderboard:
        """Those of up to 200 users who are on a board under their own name, ranked among each other: all of them, or
        the first `limit`. Raises InvalidQuery."""
        if limit is not None:
            _check_limit(limit)
        check_users(user_ids)
        asked = await self._board(timeframe, period, language, currency)
        found = await self._store.boards.standings_of(asked.board, user_ids)
        # After the lines, so that no card is from before its user took an alias: a query by user id would reveal them.
        cards = await self._store.boards.cards(user_ids)
        cards = {user_id: card for user_id, card in cards.items() if card.pseudonym is None}
        standings = [line for line in found if card_for(line, cards) is not None]
        before = [] if asked.before is None else await self._store.boards.standings_of(asked.before, list(cards))
        levels = await self._rows.currency_levels(asked, standings[:limit])
        ranks = dict(zip((line.user_id for line in before), ranks_of([line.points for line in before]), strict=True))
        return Leaderboard(
            timeframe=asked.timeframe.value,
            period=asked.period,
            language=UNSET if asked.language is None else asked.language,
            currency=UNSET if asked.currency is None else asked.currency,
            leaderboard=[
                row_view(
                    line, rank, ranks.get(line.user_id), cards[line.user_id], self._names, levels.get(line.user_id)
                )
                for line, rank in zip(standings[:limit], ranks_of([line.points for line in standings]), strict=False)
            ],
            total=len(standings),
            next=None,
        )

    async def by_total(
        self,
        timeframe: Timeframe | None = None,
        *,
        period: str | None = None,
        limit: int = DEFAULT_LIMIT,
        language: str | None = None,
        currency: str | None = None,
    ) -> Leaderboard:
        """The top of a board with its users in the order of all their points. Raises InvalidQuery or StoreError."""
        _check_limit(limit)
        asked = await self._board(timeframe, period, language, currency)
        all_time = board_name(period_name(Timeframe.ALL_TIME, 1), currency=currency)
        lines = await self._totals.top(asked.board, all_time, limit)
        user_ids = [standing.user_id for standing, _ in lines]
        before, cards, total, levels = await asyncio.gather(
            self._rows.ranks_before(asked, user_ids),
            self._store.boards.cards(user_ids),
            self._store.boards.count(asked.board),
            self._rows.currency_levels(asked, [line for line, _ in lines]),
        )
        ranks = ranks_of([points for _, points in lines])
        return Leaderboard(
            timeframe=asked.timeframe.value,
            period=asked.period,
            language=UNSET if asked.language is None else asked.language,
            currency=UNSET if asked.currency is None else asked.currency,
            leaderboard=[
                row_view(line, rank, before.get(line.user_id), card, self._names, levels.get(line.user_id))
                for (line, _), rank in zip(lines, ranks, strict=True)
                if (card := card_for(line, cards)) is not None
            ],
            total=total,
            next=None,
        )

    async def rank(
        self,
        user_id: str,
        timeframe: Timeframe | None = None,
        *,
        period: str | None = None,
        language: str | None = None,
        currency: str | None = None,
    ) -> Rank:
        """A user's place on a board. Raises InvalidQuery, or UnknownUser for a user without entries."""
        asked = await self._board(timeframe, period, language, currency)
        board = asked.board
        if self._last_known is None:
            return await self._rank(user_id, asked)
        try:
            rank = await self._rank(user_id, asked)
        except StoreError:
            last = self._last_known.ranks.get((user_id, board))
            if last is None:
                raise
            return replace(last, stale=True)
        self._last_known.ranks.keep((user_id, board), rank)
        return rank

    async def _rank(self, user_id: str, asked: AskedBoard) -> Rank:
        found = await self._store.boards.ranking(asked.board, user_id)
        if found is None:
            if not await self._store.ledger.entries(user_id, limit=1):
                raise UnknownUser(user_id)
            return Rank(
                timeframe=asked.timeframe.value,
                period=asked.period,
                language=UNSET if asked.language is None else asked.language,
                currency=UNSET if asked.currency is None else asked.currency,
                rank=None,
                of=await self._store.boards.count(asked.board),
                points=None,
                percentile=None,
                points_to_next=None,
            )
        points, rank = found.standing.points, 1 + found.above
        return Rank(
            timeframe=asked.timeframe.value,
            period=asked.period,
            language=UNSET if asked.language is None else asked.language,
            currency=UNSET if asked.currency is None else asked.currency,
            rank=rank,
            of=found.of,
            points=points,
            percentile=percentile(rank, found.of),
            points_to_next=None if found.next_points is None else found.next_points - points,
        )

    async def _board(
        self, timeframe: Timeframe | None, period: str | None, language: str | None, currency: str | None
    ) -> AskedBoard:
        asked = asked_board(self._rulebook, self._clock(), timeframe, period, language, currency)
        # For the present periods the board before is always kept, too.
        if not asked.is_closed or asked.timeframe not in (Timeframe.DAILY, Timeframe.WEEKLY):
            return asked
        try:
            return kept_board(asked, await self._store.boards.horizon())
        except StoreError:
            # There may be a last known page.
            return asked

    async def _surroundings(self, board: str, user_id: str, limit: int) -> list[Standing]:
        own = await self._store.boards.standing(board, user_id)
        if own is None:
            why = "This user does not stand on this board: they have no event in its period, or stay off the boards."
            raise UnknownUser(user_id, why)
        above, below = await asyncio.gather(
            self._store.boards.standings(board, limit=limit, before=own.place),
            self._store.boards.standings(board, limit=limit + 1, after=own.place),
        )
        # In the middle, unless one side is too short: then the other side gets more lines.
        take_above = max(limit // 2, limit - 1 - len(below))
        kept = above[-take_above:] if take_above else []
        return [*kept, own, *below][: limit + 1]


def check_users(user_ids: Sequence[str]) -> None:
    """Raise InvalidQuery for more users than one query can rank among each other."""
    if len(user_ids) > MAX_USERS:
        raise InvalidQuery("users", f"Must name at most {MAX_USERS} users.")


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidQuery("limit", f"Must be a whole number from 1 to {MAX_LIMIT}.")


def _place_of(text: bytes) -> SortKey:
    points, reached_at, user_id = _decode_place(text)
    return SortKey(points, reached_at, user_id)
