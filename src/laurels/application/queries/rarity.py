"""How rare badges are: the share of the learners who hold each badge.

Learners with an event are counted, unless they test, or are suspended or deleted. A learner who hides from the boards
is counted, too: a share of many learners names nobody. Of a badge that is earned between two days those learners are
counted who were active on one of them. Both rules are in `recording/projecting/standings.py` (`card_of`); each store
adds up the cards.
"""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache
from time import monotonic

from msgspec import Struct

from laurels.application.ports.boards import Holders
from laurels.application.ports.store import Store
from laurels.application.queries.views import Rarity
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError

# The minimum number of seconds for which a count is shown.
INTERVAL = 10.0
# A count is shown this many times longer than counting took: with millions of users the database has other work.
_LEISURE = 20
# Seconds that a reader waits for the first count.
_PATIENCE = 0.5

logger = logging.getLogger(__name__)


class Shares(Struct, frozen=True):
    """What is known of all badges at a time: nothing where none was counted yet. `windowed`: the badges that are earned
    between two days. Of fewer than `minimum` learners who could have earned a badge nothing is told."""

    counted: Holders | None = None
    windowed: frozenset[str] = frozenset()
    minimum: int = 1

    def of(self, badge_id: str) -> Rarity | None:
        """How many learners hold a badge; None if unknown."""
        if self.counted is None:
            return None
        among = self.counted.eligible.get(badge_id, 0) if badge_id in self.windowed else self.counted.users
        if among < max(self.minimum, 1):
            return None
        count = self.counted.badges.get(badge_id, 0)
        return _held(count, among)


# Of each badge on each page, and the same until the holders are counted again.
@lru_cache(maxsize=4_096)
def _held(count: int, among: int) -> Rarity:
    return Rarity(count, round(count / among, 4))


NOTHING_KNOWN = Shares()


class RarityReader:
    """Counts on demand, but not more often than is good for the store. `minimum`: the number of learners from which
    shares are meaningful and identify nobody. `interval`: see `INTERVAL`."""

    def __init__(self, store: Store, rulebook: Rulebook, *, minimum: int, interval: float = INTERVAL) -> None:
        self._store = store
        self._rulebook = rulebook
        self._interval = interval
        self._minimum = minimum
        self.known = NOTHING_KNOWN
        self._due = 0.0
        self.counting: asyncio.Task[None] | None = None

    async def shares(self) -> Shares:
        """The known shares. The first reader waits briefly for them; no reader waits for newer ones."""
        if self.counting is None and monotonic() >= self._due:
            self.counting = asyncio.create_task(self._count(), name="laurels-rarity")
            if not self._due:
                await asyncio.wait({self.counting}, timeout=_PATIENCE)
        return self.known

    async def _count(self) -> None:
        began = monotonic()
        try:
            counted = await self._store.boards.holders()
            known = counted if counted.users >= self._minimum else None
            shares = Shares(known, frozenset(self._rulebook.windows), self._minimum)
            if shares != self.known:
                # The same object while the values are the same, so that results cached with it stay valid.
                self.known = shares
        except StoreError:
            # The earlier shares are still nearly right.
            pass
        except Exception:
            logger.exception("the holders of badges cannot be counted")
        now = monotonic()
        self._due = now + max(self._interval, _LEISURE * (now - began))
        self.counting = None

    async def close(self) -> None:
        """Stop counting."""
        if self.counting is not None:
            self.counting.cancel()
            await asyncio.wait({self.counting})
