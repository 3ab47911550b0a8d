"""Commands that merge one user into another: each writes an entry at the end of one of the two ledgers.

`maintenance/merging.py` has their order, `domain/revisions/merging.py` the contents of each entry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from msgspec.structs import replace

from laurels.application.recording.commands import AmendLedger, EventCommand, RecordedEntry, next_entry
from laurels.domain.events import LearningEvent
from laurels.domain.ledger.amounts import Amounts
from laurels.domain.ledger.entries import Award, Entry, EntryBody, Outcome
from laurels.domain.progress import Progress
from laurels.domain.revisions.merging import (
    Account,
    begin_merge,
    close_ledger,
    finish_merge,
    merge_event,
    merge_migration,
    withdraw_merge,
)
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import LaurelsError


class MergeEvent(EventCommand[RecordedEntry]):
    """Record an event of another user as one of this one. `offset` and `grace` determine its local day; for `points`,
    `currencies`, `rules` and `pays` see `merge_event`."""

    __slots__ = ("currencies", "grace", "offset", "pays", "points", "rules")

    def __init__(
        self,
        event: LearningEvent,
        at: int,
        *,
        offset: int,
        grace: int,
        points: int,
        currencies: Amounts,
        rules: str,
        pays: Mapping[str, Award],
    ) -> None:
        super().__init__(event, at, is_imported=True)
        self.offset = offset
        self.grace = grace
        self.points = points
        self.currencies = currencies
        self.rules = rules
        self.pays = pays

    def under(self, event_id: str) -> MergeEvent:
        """The same with another id."""
        return MergeEvent(
            replace(self.event, event_id=event_id),
            self.at,
            offset=self.offset,
            grace=self.grace,
            points=self.points,
            currencies=self.currencies,
            rules=self.rules,
            pays=self.pays,
        )

    def outcome(self, progress: Progress, rulebook: Rulebook) -> Outcome:
        return merge_event(
            progress,
            self.event,
            self.at,
            rulebook,
            offset=self.offset,
            grace=self.grace,
            points=self.points,
            currencies=self.currencies,
            rules=self.rules,
            pays=self.pays,
        )

    def result(self, entry: Entry | None, *, is_new: bool) -> RecordedEntry | LaurelsError:
        assert entry is not None  # noqa: S101  an event always has one
        return RecordedEntry(entry, is_replay=False) if is_new else self.repeat(entry)


class CloseLedger(AmendLedger):
    """Write the last entry of a user's ledger, if nothing was recorded for them since entry `seq`."""

    __slots__ = ("caller", "into", "reason", "seq")

    def __init__(self, user_id: str, seq: int, into: str, *, reason: str, caller: str | None) -> None:
        super().__init__(user_id, None)
        self.seq = seq
        self.into = into
        self.reason = reason
        self.caller = caller

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        if progress.seq != self.seq:
            return None
        body = close_ledger(progress, self.into, rulebook, reason=self.reason, caller=self.caller)
        return next_entry(progress, body, now)


class MergeStep(AmendLedger, ABC):
    """Write an entry of a merge into the user `into`, unless it is there already."""

    __slots__ = ("account", "caller", "reason")

    def __init__(self, into: str, account: Account, *, reason: str, caller: str | None) -> None:
        super().__init__(into, None)
        self.account = account
        self.reason = reason
        self.caller = caller

    def decide(self, progress: Progress, rulebook: Rulebook, now: int) -> Entry | None:
        body = self.body(progress, rulebook)
        return None if body is None else next_entry(progress, body, now)

    @abstractmethod
    def body(self, progress: Progress, rulebook: Rulebook) -> EntryBody | None:
        """The body to write; this advances the progress."""


class BeginMerge(MergeStep):
    """Announce a merge, with the state that holds before its first event."""

    __slots__ = ()

    def body(self, progress: Progress, rulebook: Rulebook) -> EntryBody | None:
        return begin_merge(progress, self.account, rulebook, reason=self.reason, caller=self.caller)


class WithdrawMerge(MergeStep):
    """Record that an announced merge will not take place."""

    __slots__ = ()

    def body(self, progress: Progress, rulebook: Rulebook) -> EntryBody | None:
        return withdraw_merge(progress, self.account.user_id, rulebook, reason=self.reason, caller=self.caller)


class MergeMigration(MergeStep):
    """Take over the stored data of another system about the merged user, under its `origin`."""

    __slots__ = ("origin",)

    def __init__(self, into: str, account: Account, origin: str, *, reason: str, caller: str | None) -> None:
        super().__init__(into, account, reason=reason, caller=caller)
        self.origin = origin

    def body(self, progress: Progress, rulebook: Rulebook) -> EntryBody | None:
        if self.origin in progress.migrated:
            return None
        return merge_migration(progress, self.account, self.origin, rulebook)


class FinishMerge(MergeStep):
    """Record that everything was moved, with the badges that no event brought."""

    __slots__ = ()

    def body(self, progress: Progress, rulebook: Rulebook) -> EntryBody | None:
        return finish_merge(progress, self.account, rulebook, reason=self.reason, caller=self.caller)
