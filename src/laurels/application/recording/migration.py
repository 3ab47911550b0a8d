"""Takes over the records of another system, through the same committer as everything else.

Events come first, then the user's own entry. Both may be submitted again and are written once.
"""

from __future__ import annotations

from collections.abc import Sequence

from laurels.application.recording.commands import RecordedEntry
from laurels.application.recording.migration_commands import (
    GivenEvent,
    GivenUser,
    Migrated,
    MigrateEvent,
    MigrateUser,
    TotalsMismatch,
)
from laurels.application.recording.recorder import Recorder
from laurels.domain.events import check_event, check_id
from laurels.errors import LaurelsError


async def migrate_events(
    recorder: Recorder, given: Sequence[GivenEvent]
) -> list[RecordedEntry | TotalsMismatch | LaurelsError]:
    """Record events with their dates and points, in order; one result each.

    Results are those of `Recorder.record_many`, and Differing: the existing entry of an event whose content has
    changed.
    """
    now = recorder.clock()
    prepared: list[MigrateEvent | LaurelsError] = []
    for one in given:
        try:
            at = check_event(one.event, recorder.rulebook.event_types, now=now, earliest=0)
        except LaurelsError as error:
            prepared.append(error)
        else:
            prepared.append(MigrateEvent(one, at))
    return await recorder.carry_out(prepared)


async def migrate_users(recorder: Recorder, given: Sequence[GivenUser]) -> list[Migrated | LaurelsError]:
    """Take over users after their events; one result each."""
    prepared: list[MigrateUser | LaurelsError] = []
    for one in given:
        try:
            check_id(one.user_id, "userId")
        except LaurelsError as error:
            prepared.append(error)
        else:
            prepared.append(MigrateUser(one))
    return await recorder.carry_out(prepared)
