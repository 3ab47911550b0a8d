"""The counts of one board in one process, and ranks from them: mostly one query for a rank.

Counts change with the number of the last batch alone (`count_journal`), so a process keeps those that it has read until
the number changes. Then a query only has to read the number, the user's line, the next one above it, and the lines that
are not counted yet. See `laurels.domain.boards.point_ranges` for the meaning of a count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from time import monotonic

from bson import ObjectId
from msgspec import Struct, field

from laurels.application.lru_cache import LruCache
from laurels.domain.boards.ranking import Ranking
from laurels.storage.mongodb.connection import Collection as Collected
from laurels.storage.mongodb.connection import Database, Document
from laurels.storage.mongodb.documents import standing_of
from laurels.storage.mongodb.projections.count_journal import counted_of, points_of
from laurels.storage.mongodb.projections.counts import (
    Family,
    Users,
    ahead_query,
    counts_in,
    families_above,
    lines_above,
    missing_pipeline,
    now_pipeline,
    points_ahead,
    users_above,
)

# Uncounted lines of a board that each query reads anew. If there are more, they are read when the boards have changed.
AT_ONCE = 100
# Up to this many uncounted lines are added when reading; if there are more, all lines of the board are counted.
FEW = 2_000
# Seconds after which many uncounted lines are read again even if the version of the boards is the same: a process that
# died while it wrote may not have changed it.
OLDEST = 1.0
# Families that are kept of a board.
_KEPT = 2_000
_POINTS = {"_id": 0, "points": 1}
_UPWARDS = [("points", 1), ("reachedAt", -1), ("userId", -1)]


class Answer(Struct):
    """`counted`: users above points (None: all users). `rankings`: of the users who are on the board."""

    counted: dict[int | None, int]
    rankings: dict[str, Ranking]


class _Now(Struct):
    """What each query reads: lines of users, some of the fresh lines, and then the last batch and the version of the
    boards. If that batch was the last one before, too, nothing was counted meanwhile."""

    own: list[Document] = field(default_factory=list[Document])
    fresh: list[Document] = field(default_factory=list[Document])
    number: int = 0
    since: int = 0
    is_open: bool = False
    version: int = 0


class _Held(Struct):
    """The counts as of one batch, as if it were done; `lines` and `changes` are its journal if it was seen open."""

    number: int = -1
    since: int = 0
    lacks_journal: bool = False
    lines: dict[ObjectId, int | None] = field(default_factory=dict[ObjectId, "int | None"])
    changes: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    counts: LruCache[Users] = field(default_factory=lambda: LruCache[Users](_KEPT))


class _Fresh(Struct):
    """Fresh lines: the points with which they are to be counted, and those with which they are counted, in order."""

    to_count: list[int]
    counted: list[int]
    seqs: dict[ObjectId, int]
    # When they were read (seconds, monotonic), and as of which version of the boards.
    read_at: float
    version: int
    # If there were too many: the results of counting all lines of the board.
    totals: dict[int | None, int] | None = None

    def above(self, points: int | None) -> int:
        """The difference that they make to a count."""
        if points is None:
            return len(self.to_count) - len(self.counted)
        more = len(self.to_count) - bisect_right(self.to_count, points)
        return more - len(self.counted) + bisect_right(self.counted, points)

    def after(self, points: int) -> int | None:
        """The next points above `points` that a fresh line has."""
        position = bisect_right(self.to_count, points)
        return self.to_count[position] if position < len(self.to_count) else None


class BoardCounts:
    """The counts of `board`. One call at a time."""

    def __init__(self, database: Database, board: str, *, at_once: int = AT_ONCE, few: int = FEW) -> None:
        self._database = database
        self._board = board
        self._at_once = at_once
        self._few = few
        self._held = _Held()
        self._many: _Fresh | None = None

    async def read(self, user_ids: Collection[str], asked: Collection[int | None]) -> Answer:
        """The rankings of users, and the numbers of users above each of the given points.

        They are right whether or not lines are counted. They are read again if the next batch was started meanwhile.
        """
        while True:
            now = await self._now(user_ids)
            if self._held.number != now.number:
                # The lines may be from before it.
                self._held, self._many = _Held(now.number, now.since, now.is_open), None
                continue
            answer = await self._answer(now, {*asked, *(line["points"] for line in now.own), None})
            if answer is not None:
                return answer

    async def _now(self, user_ids: Collection[str]) -> _Now:
        lines: dict[ObjectId, Document] = {}
        now = _Now()
        for each in await _run(self._database["standings"], now_pipeline(self._board, user_ids, self._at_once + 1)):
            match each["_id"]:
                case "counts":
                    now.number, now.since, now.is_open = each["number"], each["since"], each["isOpen"]
                case "boards":
                    now.version = each["version"]
                case identifier:
                    # The line of a user may come twice; then it may have changed in between.
                    lines[identifier] = each
        for line in lines.values():
            if line.get("shown") and line["userId"] in user_ids:
                now.own.append(line)
            if line.get("fresh"):
                now.fresh.append(line)
        return now

    async def _answer(self, now: _Now, wanted: Collection[int | None]) -> Answer | None:
        """None if a batch was started or done meanwhile."""
        held = self._held
        is_many = len(now.fresh) > self._at_once
        fresh = self._known(now) if is_many else self._sorted(now.fresh, held, now.version)
        needed = {family for points in wanted for family in families_above(points)}
        # Not only in the cache, which may be smaller than one answer.
        counts: dict[Family, Users] = {}
        while True:
            counts |= {family: users for family in needed if (users := held.counts.get(family)) is not None}
            missing = needed - counts.keys()
            reads_journal = held.lacks_journal
            if missing or reads_journal or fresh is None:
                found = await self._read(missing, held, journal=reads_journal, fresh=is_many and fresh is None)
                if found is None:
                    return None
                read, lines = found
                counts |= read
                if is_many and fresh is None:
                    fresh = self._many = self._sorted(lines, held, now.version)
                elif not is_many:
                    fresh = self._sorted(now.fresh, held, now.version)
            assert fresh is not None  # noqa: S101  read above
            if fresh.totals is not None:
                return await self._from_lines(now.own, fresh.totals, wanted)
            ahead = {line["userId"]: points_ahead(line["points"], counts, fresh.counted) for line in now.own}
            needed = {each for each in ahead.values() if isinstance(each, tuple)}
            if not needed:
                break
        counted = {points: users_above(points, counts) + fresh.above(points) for points in wanted}
        rankings: dict[str, Ranking] = {}
        for line in now.own:
            nearest = [each for each in (ahead[line["userId"]], fresh.after(line["points"])) if isinstance(each, int)]
            rankings[line["userId"]] = _ranking(line, counted, min(nearest, default=None))
        return Answer(counted, rankings)

    async def _read(
        self, families: Collection[Family], held: _Held, *, journal: bool, fresh: bool
    ) -> tuple[dict[Family, Users], list[Document]] | None:
        """Families of the counts, and fresh lines; the journal goes into `held`. None if a batch was started or done
        meanwhile."""
        pipeline = missing_pipeline(self._board, families, journal=journal, lines=self._few + 1 if fresh else 0)
        parts: dict[str, list[Document]] = {}
        for each in await _run(self._database["meta"], pipeline):
            parts.setdefault(each["part"], []).append(each)
        if (parts["until"][0]["number"] if "until" in parts else 0) != held.number:
            return None
        if journal:
            [open_one] = parts["journal"]
            held.lacks_journal = False
            if not open_one["isOpen"]:
                # The fresh lines of before may be counted by now.
                return None
            held.lines = {line["_id"]: line["points"] for line in open_one["lines"]}
            held.changes = {(level, bucket): change for _, level, bucket, change in open_one["changes"]}
        read = counts_in(families, parts.get("counts", ()), held.number, held.since, held.changes)
        for family, users in read.items():
            held.counts.keep(family, users)
        return read, parts.get("fresh", [])

    def _known(self, now: _Now) -> _Fresh | None:
        """Many fresh lines as they were read before, if that is still right."""
        many = self._many
        if many is None or many.version != now.version or monotonic() - many.read_at >= OLDEST:
            return None
        if many.totals is None:
            for line in now.own:
                seq = many.seqs.get(line["_id"])
                if seq != line["seq"] and (seq is not None or line.get("fresh")):
                    return None
        return many

    def _sorted(self, lines: Sequence[Document], held: _Held, version: int) -> _Fresh:
        to_count: list[int] = []
        counted: list[int] = []
        for line in lines:
            before = held.lines.get(line["_id"], counted_of(line, held.since))
            points = points_of(line)
            if points is not None:
                to_count.append(points)
            if before is not None:
                counted.append(before)
        totals: dict[int | None, int] | None = None if len(lines) <= self._few else {}
        seqs = {line["_id"]: line["seq"] for line in lines}
        return _Fresh(sorted(to_count), sorted(counted), seqs, monotonic(), version, totals)

    async def _from_lines(
        self, own: Sequence[Document], known: dict[int | None, int], wanted: Collection[int | None]
    ) -> Answer:
        standings = self._database["standings"]
        unknown = [points for points in wanted if points not in known]
        if unknown:
            known |= await lines_above(standings, self._board, unknown)
        rankings: dict[str, Ranking] = {}
        for line in own:
            found = await standings.find_one(ahead_query(self._board, line["points"]), _POINTS, sort=_UPWARDS)
            rankings[line["userId"]] = _ranking(line, known, found["points"] if found else None)
        return Answer({points: known[points] for points in wanted}, rankings)


async def _run(collection: Collected, pipeline: Sequence[Document]) -> list[Document]:
    return await (await collection.aggregate(pipeline)).to_list()


def _ranking(line: Document, counted: dict[int | None, int], ahead: int | None) -> Ranking:
    above = counted[line["points"]]
    # The line may be a moment younger than what was counted.
    return Ranking(standing_of(line["userId"], line), above, max(counted[None], above + 1), ahead)
