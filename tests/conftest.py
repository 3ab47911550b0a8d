"""What all tests share: the option `--long`, a fresh database, and the real input where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The shipped suite is not named test_*: without this its bare asserts would not tell what they compared.
pytest.register_assert_rewrite("laurels.testing")

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="takes minutes; runs with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a fresh SQLite database may be made; there is no file yet."""
    return tmp_path / "laurels.db"


@pytest.fixture
def store_url(database: Path) -> str:
    """The store URL of `database`."""
    return f"sqlite:///{database}"


@pytest.fixture(scope="session")
def git_activity() -> Path:
    """17,666 real learning events as gzipped NDJSON, oldest first. They are not part of the project."""
    path = ROOT.parent / "shared" / "data" / "git-activity.ndjson.gz"
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"the real input is missing at {path}")
        pytest.skip(f"the real input is not at {path}")
    return path


@pytest.fixture(scope="session")
def processes() -> Path:
    """The folder of the programs that tests start as processes of their own."""
    return ROOT / "tests" / "processes"
