"""While the store is away the newest that is known is shown, but nothing that was not acknowledged."""

from __future__ import annotations

import asyncio

from laurels.application.lru_cache import LruCache
from laurels.application.queries.board_views import Leaderboard
from laurels.application.queries.last_known import OLDEST, LastKnown
from laurels.application.service import Service
from laurels.domain.progress import Progress
from laurels.testing.builders import progress

BOARD = Leaderboard(timeframe="all-time", period="all", leaderboard=[], total=0, next=None)


async def test_what_was_read_and_what_was_written_the_newer_of_both_is_shown(laurels: Service) -> None:
    users: LruCache[Progress] = LruCache(10)
    known = LastKnown(laurels.recorder, users)
    assert known.progress("ada") is None
    await laurels.record("ada", "run")
    written = known.progress("ada")
    assert written is not None
    assert written.seq == 1
    users.keep("ada", progress(seq=5))
    users.keep("bob", progress("bob", seq=2))
    assert [getattr(known.progress(user), "seq", None) for user in ("ada", "bob", "cem")] == [5, 2, None]
    users.keep("ada", progress(seq=0))
    assert known.progress("ada") is written


async def test_what_a_commit_under_way_has_folded_is_not_shown(laurels: Service) -> None:
    known = LastKnown(laurels.recorder, LruCache(10))
    seen: set[tuple[bool, bool]] = set()
    recording = asyncio.create_task(laurels.record("ada", "run"))
    while not recording.done():
        is_under_way = "ada" in laurels.recorder.committer.uncommitted
        seen.add((is_under_way, known.progress("ada") is not None))
        await asyncio.sleep(0)
    await recording
    assert (True, False) in seen
    assert (True, True) not in seen
    assert known.progress("ada") is not None


async def test_what_is_forgotten_is_not_shown_again(laurels: Service) -> None:
    known = LastKnown(laurels.recorder, LruCache(10))
    known.keep_board("all", BOARD)
    known.forget()
    assert known.board("all") is None


async def test_a_board_that_was_read_long_before_the_outage_is_not_shown(laurels: Service) -> None:
    now = [0.0]
    known = LastKnown(laurels.recorder, LruCache(10), now=lambda: now[0])
    known.keep_board("old", BOARD)
    now[0] = OLDEST
    known.keep_board("all", BOARD)
    now[0] += 1
    assert (known.board("old"), known.board("all")) == (None, BOARD)
    # However long the outage is.
    now[0] += 10 * OLDEST
    assert known.board("all") is BOARD
    known.keep_board("other", BOARD)
    now[0] += 1
    assert known.board("all") is None
