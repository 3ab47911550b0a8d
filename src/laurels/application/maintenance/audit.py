"""Goes through the ledger once and hands each event to the rules of `domain/audit.py`. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import heappush, heappushpop

from msgspec import Struct, field

from laurels.application.maintenance.ledger_scan import entries_of, first_entries, pages_of_users
from laurels.application.ports.store import Store
from laurels.domain.audit import Finding, PopulationAudit, UserAudit
from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.revisions.migration import RULES as MIGRATED


class Audit(Struct):
    """The results of an audit. `findings` are the highest scores, highest first; `found` counts all findings by
    rule."""

    users: int = 0
    events: int = 0
    found: Counter[str] = field(default_factory=Counter[str])
    findings: list[Finding] = field(default_factory=list[Finding])


async def audit(
    store: Store, *, since: int | None = None, limit: int = 1_000, on_users: Callable[[int], None] | None = None
) -> Audit:
    """Examine all events that were recorded at the instant `since` or later, and keep the `limit` highest findings.

    Events imported from another system are skipped: the time at which they were sent says nothing about anybody.
    """
    made = Audit()
    population = PopulationAudit()
    kept: list[tuple[int, int, Finding]] = []

    def keep(findings: Iterable[Finding]) -> None:
        for finding in findings:
            made.found[finding.rule] += 1
            # Among equal scores the first found stays.
            item = (finding.score, -made.found.total(), finding)
            if len(kept) < limit:
                heappush(kept, item)
            else:
                heappushpop(kept, item)

    async for users in pages_of_users(store):
        async for user_id, first in first_entries(store, users):
            user = UserAudit(user_id)
            async for entry in entries_of(store, user_id, first):
                body = entry.body
                if not isinstance(body, EventRecorded) or body.outcome.rules == MIGRATED:
                    continue
                if since is None or entry.recorded_at >= since:
                    user.see(body, entry.recorded_at)
                    made.events += 1
            keep(user.findings())
            population.take(user)
        made.users += len(users)
        if on_users is not None:
            on_users(made.users)
    keep(population.findings())
    made.findings = [finding for _score, _number, finding in sorted(kept, key=lambda item: item[:2], reverse=True)]
    return made
