"""Runs the jobs that follow a publication: page by page of learners, in any process, until all are done.

A job belongs to one process for a while and is saved after each page; if that process dies, another one continues.
Existing awards are never made again, so a page that was not saved may be repeated. What was made in it before is then
counted from the ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import uuid4

from msgspec.structs import replace

from laurels.application.background import BackgroundTask
from laurels.application.maintenance.backfill import Backfill, Backfilled
from laurels.application.maintenance.ledger_scan import entries_of, first_entries
from laurels.application.maintenance.rulebook_watcher import RulebookWatcher
from laurels.application.ports.clock import Clock
from laurels.application.ports.jobs import Job, JobState
from laurels.application.ports.store import Store
from laurels.application.recording.recorder import Recorder
from laurels.domain.ledger.entries import BadgesGiven, Repointed
from laurels.domain.revisions.repointing import MOST
from laurels.domain.rules.badges.awards import badge_and_period
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError

logger = logging.getLogger(__name__)

# Milliseconds for which a job belongs to a process that does not save it.
LEASE_MS = 60_000
# Seconds between two looks for jobs.
INTERVAL = 2.0
# Learners in a page, after which the job is saved.
_USERS = 200
_LOOKED_AT = 20


class JobRunner:
    """Runs jobs through one recorder, under the rulebook that `follower` keeps in force.

    `users`: the size of a page, after which the job is saved. `most_repointed`: see `Backfill`.
    """

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        clock: Clock,
        recorder: Recorder,
        follower: RulebookWatcher,
        *,
        users: int = _USERS,
        most_repointed: int = MOST,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._clock = clock
        self._recorder = recorder
        self._follower = follower
        self._users = users
        self._most_repointed = most_repointed
        self._owner = uuid4().hex
        self.task = BackgroundTask("laurels-jobs", self._turn)

    async def _turn(self) -> float:
        # A claim is a write: only made if there is something to claim.
        if any(job.is_open for job in await self._store.jobs.last(limit=_LOOKED_AT)):
            await self.work()
        return INTERVAL

    async def work(self, job_id: str | None = None, *, on_page: Callable[[Job], object] = lambda _: None) -> Job | None:
        """Run the oldest job that no process works on, or the one with the given id, to its end. Returns its final
        state; None if there is none. Raises StoreError: a later turn, or another process, then continues."""
        now = self._clock()
        job = await self._store.jobs.claim(self._owner, now=now, until=now + LEASE_MS, job_id=job_id)
        if job is None:
            return None
        try:
            return await self._carry_out(job, on_page)
        except StoreError:
            raise
        except Exception:
            logger.exception("the job %s failed", job.id)
            error = "Laurels could not go on because of a fault of its own; the log of the process has the cause."
            return await self._end(await self._store.jobs.get(job.id) or job, "failed", error)

    async def _carry_out(self, job: Job, on_page: Callable[[Job], object]) -> Job | None:
        # The process before may have been cut off within the page that comes next.
        is_repeated = job.state == "running"
        if job.state == "waiting":
            # Until then another process may decide by the earlier rules, and its decisions for finished learners would
            # be missed.
            await asyncio.sleep(self._follower.everywhere_after)
            job = replace(job, state="running", started_at=self._clock())
            if not await self._save(job):
                return None
        await self._follower.look()
        backfill = Backfill(
            self._store,
            self._rulebook.view(),
            self._recorder,
            notify=job.notify,
            repoint=job.repoint,
            caller=job.created_by,
            most_repointed=self._most_repointed,
        )
        while users := await self._store.ledger.users(after=job.after, limit=self._users):
            if self._follower.version != job.version:
                return await self._end(job, "replaced")
            done = await backfill.of(users)
            if is_repeated:
                await self._count_made(users, job, done)
                is_repeated = False
            job = replace(
                job,
                after=users[-1],
                learners=job.learners + done.learners,
                events=job.events + done.events,
                repointed=job.repointed + done.repointed,
                awards=dict(sorted((done.awards + Counter(job.awards)).items())),
            )
            if not await self._save(job):
                return None
            on_page(job)
        return await self._end(job, "done")

    async def _count_made(self, users: Sequence[str], job: Job, done: Backfilled) -> None:
        """Put into `done` what the ledgers of these users hold of a job, whichever process made it."""
        done.awards, repointed = Counter[str](), set[str]()
        async for user_id, first in first_entries(self._store, users):
            async for entry in entries_of(self._store, user_id, first):
                body = entry.body
                if entry.recorded_at < (job.started_at or 0) or not isinstance(body, BadgesGiven | Repointed):
                    continue
                if isinstance(body, Repointed):
                    repointed.add(user_id)
                elif body.cause == "backfill":
                    done.awards.update(badge_and_period(award.badge_id)[0] for award in body.awards)
        done.repointed = len(repointed)

    async def _end(self, job: Job, state: JobState, error: str | None = None) -> Job | None:
        job = replace(job, state=state, error=error, finished_at=self._clock())
        return job if await self._save(job) else None

    async def _save(self, job: Job) -> bool:
        is_ours = await self._store.jobs.save(job, self._owner, until=self._clock() + LEASE_MS)
        if not is_ours:
            logger.warning("another process goes on with the job %s", job.id)
        return is_ours
