"""The page of the first hour, command by command, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.ports import free_port

PAGE = Path(__file__).parents[2] / "docs" / "first-hour.md"
SERVE = "laurels serve "


def test_it_can_be_followed_from_an_empty_folder(tmp_path: Path) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAURELS_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    rules, badge = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    book = tmp_path / "school.toml"
    book.write_text(rules)

    def run(commands: str) -> str:
        script = f"set -e\n{commands}".replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (commands, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def serving(command: str) -> Iterator[None]:
        words = [*command.split(), "--port", str(port)]
        with subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as server:
            try:
                _wait(f"http://127.0.0.1:{port}/health/ready")
                yield
            finally:
                server.kill()

    check, serve, key, events, shown, change, again, proof = re.findall(
        r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert "OK, 2 event types, 1 badge" in run(check)
    with serving(serve.strip()):
        run(key)
        time.sleep(1.5)
        assert "first_lesson" in run(events)
        time.sleep(1)
        board = run(shown)
        assert board.index('"userId":"ada"') < board.index('"userId":"bob"')
        book.write_text(f"{rules}\n{badge}")
        assert "1 badge awarded" in run(change)
    with serving(again.strip()):
        told = run(proof)
    assert "\nclean\n" in told
    assert "Again" in told


def _wait(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if httpx2.get(url, trust_env=False).status_code in (200, 401):
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)
