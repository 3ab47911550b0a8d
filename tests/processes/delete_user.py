"""A process that deletes a user and says when their tombstone stands, so that it can be killed in the middle.

delete_user.py STORE_URL USER
"""

from __future__ import annotations

import asyncio
import os
import sys

from laurels.bootstrap import open_store, system_clock


async def main(url: str, user_id: str) -> None:
    store = await open_store(url)
    await store.tombstones.mark_deleted(user_id, system_clock())
    os.write(sys.stdout.fileno(), b"deleted\n")
    await store.tombstones.purge([user_id])
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
