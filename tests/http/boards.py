"""Reading boards, which follow the ledger a moment later."""

from __future__ import annotations

import time
from typing import Any

import httpx2

URL = "/api/progress/leaderboard"
SOON = 30.0
# It has the form of a cursor, though nobody gave it out.
CURSOR = "A" * 235


def board(client: httpx2.Client, **query: Any) -> dict[str, Any]:
    response = client.get(URL, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def board_once(client: httpx2.Client, points: dict[str, int], **query: Any) -> dict[str, Any]:
    """The board as soon as it shows these points: it follows the ledger a moment later."""
    deadline = time.monotonic() + SOON
    while True:
        response = client.get(URL, params=query)
        # Not found: nobody of that name stands there yet to have a page around.
        rows = response.json()["leaderboard"] if response.status_code != 404 else []
        shown = {row["userId"]: row["points"] for row in rows}
        if points.items() <= shown.items():
            return response.json()
        assert time.monotonic() < deadline, (shown, points)
        time.sleep(0.02)
