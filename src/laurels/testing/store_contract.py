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
    class TestLimits(LimitContract): ...
    class TestSecrets(SecretContract): ...
    class TestTombstones(TombstoneContract): ...
    class TestWebhooks(WebhookContract): ...

Each test starts on an empty database. Handles that a test leaves open are the fixture's to close. No test
asks which store it runs on, and none looks behind the port.
"""

from laurels.testing.board_contract import BoardContract
from laurels.testing.count_contract import CountContract
from laurels.testing.handle_contract import HandleContract
from laurels.testing.handles import AWKWARD_IDS, OpenStore
from laurels.testing.job_contract import JobContract
from laurels.testing.key_contract import KeyContract
from laurels.testing.ledger_contract import LedgerContract
from laurels.testing.limit_contract import LimitContract
from laurels.testing.rulebook_contract import RulebookContract
from laurels.testing.secret_contract import SecretContract
from laurels.testing.snapshot_contract import SnapshotContract
from laurels.testing.tombstone_contract import TombstoneContract
from laurels.testing.watch_contract import WatchContract
from laurels.testing.webhook_contract import WebhookContract

__all__ = [
    "AWKWARD_IDS",
    "BoardContract",
    "CountContract",
    "HandleContract",
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
