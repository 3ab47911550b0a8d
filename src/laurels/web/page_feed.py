"""The feed of a learner's open page: notices of new entries, and of new badges.

A page may be public. The learner's own feed holds every event with its id and metadata, from any requested place in the
ledger; that is for keys and for the learner. A page reloads its contents itself, so a notice is enough.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from laurels.application.live.feeds import Feed
from laurels.application.live.messages import Message


class _Badge(Struct):
    name: str


class PageFeed:
    """Notices of the messages of `feed`, which begins at the present. A client that has seen the message with the id
    `last_id` does not get it again."""

    def __init__(self, feed: Feed, *, last_id: str | None) -> None:
        self._feed = feed
        self._last_id = last_id

    @property
    def is_ended(self) -> bool:
        """The state of the feed behind it."""
        return self._feed.is_ended

    async def take(self, within: float) -> list[Message]:
        """The next notices; see `Feed`. Messages about goals are left out, since others may watch a page."""
        taken = await self._feed.take(within)
        return [_notice(each) for each in taken if each.id != self._last_id and each.kind != "goal"]

    def close(self) -> None:
        """End the feed behind it."""
        self._feed.close()


def _notice(message: Message) -> Message:
    shown = msgspec.json.encode(msgspec.json.decode(message.data, type=_Badge)) if message.kind == "badge" else b"{}"
    return replace(message, data=shown)
