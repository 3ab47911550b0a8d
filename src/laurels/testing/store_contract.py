"""The contract of `laurels.application.ports.store.Store`, as tests that every store must pass.

A store's own test file subclasses each class and provides one fixture, `open_store`, of type `OpenStore`:

    class TestLedger(LedgerContract): ...
    class TestSnapshots(SnapshotContract): ...
    class TestBoards(BoardContract): ...
    class TestCounts(CountContract): ...
    class TestHandles(HandleContract): ...
    class TestWatching(WatchContract): ...
    class TestKeys(KeyContract): ...
    class TestRulebooks(RulebookContract): ...
    class TestJobs(JobContract): ...
    class TestImports(ImportContract): ...
    class TestLimits(LimitContract): ...
    class TestSecrets(SecretContract): ...
    class TestTombstones(TombstoneContract): ...
    class TestWebhooks(WebhookContract): ...

Each test starts on an empty database. The fixture closes the handles that a test leaves open. No test asks which store
it runs on, and none looks behind the port.
"""

from laurels.testing.contracts.boards import BoardContract
from laurels.testing.contracts.counts import CountContract
from laurels.testing.contracts.handles import HandleContract
from laurels.testing.contracts.imports import ImportContract
from laurels.testing.contracts.jobs import JobContract
from laurels.testing.contracts.keys import KeyContract
from laurels.testing.contracts.ledger import LedgerContract
from laurels.testing.contracts.limits import LimitContract
from laurels.testing.contracts.rulebook import RulebookContract
from laurels.testing.contracts.secrets import SecretContract
from laurels.testing.contracts.snapshots import SnapshotContract
from laurels.testing.contracts.tombstones import TombstoneContract
from laurels.testing.contracts.watching import WatchContract
from laurels.testing.contracts.webhooks import WebhookContract
from laurels.testing.handles import AWKWARD_IDS, OpenStore

__all__ = [
    "AWKWARD_IDS",
    "BoardContract",
    "CountContract",
    "HandleContract",
    "ImportContract",
    "JobContract",
    "KeyContract",
    "LedgerContract",
    "LimitContract",
    "OpenStore",
    "RulebookContract",
    "SecretContract",
    "SnapshotContract",
    "TombstoneContract",
    "WatchContract",
    "WebhookContract",
]
