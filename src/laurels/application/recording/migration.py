"""Taking over what another system recorded, through the same committer as everything else.

Events come first, a user's own entry after all of theirs; both may be handed in again and are written once.
"""

from __future__ import annotations

from collections.abc import Sequence

from laurels.application.recording.commands import (
    Adopted,
    AdoptEvent,
    AdoptUser,
    Command,
    Differing,
    GivenEvent,
    GivenUser,
    Group,
    Recorded,
)
from laurels.application.service import Service
from laurels.domain.events import check_event, check_id
from laurels.errors import LaurelsError


async def adopt_events(service: Service, given: Sequence[GivenEvent]) -> list[Recorded | Differing | LaurelsError]:
    """Record events with their dates and points, in order; one result each.

    As `Recorder.record_many` gives them, but for Differing: what stands under the id of an event that has changed.
    """
    group = Group(len(given))
    now = service.clock()
    commands: list[Command] = []
    for index, one in enumerate(given):
        try:
            at = check_event(one.event, service.rulebook.event_types, now=now, earliest=0)
        except LaurelsError as error:
            group.settle(index, error)
        else:
            commands.append(AdoptEvent(one, at, group, index))
    await service.recorder.carry_out(group, commands)
    return group.results  # pyright: ignore[reportReturnType]  every slot holds the result of an event


async def adopt_users(service: Service, given: Sequence[GivenUser]) -> list[Adopted | LaurelsError]:
    """Take users over after their events; one result each."""
    group = Group(len(given))
    commands: list[Command] = []
    for index, one in enumerate(given):
        try:
            check_id(one.user_id, "userId")
        except LaurelsError as error:
            group.settle(index, error)
        else:
            commands.append(AdoptUser(one, group, index))
    await service.recorder.carry_out(group, commands)
    return group.results  # pyright: ignore[reportReturnType]  every slot holds the result of an adoption
