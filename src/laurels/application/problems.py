"""What went wrong lately in this process, in few lines for an operator to read.

The log of the process has each fault with its traceback; this is what a page can show of it: when, where, and in our
own words. What was said by callers, drivers or the database is not kept here, and so no person's id and no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from laurels.application.background import BackgroundTask
from laurels.errors import InternalFault, LaurelsError, StoreContended, StoreError

KEPT = 50
"""How many problems are remembered; the one that was last met longest ago is forgotten first."""

_LONGEST = 300
_SAME_OUTAGE_MS = 60_000

Kind = Literal["outage", "contention", "fault", "death", "set-aside"]
"""`outage`: the database was not there or refused; `contention`: processes kept others from writing; `fault`: one of
ours; `death`: a task that will not run again; `set-aside`: events that the ledger will never take."""


class Problem(Struct, frozen=True):
    """One problem. `about`: the route, the task or the type of event that met it; `detail`: a sentence of ours, or the
    name of an exception's class. Instants are in milliseconds: when it was first and last met, of `times` in all."""

    kind: Kind
    about: str
    detail: str
    first_at: int
    at: int
    times: int = 1


class ProblemLog:
    """Remembers problems, one line for those that are the same. `clock` says milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._kept: dict[tuple[Kind, str, str], Problem] = {}

    def note(self, kind: Kind, about: str = "", detail: str = "", *, times: int = 1) -> None:
        """Remember a problem that was met just now. Raises nothing, and costs next to nothing."""
        now = self._clock()
        key = (kind, about[:_LONGEST], detail[:_LONGEST])
        before = self._kept.pop(key, None)
        # At the end, where the latest are.
        if before is None:
            self._kept[key] = Problem(*key, now, now, times)
        else:
            self._kept[key] = replace(before, at=now, times=before.times + times)
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def note_error(self, error: BaseException, about: str = "") -> None:
        """Remember what an error says: of the store in its own sentence, of a fault its class alone."""
        if isinstance(error, StoreContended):
            self.note("contention", detail=str(error))
        elif isinstance(error, StoreError):
            self.note("outage", detail=str(error))
        elif not isinstance(error, InternalFault):
            # That was noted where it was met.
            self.note("fault", about, error.code if isinstance(error, LaurelsError) else type(error).__name__)

    def latest(self, tasks: Iterable[BackgroundTask] = (), *, limit: int = KEPT) -> list[Problem]:
        """The latest problems, the last one first, with those that `tasks` met."""
        found = dict(self._kept)
        outage_at = max((problem.at for problem in found.values() if problem.kind == "outage"), default=0)
        for task in tasks:
            if (trouble := task.trouble) is None:
                continue
            at = self._clock() - round((monotonic() - trouble.at) * 1000)
            if task.is_dead:
                met = Problem("death", task.name, trouble.why, at, at)
            elif trouble.is_outage:
                if at - outage_at < _SAME_OUTAGE_MS:
                    # One database is away, however many tasks wait for it.
                    continue
                met = Problem("outage", "", trouble.why[:_LONGEST], at, at)
            else:
                met = Problem("fault", task.name, trouble.why, at, at, task.faults)
            key = (met.kind, met.about, met.detail)
            known = found.get(key, met)
            found[key] = replace(known, first_at=min(known.first_at, at), at=max(known.at, at))
        return sorted(found.values(), key=lambda problem: problem.at, reverse=True)[:limit]
