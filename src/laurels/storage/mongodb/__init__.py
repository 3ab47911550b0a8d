"""The ledger in a MongoDB database."""

from laurels.storage.mongodb.store import MongoStore

__all__ = ["MongoStore"]
