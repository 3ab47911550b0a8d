"""Long work on the whole ledger: requested in one process, run in any, and continued if one dies.

Each sentence here is checked by a test of `laurels.testing.contracts.jobs`.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct, field

from laurels.domain.ledger.entries import Notify

JobState = Literal["waiting", "running", "done", "failed", "replaced"]
"""`replaced`: another rulebook was published before the job was done."""


class Job(Struct, kw_only=True, rename="camel"):
    """The work that follows the publication of a rulebook, and its progress. Instants are in milliseconds.

    With `repoint` the points of the past are counted again before badges are awarded; `repointed` is the number of
    learners whose points it changed. `after` is the last user that is done. `learners` and `events` count the users and
    events examined, `awards` the awards by badge. These numbers are as of the last save. What a process did after it
    and before it died is included once another process goes on.
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
        """Whether there is work left."""
        return self.state in ("waiting", "running")


class JobStore(Protocol):
    """Jobs by their ids, in the order in which they were added."""

    async def add(self, job: Job) -> None:
        """Add a job that no process works on yet."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """A job in its last saved state."""
        ...

    async def last(self, *, limit: int) -> list[Job]:
        """The last jobs, the newest first."""
        ...

    async def claim(self, owner: str, *, now: int, until: int, job_id: str | None = None) -> Job | None:
        """Claim the oldest open job that nobody else works on, or the open job with the given id, for `owner` until an
        instant. None if there is no such job. If several claim at once, one gets it."""
        ...

    async def save(self, job: Job, owner: str, *, until: int) -> bool:
        """Save the progress of a job and extend the claim of `owner` until an instant. Returns False and writes nothing
        if the job belongs to another owner by now."""
        ...
