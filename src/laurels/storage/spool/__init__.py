"""The spool: events that wait on the local disk for a store that is away."""

from laurels.storage.spool.journal import FileSpool

__all__ = ["FileSpool"]
