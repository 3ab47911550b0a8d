"""What is learned, and that a ledger and all that is made of it agree."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from laurels import LearningEvent
from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.queries.learners.history import history
from laurels.application.service import Service


async def learn(laurels: Service, user_id: str, *days: int) -> None:
    """Record an event of the user at noon of each of some days of March 2026."""
    for day in days:
        at = datetime(2026, 3, day, 12, tzinfo=UTC)
        event = LearningEvent(user_id=user_id, event_type="talk", event_id=f"{user_id}-{day}", timestamp=at)
        await laurels.record_event(event)


async def assert_sound(*processes: Service) -> None:
    """Assert that the ledger proves itself, as projected and after it is projected anew; and that histories add up."""
    store, rules = processes[0].store, processes[0].rulebook
    for each in processes:
        await each.projector.flush()
    found = await verify(store, rules)
    assert (found.differences, found.behind) == ([], 0)
    users = await store.ledger.users(after="", limit=100)
    before = await store.snapshots.projected(users)
    await rebuild(store, rules)
    after = await store.snapshots.projected(users)
    for user_id, was in before.items():
        if was.progress is not None and was.progress.version != rules.measures_version:
            # Projected before the rules changed, and nothing was recorded since: such a snapshot is made again once it
            # is needed.
            before[user_id] = replace(was, progress=after[user_id].progress)
    assert after == before
    for user_id in users:
        progress = await processes[-1].learners.progress(user_id)
        lines = [line async for line in history(store, rules, user_id, progress.seq)]
        assert sum(line.points + sum(award.points for award in line.awards) for line in lines) == progress.total_points
