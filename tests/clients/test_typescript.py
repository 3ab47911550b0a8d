"""The client for JavaScript: its types follow the service, and its own tests pass, in Node and in a browser, against
real servers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients" / "typescript"
# Seconds; it takes a tenth of that on a machine with nothing else to do.
LIMIT = 240


@pytest.fixture(scope="module")
def npm() -> str:
    """The path of npm. Without Node and the packages there is nothing to test, but CI must have both."""
    found = shutil.which("npm")
    if os.environ.get("CI"):
        assert found is not None, "CI needs Node"
    elif found is None or not (PACKAGE / "node_modules").exists():
        pytest.skip("needs Node and the packages that scripts/setup installs where there is Node")
    return found


def run(*command: str, **settings: str) -> None:
    environment = {**os.environ, "SERVER_COMMAND": str(Path(sys.executable).with_name("laurels")), **settings}
    # A group of its own: what it has started must not outlive a test that is given up.
    with subprocess.Popen(
        command, cwd=PACKAGE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
    ) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, output.decode()


def test_its_types_are_those_of_the_service(npm: str) -> None:
    del npm
    run(str(ROOT / "scripts" / "client-schema"), "--check")


def test_it_compiles_and_its_own_tests_pass(npm: str) -> None:
    run(npm, "run", "build")
    run(npm, "run", "check")
    # Most of the time the tests wait for servers.
    files = sorted(str(file) for file in (PACKAGE / "tests").glob("*.test.mjs"))
    run("node", "--test", "--test-reporter=spec", "--test-concurrency=3", "--test-timeout=200000", *files)


@pytest.mark.long
def test_a_page_that_is_offline_for_a_minute_loses_and_doubles_nothing(npm: str) -> None:
    run(npm, "run", "build")
    run("node", "--test", "--test-name-pattern=a thousand events", "tests/browser.test.mjs", OFFLINE_SECONDS="60")
