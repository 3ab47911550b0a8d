"""Draws the first learner of the board as the pages would, into files."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from laurels.bootstrap import open_service
from laurels.settings import read_settings
from laurels.web.drawing import Pen
from laurels.web.locale import language


async def draw(folder: Path) -> None:
    async with open_service(settings=read_settings()) as service:
        board = await service.leaderboards.page(limit=1)
        user_id = board.leaderboard[0].user_id
        dashboard = await service.learners.dashboard(user_id)
        activity = await service.learners.activity(user_id)
        badges = await service.learners.badges(user_id)
        pen, today = Pen(language("en"), "light"), datetime.now(UTC).date()
        pictures = {
            "card": pen.card(dashboard, badges, dashboard.user.display_name or ""),
            "heatmap": pen.year(activity, today),
            "streak": pen.streak(dashboard, activity, today),
        }
        for name, picture in pictures.items():
            (folder / f"{name}.svg").write_text(picture, "utf-8")


asyncio.run(draw(Path(sys.argv[1])))
