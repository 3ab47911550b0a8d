"""The library: `Laurels` for asynchronous code and `SyncLaurels` for synchronous code."""

from laurels.library.front import Laurels
from laurels.library.sync_front import SyncLaurels

__all__ = ["Laurels", "SyncLaurels"]
