"""Repairs of streaks: a missed day that a learner pays for with points, within the rulebook's limits.

The command that writes the entry decides whether a day may be repaired, by `domain/rules/streak_repairs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from laurels.application.maintenance.corrections import check_reason
from laurels.application.recording.recorder import Recorder
from laurels.application.recording.repair_command import Repaired, RepairStreak
from laurels.domain.events import check_id
from laurels.errors import InvalidInput, LaurelsError
from laurels.validation import FieldFault, faults_of


class Repairs:
    """Makes repairs through one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def repair(
        self, user_id: str, day: date, *, reason: str | None = None, caller: str | None = None
    ) -> Repaired:
        """Repair a day that a learner missed, or its week if the rulebook counts weeks. A repeated request changes
        nothing and returns the existing repair. `caller` names the requester, if known.

        Raises InvalidInput, UnknownUser, RepairRefused, UserDeleted, UserMerged or StoreError.
        """
        if faults := repair_faults({"userId": user_id, "reason": reason}):
            raise InvalidInput.of(faults)
        command = RepairStreak(user_id, day.toordinal(), reason=reason, caller=caller)
        [result] = await self._recorder.carry_out([command])
        if isinstance(result, LaurelsError):
            raise result
        return result


def repair_faults(values: Mapping[str, Any]) -> list[FieldFault]:
    """The faults of a request, by wire name."""
    user_id, reason = values.get("userId"), values.get("reason")
    return faults_of(
        *([] if user_id is None else [partial(check_id, user_id, "userId", InvalidInput)]),
        *([] if reason is None else [partial(check_reason, reason)]),
    )
