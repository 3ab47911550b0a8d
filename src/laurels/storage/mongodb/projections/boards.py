"""The boards: each query is a walk along the index that keeps their order."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from bson.datetime_ms import DatetimeMS

from laurels.application.ports.boards import Card, Holder, Holders
from laurels.domain.boards.ranking import Ranking, SortKey, Standing
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.storage.mongodb.connection import LONG, Concern, Database, Document, Session, operation
from laurels.storage.mongodb.documents import LARGEST_INTEGER, bounded, card_of, field_name, standing_of
from laurels.storage.mongodb.projections import counts
from laurels.storage.mongodb.projections.count_journal import advance
from laurels.storage.mongodb.projections.count_updater import CountUpdater
from laurels.storage.mongodb.projections.transactions import Transactions

ORDER = [("points", -1), ("reachedAt", 1), ("userId", 1)]
BACKWARDS = [("points", 1), ("reachedAt", -1), ("userId", -1)]
_HORIZON: Document = {"_id": "boardHorizon"}
_CARD = {"_id": 0, "state": 0, "pending": 0}
# By badge, the instants at which users earned it.
EARNED_INDEX = "users_earned"
# By badge, the counted users who hold it.
HELD_INDEX = "users_held"
_STANDING = {"_id": 0, "userId": 1, "points": 1, "events": 1, "reachedAt": 1}


async def note_change(database: Database) -> None:
    """Make readers read the boards again. Call it after each write, so that nobody takes the earlier contents for the
    present ones."""
    await database["meta"].update_one({"_id": "boards"}, {"$inc": {"version": 1}}, upsert=True)


class MongoBoards(Concern):
    """See `BoardStore`."""

    def __init__(self, database: Database, session: Session, transactions: Transactions) -> None:
        super().__init__(database, session)
        self.counting = CountUpdater(database, session, transactions)

    @operation()
    async def version(self) -> int:
        found = await self.database["meta"].find_one({"_id": "boards"})
        return 0 if found is None else int(found["version"])

    @operation()
    async def cards(self, user_ids: Collection[str]) -> dict[str, Card]:
        found = self.database["users"].find({"userId": {"$in": list(user_ids)}}, _CARD)
        return {user["userId"]: card_of(user) async for user in found}

    @operation()
    async def standings(
        self, board: str, *, limit: int, after: SortKey | None = None, before: SortKey | None = None
    ) -> list[Standing]:
        """The server merges the ranges in the order of the index and stops at the limit."""
        query, order = shown(board), ORDER
        if after is not None:
            query = {"$or": ranges(board, after, ahead=False)}
        elif before is not None:
            query, order = {"$or": ranges(board, before, ahead=True)}, BACKWARDS
        found = await self.database["standings"].find(query, _STANDING).sort(order).limit(limit).to_list()
        page = [standing_of(line["userId"], line) for line in found]
        return page[::-1] if before is not None else page

    @operation()
    async def standings_of(self, board: str, user_ids: Collection[str]) -> list[Standing]:
        """Uses the index on user and board, so the size of the board does not matter."""
        asked = {"userId": {"$in": list(user_ids)}, **shown(board)}
        found = await self.database["standings"].find(asked, _STANDING, hint="standings_user").to_list()
        return sorted(
            (standing_of(line["userId"], line) for line in found), key=lambda standing: standing.place.sort_key
        )

    @operation()
    async def standing(self, board: str, user_id: str) -> Standing | None:
        found = await self.database["standings"].find_one({"userId": user_id, **shown(board)}, _STANDING)
        return standing_of(user_id, found) if found else None

    async def ranking(self, board: str, user_id: str) -> Ranking | None:
        return await self.counting.ranking(board, user_id)

    async def count(self, board: str, *, above: int | None = None) -> int:
        return (await self.counting.counts_of(board, [above]))[above]

    async def counts_above(self, board: str, points: Collection[int]) -> dict[int, int]:
        counted = await self.counting.counts_of(board, points) if points else {}
        return {above: counted[above] for above in points}

    @operation()
    async def horizon(self) -> RetentionCutoff:
        found = await self.database["meta"].find_one(_HORIZON)
        return RetentionCutoff(found["day"], found["week"]) if found else RetentionCutoff()

    @operation()
    async def set_horizon(self, horizon: RetentionCutoff) -> None:
        kept = {"$set": {"day": horizon.day, "week": horizon.week}}
        await self.database["meta"].update_one(_HORIZON, kept, upsert=True)

    @operation(within=LONG)
    async def drop(self, horizon: RetentionCutoff, *, limit: int) -> int:
        """Drops board by board. The counts are dropped last, including those that a batch of the journal may have added
        in the meantime; the check for wrong counts skips boards that are not kept."""
        standings = self.database["standings"]
        dropped = 0
        for board in await self._dropping(horizon):
            found = standings.find(shown(board), {"_id": 1}, hint="standings_shown").limit(limit - dropped)
            lines = await found.to_list()
            if lines:
                await standings.delete_many({"_id": {"$in": [line["_id"] for line in lines]}})
                await note_change(self.database)
            dropped += len(lines)
            if dropped >= limit:
                break
            await self.database["counts"].delete_many({"board": board})
            await advance(self.database)
        return dropped

    async def _dropping(self, horizon: RetentionCutoff) -> list[str]:
        named: set[str] = set()
        counted: Document = {}
        for collection, query, index in (
            ("standings", {"shown": True}, "standings_shown"),
            ("counts", counted, "counts_range"),
        ):
            board = ""
            # One lookup in the index for each board, whatever its size.
            while found := await self.database[collection].find_one(
                {"board": {"$gt": board}, **query}, {"_id": 0, "board": 1}, sort=[("board", 1)], hint=index
            ):
                board = found["board"]
                named.add(board)
        return sorted(board for board in named if not horizon.keeps_board(board))

    @operation(within=LONG)
    async def holders(self) -> Holders:
        """The server keeps an index by what cards are counted under: a number is as long as its part of it."""
        users = self.database["users"]
        names: list[str] = await users.distinct("held")
        numbers = await asyncio.gather(*(users.count_documents({"held": name}, hint=HELD_INDEX) for name in names))
        return Holders.of(dict(zip(names, numbers, strict=True)))

    async def first_holders(self, badge: str, *, limit: int) -> list[Holder]:
        return await self._holders(badge, 1, limit)

    async def latest_holders(self, badge: str, *, limit: int) -> list[Holder]:
        return await self._holders(badge, -1, limit)

    @operation()
    async def _holders(self, badge: str, direction: int, limit: int) -> list[Holder]:
        """A walk along the badge's part of the index, from one of its ends."""
        name = earned_field(badge)
        found = self.database["users"].find(holders_of(badge), {"_id": 0, "userId": 1, name: 1}, hint=EARNED_INDEX)
        users = await found.sort(name, direction).limit(limit).to_list()
        return [Holder(user["userId"], int(user["earnedAt"][field_name(badge)])) for user in users]

    @operation(within=LONG)
    async def miscounted(self) -> list[str]:
        return await counts.miscounted(self.database)

    @operation()
    async def miscounted_badges(self) -> list[str]:
        """None: only the cards themselves are counted."""
        return []


def earned_field(badge: str) -> str:
    """The field of the instants at which users earned a badge."""
    return f"earnedAt.{field_name(badge)}"


def holders_of(badge: str) -> Document:
    """The holders of a badge. The range covers every instant: without it the server does not use the wildcard index."""
    return {earned_field(badge): {"$gte": DatetimeMS(-LARGEST_INTEGER)}}


def shown(board: str) -> Document:
    """The lines that a board shows; the index of its order holds no others."""
    return {"board": board, "shown": True}


def ranges(board: str, place: SortKey, *, ahead: bool) -> list[Document]:
    """The standings before or after a place, as three ranges of the index: with other points, with the same points
    reached at another instant, and with both equal and another user id."""
    more, less = ("$gt", "$lt") if ahead else ("$lt", "$gt")
    points, reached_at = bounded(place.points), DatetimeMS(bounded(place.reached_at))
    return [
        {**shown(board), "points": {more: points}},
        {**shown(board), "points": points, "reachedAt": {less: reached_at}},
        {**shown(board), "points": points, "reachedAt": reached_at, "userId": {less: place.user_id}},
    ]
