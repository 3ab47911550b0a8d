"""Merges two users who are one person: the ledger of one is closed, and its events and points move to the other's.

The order makes it safe to interrupt and to repeat. The merge is announced in the target ledger. The source ledger is
closed at the entry up to which it was read, so that nothing can be added after that. Its events are recorded in the
target, each under its id. The last entry says that everything was moved. Existing entries are recognised by their
content.

`domain/revisions/merging.py` decides which events move, and with how many points; the commands that write the entries
are in `recording/merge_commands.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from laurels.application.ports.store import Store
from laurels.application.recording.commands import AmendLedger
from laurels.application.recording.committer import ATTEMPTS
from laurels.application.recording.merge_commands import (
    BeginMerge,
    CloseLedger,
    FinishMerge,
    MergeEvent,
    MergeMigration,
    MergeStep,
    WithdrawMerge,
)
from laurels.application.recording.recorder import Recorder
from laurels.application.recording.refolding import ledger_of
from laurels.domain.boards.ranking import Visibility
from laurels.domain.events import LearningEvent, check_id
from laurels.domain.ledger.entries import Award, Entry, EventRecorded
from laurels.domain.ledger.reasons import check_reason
from laurels.domain.periods import to_datetime
from laurels.domain.revisions.merging import Account, other_id
from laurels.errors import (
    EventConflict,
    InvalidInput,
    LaurelsError,
    StoreContended,
    UnknownUser,
    UserDeleted,
    UserMerged,
)
from laurels.validation import faults_of

# Entries that are moved together.
PAGE = 500


class Merged(Struct, frozen=True):
    """A finished merge: the number of events that counted under the first user, and how many of them got a different
    id. `visibility` is the first user's on boards before the merge. `is_replay`: it was finished before, and nothing
    was changed."""

    events: int
    renamed: int
    visibility: Visibility
    is_replay: bool


class Merging:
    """Merges users through one recorder, `page` entries at a time. `caller` names the requester, if known."""

    def __init__(self, store: Store, recorder: Recorder, *, page: int = PAGE) -> None:
        self._store = store
        self._recorder = recorder
        self._page = page

    async def merge(self, source: str, into: str, *, reason: str, caller: str | None = None) -> Merged:
        """Make everything that counts under `source` count under `into`, and close `source` for good.

        May be repeated: it then finishes the rest. Raises InvalidInput, UnknownUser, UserDeleted, UserMerged (if one of
        them was merged into a different user) or StoreError.
        """
        faults = faults_of(
            lambda: check_id(source, "from", InvalidInput),
            lambda: check_id(into, "into", InvalidInput),
            lambda: check_reason(reason),
        )
        if faults:
            raise InvalidInput.of(faults)
        if source == into:
            raise InvalidInput("into", "Must be another user than the one who is merged.")
        target = await account_of(self._store, into)
        if target.closing is not None:
            raise UserMerged(into, target.closing.into)
        merge = _Merge(self._store, self._recorder, into, page=self._page, reason=reason, caller=caller)
        try:
            account = await account_of(self._store, source)
            _require_destination(account, into)
        except (UserDeleted, UserMerged):
            if source in target.merging:
                await merge.withdraw(source)
            raise
        if source in target.merged:
            return Merged(account.events, 0, account.visibility, is_replay=True)
        if account.closing is None:
            account = await merge.close(account)
        try:
            return await merge.move(account)
        except UserDeleted:
            raise UserDeleted(
                f"The user {into} was deleted while {source} was merged into it. Delete {source} as well: "
                f"laurels users delete {source} --yes."
            ) from None


class _Merge:
    """One merge while it runs."""

    def __init__(
        self, store: Store, recorder: Recorder, into: str, *, page: int = PAGE, reason: str, caller: str | None
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._into = into
        self._page = page
        self._reason = reason
        self._caller = caller

    async def close(self, account: Account) -> Account:
        """Close a ledger. Returns its state at that time.

        A user whom somebody is being merged into stays open until that is done. Since each merge is announced before it
        closes anything, no two of them can close each other's destination.
        """
        source = account.user_id
        for _ in range(ATTEMPTS):
            _require_no_merge_into(account)
            await self._write(self._step(BeginMerge, account))
            announced, account = account, await account_of(self._store, source)
            try:
                if account.closing is not None:
                    _require_destination(account, self._into)
                    return account
                _require_no_merge_into(account)
                if account.seq == announced.seq and await self._write(
                    CloseLedger(source, account.seq, self._into, reason=self._reason, caller=self._caller)
                ):
                    return account
            except (InvalidInput, UserDeleted):
                await self.withdraw(source)
                raise
            except UserMerged as error:
                if error.into != self._into:
                    await self.withdraw(source)
                    raise
                # A simultaneous request for the same merge was faster.
                return await account_of(self._store, source)
        raise StoreContended("Other writers kept recording for this user at the same moment; try again.")

    async def withdraw(self, source: str) -> None:
        """Record that an announced merge will not take place."""
        await self._write(self._step(WithdrawMerge, Account(source)))

    async def move(self, account: Account) -> Merged:
        """Record the events of a closed ledger in the target."""
        pays = account.awards
        renamed = 0
        page: list[MergeEvent] = []
        async for entry in ledger_of(self._store, account.user_id, account.seq):
            if isinstance(entry.body, EventRecorded) and account.counts(entry):
                page.append(self._event(account, entry, entry.body, pays))
            if len(page) == self._page:
                renamed += await self._record(account, page)
                page = []
        renamed += await self._record(account, page)
        for origin in account.migrated:
            await self._write(MergeMigration(self._into, account, origin, reason=self._reason, caller=self._caller))
        is_new = await self._write(self._step(FinishMerge, account))
        return Merged(account.events, renamed, account.visibility, is_replay=not is_new)

    def _event(self, account: Account, entry: Entry, body: EventRecorded, pays: Mapping[str, Award]) -> MergeEvent:
        event = LearningEvent(
            user_id=self._into,
            event_type=body.event_type,
            metadata=body.metadata,
            event_id=entry.event_id,
            timestamp=to_datetime(body.at),
            once_key=body.once_key,
        )
        points, currencies, rules = account.kept(entry.seq, body)
        day = {"offset": body.outcome.offset, "grace": body.outcome.grace}
        return MergeEvent(event, body.at, **day, points=points, currencies=currencies, rules=rules, pays=pays)

    async def _record(self, account: Account, page: Sequence[MergeEvent]) -> int:
        """Record events. Returns how many of them got a different id because theirs belongs to another event."""
        again: list[MergeEvent] = []
        for command, result in zip(page, await self._recorder.carry_out(page), strict=True):
            if isinstance(result, EventConflict):
                again.append(command.under(other_id(account.user_id, command.event_id)))
            elif isinstance(result, LaurelsError):
                raise result
        for result in await self._recorder.carry_out(again):
            if isinstance(result, LaurelsError):
                raise result
        return len(again)

    def _step(self, kind: type[MergeStep], account: Account) -> MergeStep:
        return kind(self._into, account, reason=self._reason, caller=self._caller)

    async def _write(self, command: AmendLedger) -> bool:
        [result] = await self._recorder.carry_out([command])
        if isinstance(result, LaurelsError):
            raise result
        return result


async def account_of(store: Store, user_id: str) -> Account:
    """The part of a user's ledger that matters to a merge. Raises UserDeleted, UnknownUser or StoreError."""
    if await store.tombstones.find((user_id,)):
        raise UserDeleted(f"The user {user_id} was deleted; nothing of them is there that can be merged.")
    account = await _read(store, user_id)
    if not account.seq:
        raise UnknownUser(user_id, f"No such user: nothing is recorded under the userId {user_id} yet.")
    return account


