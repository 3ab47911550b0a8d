"""The command that repairs a missed day of a streak."""

from __future__ import annotations

from msgspec import Struct

from laurels.application.recording.commands import Command, copy_of, next_entry
from laurels.domain.ledger.entries import Award, Entry
from laurels.domain.ledger.repairs import Repair
from laurels.domain.progress import Progress
from laurels.domain.revisions.repairing import repair_of, repair_streak
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError, RepairRefused, UnknownUser


class Repaired(Struct, frozen=True):
    """A repair in the ledger, the rewards of its longer streak, and a copy of the progress after it. `is_replay`: it
    was there before, and nothing was changed."""

    repair: Repair
    awards: list[Award]
    progress: Progress
    is_replay: bool


class RepairStreak(Command[Repaired]):
    """Repair the missed day `day` of a user, unless it is repaired already."""

    __slots__ = ("_done", "_refused", "caller", "day", "reason")

    def __init__(self, user_id: str, day: int, *, reason: str | None, caller: str | None) -> None:
        super().__init__(user_id, None)
        self.day = day
        self.reason = reason
        self.caller = caller
        self._done: Repaired | None = None
        self._refused: LaurelsError | None = None

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        self._done = self._refused = None
        standing = repair_of(progress, self.day)
        if standing is not None:
            self._done = Repaired(standing, [], copy_of(progress), is_replay=True)
            return None
        if not progress.seq:
            self._refused = UnknownUser(self.user_id)
            return None
        try:
            body = repair_streak(progress, self.day, now, rulebook, reason=self.reason, caller=self.caller)
        except RepairRefused as refused:
            self._refused = refused
            return None
        entry = next_entry(progress, body, now)
        self._done = Repaired(body.repair, body.awards, copy_of(progress), is_replay=False)
        return entry

    def result(self, entry: Entry | None, *, is_new: bool) -> Repaired | LaurelsError:
        del entry, is_new
        done = self._refused or self._done
        assert done is not None  # noqa: S101  `decide` has set one of them
        return done
