"""What all tests share: the option `--long`, fresh databases, and the real input where it is at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pymongo import MongoClient

from tests.mongod import Deployment, deploy

# The shipped suite is not named test_*: without this its bare asserts would not tell what they compared.
pytest.register_assert_rewrite("laurels.testing")

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes")


# What takes longest comes first, so that at the end no worker has it for itself.
LONGEST = (
    "clients",
    "cli/importing",
    "storage",
    "outage",
    "http/resilience",
    "benchmarks",
    "web",
    "http/streams",
    "cli",
)


def pytest_configure(config: pytest.Config) -> None:
    # An ordinary run tries a third of the examples: others each time, so that many runs try many. How long an example
    # takes says more of the machine than of the code.
    examples = 100 if config.getoption("--long") else 33
    hypothesis.settings.register_profile("laurels", deadline=None, max_examples=examples)
    hypothesis.settings.load_profile("laurels")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folders = [f"{ROOT}/tests/{folder}/" for folder in LONGEST]
    items.sort(key=lambda item: next((at for at, each in enumerate(folders) if str(item.path).startswith(each)), 99))
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


def _deployed(factory: pytest.TempPathFactory, members: int) -> Iterator[Deployment]:
    deployment = deploy(factory.mktemp("mongodb"), members=members)
    yield deployment
    deployment.end()


@pytest.fixture(scope="session")
def mongodb_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One server by itself."""
    yield from _deployed(tmp_path_factory, 0)


@pytest.fixture(scope="session")
def mongodb_one_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A replica set of one."""
    yield from _deployed(tmp_path_factory, 1)


@pytest.fixture(scope="module")
def mongodb_three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A replica set of three. Ended with the module: its members talk to each other, and that takes time of others."""
    yield from _deployed(tmp_path_factory, 3)


@pytest.fixture(scope="session")
def mongodb_guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server that lets nobody in without a password, with a `writer` and a `reader` of the database `laurels`, and
    a user `narrow` of the database `narrow` who may do all but make indexes."""
    deployment = deploy(tmp_path_factory.mktemp("guarded"), "--auth", members=0)
    with deployment.client() as client:
        client.admin.command("createUser", "root", pwd="root", roles=["root"])
    with MongoClient[dict[str, Any]](deployment.url("admin", who="root:root")) as client:
        client.laurels.command("createUser", "writer", pwd="p@ss", roles=["readWrite"])
        client.laurels.command("createUser", "reader", pwd="p@ss", roles=["read"])
        actions = ["find", "insert", "update", "remove", "createCollection"]
        allowed = {"resource": {"db": "narrow", "collection": ""}, "actions": actions}
        client.narrow.command("createRole", "narrow", privileges=[allowed], roles=[])
        client.narrow.command("createUser", "narrow", pwd="p@ss", roles=["narrow"])
    yield deployment
    deployment.end()


@pytest.fixture
def mongodb_url(mongodb_alone: Deployment) -> str:
    """The store URL of a fresh database on a server by itself."""
    return mongodb_alone.url(mongodb_alone.fresh())


@pytest.fixture
def one_node_url(mongodb_one_node: Deployment) -> str:
    """The store URL of a fresh database on a replica set of one."""
    return mongodb_one_node.url(mongodb_one_node.fresh())


@pytest.fixture
def three_nodes_url(mongodb_three_nodes: Deployment) -> str:
    """The store URL of a fresh database on a replica set of three."""
    return mongodb_three_nodes.url(mongodb_three_nodes.fresh())


@pytest.fixture(scope="session")
def deploy_mongodb() -> Callable[..., Deployment]:
    """`deploy`, for tests that break what they are given."""
    return deploy
