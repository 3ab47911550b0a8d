"""What holds for every command: versions, missing packages, wrong settings."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from laurels.cli.app import app
from tests.cli.conftest import ENVIRONMENT, Run


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").out == f"laurels {version('laurels')}\n"


def test_every_command_explains_itself(run: Run) -> None:
    shown = run("--help").out
    for command in ("serve", "import", "verify", "rebuild", "rulebook", "demo"):
        assert command in shown
        assert run(command, "--help").code == 0


@pytest.mark.parametrize("arguments", [["juggle"], ["serve", "--port", "99999"], ["import"], ["demo", "--users", "0"]])
def test_a_wrong_line_is_explained(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["users", "list", "--limit", "few"], "'few' does not do; give a whole number of 1 or more."),
        (["serve", "--port", "99999"], "'99999' does not do; give a whole number from 0 to 65,535."),
        (["demo", "--users", "0"], "'0' does not do; give a whole number from 1 to 100,000."),
    ],
)
def test_a_wrong_number_is_told_what_is_taken(arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.replace("\u2502", " ").split())


def test_a_wrong_setting_is_one_sentence_that_names_it(run: Run) -> None:
    done = run("verify", env={"LAURELS_CACHE_WEIGHT": "heavy"})
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert done.err.startswith("LAURELS_CACHE_WEIGHT: ")


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_a_bare_install_is_told_what_is_missing(package: str) -> None:
    done = python(f"import sys; sys.modules[{package!r}] = None; from laurels.cli import main; main()")
    assert done.returncode == 2
    assert done.stderr == "The command line needs packages that are not installed: pip install 'laurels[cli]'.\n"


@pytest.mark.parametrize("package", ["uvicorn", "litestar", "structlog"])
def test_serving_without_the_packages_of_the_server(package: str) -> None:
    done = python(
        f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = ['serve']; from laurels.cli import main; main()"
    )
    assert done.returncode == 2
    assert done.stderr == "Serving needs packages that are not installed: pip install 'laurels[server]'.\n"


def test_the_commands_load_no_web_framework_and_no_driver() -> None:
    done = python(
        "import sys, laurels.cli.app\n"
        "print([name for name in ('litestar', 'uvicorn', 'structlog', 'apsw', 'pymongo') if name in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr
