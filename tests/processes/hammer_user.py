"""A process that records for one user as fast as it can, until it is told that they were deleted.

    hammer_user.py STORE_URL USER NAME

Prints a line for each event that was acknowledged, and `deleted` when it was refused so. It has only ended in order,
with its projections written, when it ends with 0.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count

from laurels.bootstrap import open_service
from laurels.errors import UserDeleted


async def main(url: str, user_id: str, name: str) -> None:
    async with open_service(url, projection_interval=0.02) as laurels:
        for number in count(1):
            try:
                await laurels.record(user_id, "code_run", event_id=f"{name}-{number}")
            except UserDeleted:
                os.write(sys.stdout.fileno(), b"deleted\n")
                return
            os.write(sys.stdout.fileno(), b"recorded\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
