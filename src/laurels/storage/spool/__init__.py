"""The spool: events that wait on the local disk for a store that is away."""

from laurels.storage.spool.file_spool import FileSpool

__all__ = ["FileSpool"]
