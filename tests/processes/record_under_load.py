"""A process that records as fast as it can, and prints each event that was acknowledged.

    record_under_load.py STORE_URL FIRST LAST CALLERS USERS

Each of CALLERS concurrent callers records the events numbered FIRST to LAST (0: for ever); caller c names its
n-th event `c<c>-<n>`, for one of USERS users. What is numbered below what a process before got to is thus a
retry. Each acknowledged event is one line, `USER EVENT_ID`, written out before the next is recorded.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count, islice

from laurels import LearningEvent
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.errors import LaurelsError

KINDS = ("code_run", "ai_debug", "session_join", "challenge_complete", "visualize")
LANGUAGES = ("python", "rust", "go", "c", "sql", "java")


def event_of(caller: int, number: int, users: int) -> LearningEvent:
    """The caller's event of that number: the same whenever it is asked for."""
    return LearningEvent(
        user_id=f"user{(caller + number) % users}",
        event_type=KINDS[number % len(KINDS)],
        event_id=f"c{caller}-{number}",
        metadata={"language": LANGUAGES[(caller * 7 + number) % len(LANGUAGES)], "codeLength": number % 700},
    )


def acknowledge(recorded: RecordedEntry | LaurelsError) -> None:
    """Say so in one write, which a kill cannot cut in two."""
    if isinstance(recorded, LaurelsError):
        raise recorded
    os.write(sys.stdout.fileno(), f"{recorded.entry.user_id} {recorded.entry.event_id}\n".encode())


async def call(laurels: Service, caller: int, first: int, last: int, users: int) -> None:
    """Record one by one, and every tenth time a handful at once."""
    numbers = iter(range(first, last + 1) if last else count(first))
    for number in numbers:
        batch = [event_of(caller, number, users)]
        if number % 10 == 0:
            batch += [event_of(caller, following, users) for following in islice(numbers, 4)]
        for recorded in await laurels.record_many(batch):
            acknowledge(recorded)


async def main(url: str, first: int, last: int, callers: int, users: int) -> None:
    async with open_service(url, projection_interval=0.02) as laurels, asyncio.TaskGroup() as group:
        for caller in range(callers):
            group.create_task(call(laurels, caller, first, last, users))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *(int(argument) for argument in sys.argv[2:6])))
