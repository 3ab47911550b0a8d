"""Jobs in SQL, each as JSON."""

from __future__ import annotations

import apsw
import msgspec

from laurels.application.ports.jobs import Job
from laurels.storage.sqlite.connection import rows, transaction
from laurels.storage.sqlite.database import Concern, reading, writing

_decode = msgspec.json.Decoder(Job).decode


class SQLiteJobs(Concern):
    """See `JobStore`."""

    @writing
    def add(self, connection: apsw.Connection, job: Job) -> None:
        with transaction(connection, "IMMEDIATE"):
            rows(connection, "INSERT INTO jobs (id, is_open, body) VALUES (?, ?, ?)", (job.id, job.is_open, _text(job)))

    @reading
    def get(self, connection: apsw.Connection, job_id: str) -> Job | None:
        found = rows(connection, "SELECT body FROM jobs WHERE id = ?", (job_id,))
        return _decode(found[0][0]) if found else None

    @reading
    def last(self, connection: apsw.Connection, *, limit: int) -> list[Job]:
        return [
            _decode(body)
            for (body,) in rows(connection, "SELECT body FROM jobs ORDER BY number DESC LIMIT ?", (limit,))
        ]

    @writing
    def claim(
        self, connection: apsw.Connection, owner: str, *, now: int, until: int, job_id: str | None = None
    ) -> Job | None:
        with transaction(connection, "IMMEDIATE"):
            found = rows(
                connection,
                """SELECT number, body FROM jobs
                WHERE is_open AND (until <= ?1 OR owner = ?3) AND (?2 IS NULL OR id = ?2)
                ORDER BY number LIMIT 1""",
                (now, job_id, owner),
            )
            if not found:
                return None
            number, body = found[0]
            rows(connection, "UPDATE jobs SET owner = ?, until = ? WHERE number = ?", (owner, until, number))
        return _decode(body)

    @writing
    def save(self, connection: apsw.Connection, job: Job, owner: str, *, until: int) -> bool:
        with transaction(connection, "IMMEDIATE"):
            saved = rows(
                connection,
                "UPDATE jobs SET is_open = ?, until = ?, body = ? WHERE id = ? AND owner = ? AND is_open RETURNING 1",
                (job.is_open, until, _text(job), job.id, owner),
            )
        return bool(saved)


def _text(job: Job) -> str:
    return msgspec.json.encode(job).decode()
