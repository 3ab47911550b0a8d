"""Taking over what another system recorded, through the same committer as everything else.

Events come first, a user's own entry after all of theirs; both may be handed in again and are written once.
"""

from __future__ import annotations

from collections.abc import Sequence

from laurels.application.recording.commands import (
    Command,
    Differing,
    GivenEvent,
    GivenUser,
    Group,
    Migrated,
    MigrateEvent,
    MigrateUser,
    Recorded,
)
from laurels.application.recording.recorder import Recorder
from laurels.domain.events import check_event, check_id
from laurels.errors import LaurelsError


async def migrate_events(recorder: Recorder, given: Sequence[GivenEvent]) -> list[Recorded | Differing | LaurelsError]:
    """Record events with their dates and points, in order; one result each.

    As `Recorder.record_many` gives them, but for Differing: what stands under the id of an event that has changed.
    """
    group = Group(len(given))
    now = recorder.clock()
    commands: list[Command] = []
    for index, one in enumerate(given):
        try:
            at = check_event(one.event, recorder.rulebook.event_types, now=now, earliest=0)
        except LaurelsError as error:
            group.settle(index, error)
        else:
            commands.append(MigrateEvent(one, at, group, index))
    await recorder.carry_out(group, commands)
    return group.results  # pyright: ignore[reportReturnType]  every slot holds the result of an event


async def migrate_users(recorder: Recorder, given: Sequence[GivenUser]) -> list[Migrated | LaurelsError]:
    """Take users over after their events; one result each."""
    group = Group(len(given))
    commands: list[Command] = []
    for index, one in enumerate(given):
        try:
            check_id(one.user_id, "userId")
        except LaurelsError as error:
            group.settle(index, error)
        else:
            commands.append(MigrateUser(one, group, index))
    await recorder.carry_out(group, commands)
    return group.results  # pyright: ignore[reportReturnType]  every slot holds the result of a migration
