"""Recent problems of this process, in a few lines for an operator to read.

The log of the process has each fault with its traceback; this is the part that a page can show: when, where, and in our
own words. Text from callers, drivers or the database is not kept here, so it holds no person's id and no secret.
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
"""The number of problems that are remembered; the one that occurred longest ago is forgotten first."""

_LONGEST = 300
_SAME_OUTAGE_MS = 60_000

Kind = Literal["outage", "contention", "fault", "death", "set-aside"]
"""`outage`: the database was unreachable or refused; `contention`: other processes blocked a write; `fault`: a fault of
ours; `death`: a task that will not run again; `set-aside`: events that the ledger will never accept."""


class Incident(Struct, frozen=True):
    """One problem. `about`: the route, the task or the type of event that met it; `detail`: a sentence of ours, or the
    name of an exception's class. `times` is how often it occurred. Instants are in milliseconds: its first and last
    time."""

    kind: Kind
    about: str
    detail: str
    first_at: int
    at: int
    times: int = 1


class IncidentLog:
    """Remembers problems, with one line for equal ones. `clock` returns milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._kept: dict[tuple[Kind, str, str], Incident] = {}

    def note(self, kind: Kind, about: str = "", detail: str = "", *, times: int = 1) -> None:
        """Remember a problem that just occurred. Raises nothing, and costs next to nothing."""
        now = self._clock()
        key = (kind, about[:_LONGEST], detail[:_LONGEST])
        before = self._kept.pop(key, None)
        # Moved to the end, with the latest ones.
        if before is None:
            self._kept[key] = Incident(*key, now, now, times)
        else:
            self._kept[key] = replace(before, at=now, times=before.times + times)
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def note_error(self, error: BaseException, about: str = "") -> None:
        """Remember an error: for the store its own sentence, for a fault only its class."""
        if isinstance(error, StoreContended):
            self.note("contention", detail=str(error))
        elif isinstance(error, StoreError):
            self.note("outage", detail=str(error))
        elif not isinstance(error, InternalFault):
            # It was noted where it occurred.
            self.note("fault", about, error.code if isinstance(error, LaurelsError) else type(error).__name__)

    def latest(self, tasks: Iterable[BackgroundTask] = (), *, limit: int = KEPT) -> list[Incident]:
        """The latest problems, the last one first, including those of `tasks`."""
        found = dict(self._kept)
        outage_at = max((problem.at for problem in found.values() if problem.kind == "outage"), default=0)
        for task in tasks:
            if (trouble := task.trouble) is None:
                continue
            at = self._clock() - round((monotonic() - trouble.at) * 1000)
            if task.is_dead:
                met = Incident("death", task.name, trouble.why, at, at)
            elif trouble.is_outage:
                if at - outage_at < _SAME_OUTAGE_MS:
                    # It is one outage, even if many tasks wait for the database.
                    continue
                met = Incident("outage", "", trouble.why[:_LONGEST], at, at)
            else:
                met = Incident("fault", task.name, trouble.why, at, at, task.faults)
            key = (met.kind, met.about, met.detail)
            known = found.get(key, met)
            found[key] = replace(known, first_at=min(known.first_at, at), at=max(known.at, at))
        return sorted(found.values(), key=lambda problem: problem.at, reverse=True)[:limit]
