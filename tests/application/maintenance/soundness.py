"""That a ledger and all that is made of it agree."""

from __future__ import annotations

from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.queries.learners.history import history
from laurels.application.service import Service


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
    assert await store.snapshots.projected(users) == before
    for user_id in users:
        progress = await processes[-1].learners.progress(user_id)
        lines = [line async for line in history(store, rules, user_id, progress.seq)]
        assert sum(line.points + sum(award.points for award in line.awards) for line in lines) == progress.total_points