async def absorbed_by(store: Store, user_id: str) -> list[str]:
    """The users who were merged into this one and whose ledgers are closed for good. Raises StoreError."""
    account = await _read(store, user_id)
    found = [(each, await _read(store, each)) for each in (*account.merged, *account.merging)]
    return [each for each, other in found if other.closing is not None and other.closing.into == user_id]


async def left_of_merge(store: Store, source: str, into: str) -> str | None:
    """The unfinished part of a merge that has closed the ledger of `source`; None if it is finished."""
    if await store.tombstones.find((into,)):
        return f"was merged into the user {into!r}, who is deleted; delete them as well"
    if source not in (await _read(store, into)).merged:
        return f"the merge into the user {into!r} is not finished; ask for it again"
    return None


async def _read(store: Store, user_id: str) -> Account:
    account = Account(user_id)
    async for entry in ledger_of(store, user_id):
        account.see(entry)
    return account


def _require_destination(account: Account, into: str) -> None:
    if account.closing is not None and account.closing.into != into:
        raise UserMerged(account.user_id, account.closing.into)


def _require_no_merge_into(account: Account) -> None:
    if account.merging:
        other = account.merging[0]
        raise InvalidInput(
            "from",
            f"The merge of {other} into {account.user_id} is not finished; do that first: "
            f"laurels users merge {other} {account.user_id}.",
        )
