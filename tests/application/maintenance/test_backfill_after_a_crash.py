"""A backfill leaves nothing unprojected of what a process had recorded before it was killed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from laurels.application.maintenance.backfill import Backfill
from laurels.bootstrap import open_service
from laurels.domain.periods import Timeframe
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge
from laurels.testing.builders import small_rulebook

OLD = small_rulebook()
# Measured as the badge for three runs is, so that snapshots stay valid.
SECOND = msgspec.convert(
    msgspec.to_builtins(OLD.badges[1])
    | {"id": "second", "points": 1, "criterion": {"kind": "count", "event": "run", "target": 2}},
    Badge,
)
NEW = Rulebook(msgspec.structs.replace(OLD.data, badges=[*OLD.data.badges, SECOND]))


async def test_who_left_the_boards_then_stays_off_them(store_url: str) -> None:
    async with open_service(store_url, rulebook=NEW, projection_interval=3600) as living:
        # It looks for what others left behind when it starts, and then not for a while.
        await living.projector.catch_up(before=living.clock() + 1)
        async with open_service(store_url, rulebook=OLD, projection_interval=3600) as killed:
            earlier = datetime.now(UTC) - timedelta(days=3)
            for user, at in (("ada", earlier), ("ada", earlier), ("ada", None), ("bob", None)):
                await killed.record(user, "run", timestamp=at)
            await killed.projector.flush()
            await killed.recorder.change_profile("ada", {"visibility": "hidden"})
            # Without the projection of the last entry.
            killed.recorder.cache.forget(["ada"])
        done = await Backfill(living.store, living.rulebook, living.recorder).of(["ada", "bob"])
        assert done.awards == {"second": 1}
        await living.projector.catch_up(before=living.clock() + 1)
        page = await living.leaderboards.page(Timeframe.DAILY)
        assert [row.user_id for row in page.leaderboard] == ["bob"]
