"""The contract of `laurels.application.ports.store.Store`, as tests that every store must pass.

A store's own test file subclasses each class and provides one fixture, `open_store`, of type `OpenStore`:

    class TestLedger(LedgerContract): ...
    class TestProjections(ProjectionContract): ...
    class TestBoards(BoardContract): ...
    class TestCounts(CountContract): ...
    class TestHandles(HandleContract): ...
    class TestWatching(WatchContract): ...
    class TestCallers(CallerContract): ...
    class TestDeletion(DeletionContract): ...
    class TestWebhooks(WebhookContract): ...

Each test starts on an empty database. Handles that a test leaves open are the fixture's to close. No test
asks which store it runs on, and none looks behind the port.
"""

from laurels.testing.board_contract import BoardContract
from laurels.testing.caller_contract import CallerContract
from laurels.testing.count_contract import CountContract
from laurels.testing.deletion_contract import DeletionContract
from laurels.testing.handle_contract import HandleContract
from laurels.testing.handles import AWKWARD_IDS, OpenStore
from laurels.testing.ledger_contract import LedgerContract
from laurels.testing.projection_contract import ProjectionContract
from laurels.testing.watch_contract import WatchContract
from laurels.testing.webhook_contract import WebhookContract

__all__ = [
    "AWKWARD_IDS",
    "BoardContract",
    "CallerContract",
    "CountContract",
    "DeletionContract",
    "HandleContract",
    "LedgerContract",
    "OpenStore",
    "ProjectionContract",
    "WatchContract",
    "WebhookContract",
]
