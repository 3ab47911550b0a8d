"""Long work on the whole ledger: asked for in one process, done in any, and gone on with where one died.

Each sentence here is held by a test of `laurels.testing.contracts.jobs`.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct, field

from laurels.domain.ledger import Notify

JobState = Literal["waiting", "running", "done", "failed", "replaced"]
"""`replaced`: another rulebook was published before it was done."""


class Job(Struct, kw_only=True, rename="camel"):
    """What follows the publication of a rulebook, and how far it has come. Instants are in milliseconds.

    With `repoint` the points of the past are counted anew before badges are awarded; `repointed` are the learners whose
    points it changed. `after` is the last user of those who are done. `learners` and `events` count what was looked at,
    `awards` by badge what was awarded, as far as they were noted: what a process did just before it died is not in
    them.
    """

    id: str
    version: int
    notify: Notify
    created_at: int
    created_by: str | None = None
    repoint: bool = False
    state: JobState = "waiting"
    started_at: int | None = None
    finished_at: int | None = None
    after: str = ""
    learners: int = 0
    events: int = 0
    repointed: int = 0
    awards: dict[str, int] = field(default_factory=dict[str, int])
    error: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.state in ("waiting", "running")


class JobStore(Protocol):
    """Jobs by their ids, in the order in which they were added."""

    async def add(self, job: Job) -> None:
        """Add a job that nobody works on yet."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """A job as it was saved last."""
        ...

    async def last(self, *, limit: int) -> list[Job]:
        """The last jobs, the newest first."""
        ...

    async def claim(self, owner: str, *, now: int, until: int, job_id: str | None = None) -> Job | None:
        """The oldest open job that nobody else works on, or the one with an id if so; it belongs to `owner` until an
        instant. None where there is none. Of several who claim at once, one gets it."""
        ...

    async def save(self, job: Job, owner: str, *, until: int) -> bool:
        """Save how far a job has come, which stays with `owner` until an instant. False, and nothing is written, where
        it belongs to another by now."""
        ...
