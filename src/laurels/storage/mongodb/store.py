"""`Store` on a MongoDB database: a standalone server, a replica set or a sharded cluster, with one protocol.

It needs no transactions, which a standalone server does not have; projections use them where they make writing cheaper.
"""

from __future__ import annotations

from laurels.storage.mongodb.connection import OLDEST_WIRE_VERSION, PATIENCE, Client, Session, connect, database_of
from laurels.storage.mongodb.imports import MongoImports
from laurels.storage.mongodb.jobs import MongoJobs
from laurels.storage.mongodb.keys import MongoKeys
from laurels.storage.mongodb.ledger import MongoLedger
from laurels.storage.mongodb.limits import MongoLimits
from laurels.storage.mongodb.projections.boards import MongoBoards
from laurels.storage.mongodb.projections.snapshots import MongoSnapshots
from laurels.storage.mongodb.projections.transactions import Transactions
from laurels.storage.mongodb.rulebook import MongoRulebook
from laurels.storage.mongodb.schema import LEASE, check_server, migrate
from laurels.storage.mongodb.secrets import MongoSecrets
from laurels.storage.mongodb.tombstones import DeletionCache, MongoTombstones
from laurels.storage.mongodb.webhooks import MongoWebhooks


class MongoStore:
    """The ledger and its projections in the database of `client`. Made by `open`; its opener closes it.

    Belongs to the event loop in which it was opened.
    """

    def __init__(self, client: Client, *, patience: float = PATIENCE) -> None:
        self._client = client
        self._patience = patience
        self._database = database = database_of(client)
        self._session = session = Session(client.options.timeout)
        deletions = DeletionCache(database)
        self.ledger = MongoLedger(database, session, deletions)
        self._transactions = transactions = Transactions(database)
        self.snapshots = MongoSnapshots(database, session, deletions, transactions)
        self.boards = MongoBoards(database, session, transactions)
        self.rulebook = MongoRulebook(database, session)
        self.jobs = MongoJobs(database, session)
        self.imports = MongoImports(database, session)
        self.keys = MongoKeys(database, session)
        self.limits = MongoLimits(database, session)
        self.secrets = MongoSecrets(database, session)
        self.tombstones = MongoTombstones(database, session)
        self.webhooks = MongoWebhooks(database, session)

    @classmethod
    async def open(cls, url: str, *, patience: float = PATIENCE, oldest: int = OLDEST_WIRE_VERSION) -> MongoStore:
        """Open the database in the URL; creates its collections or migrates them.

        Waits `patience` seconds for a server that does not answer. `oldest`: see `check_server`. Raises SettingsError
        for a URL that cannot be used, and StoreError.
        """
        store = cls(await connect(url), patience=patience)
        try:
            await store._session.run(lambda: check_server(store._database, oldest=oldest), within=patience)
            await store._session.run(lambda: migrate(store._database), within=3 * LEASE)
            await store.check()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def mark(self) -> object | None:
        return self.ledger.mark

    @property
    def is_remote(self) -> bool:
        return True

    async def check(self) -> None:
        async def write() -> None:
            # This needs the same as a commit: a majority of members that write to disk.
            await self._database["meta"].update_one({"_id": "check"}, {"$inc": {"times": 1}}, upsert=True)

        await self._session.run(write, within=self._patience)

    async def close(self) -> None:
        self.boards.counting.close()
        if await self._session.close():
            await self._transactions.close()
            await self._client.close()
