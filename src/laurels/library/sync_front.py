"""The library for synchronous code: the same verbs, carried out by a loop in a thread."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Self

from laurels.domain.rules.rulebook import Rulebook
from laurels.library.verbs import Verbs
from laurels.loop_thread import LoopThread, awaited, awaited_items


class SyncLaurels:
    """`Laurels` for synchronous code: the same methods, which return when the answer is there.

    Made by `Laurels.open_sync`. May be used from many threads at once; `close` it at the end, or use a `with` block.
    """

    def __init__(self, opening: AbstractAsyncContextManager[Verbs]) -> None:
        self.loop_thread = LoopThread(opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def rulebook(self) -> Rulebook:
        """The rules in force."""
        return self.loop_thread.opened.rulebook

    record = awaited(Verbs.record)
    record_many = awaited(Verbs.record_many)
    dashboard = awaited(Verbs.dashboard)
    profile = awaited(Verbs.profile)
    badges = awaited(Verbs.badges)
    activity = awaited(Verbs.activity)
    goals = awaited(Verbs.goals)
    history = awaited_items(Verbs.history)
    leaderboard = awaited(Verbs.leaderboard)
    rank = awaited(Verbs.rank)
    spend = awaited(Verbs.spend)
    set_profile = awaited(Verbs.set_profile)
    set_goal = awaited(Verbs.set_goal)
    repair_streak = awaited(Verbs.repair_streak)
    delete_user = awaited(Verbs.delete_user)
    flush = awaited(Verbs.flush)

    def close(self) -> None:
        """Commit and project everything accepted, then close. A second call does nothing."""
        self.loop_thread.close()
