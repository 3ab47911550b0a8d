"""`%laurels` in a notebook: what IPython does with it, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from tests.http.server_process import ServerProcess


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell: Any = InteractiveShell()
    shell.run_line_magic("load_ext", "laurels.client.jupyter")
    yield shell
    shell.run_line_magic("unload_ext", "laurels.client.jupyter")
    shell.history_manager.end_session()


def test_it_shows_the_card_of_a_learner(shell: Any, server: ServerProcess, user: str) -> None:
    with server.client() as client:
        client.put(f"/api/progress/users/{quote(user, safe='')}", json={"displayName": "Ada <b>"})
        client.post("/api/progress/event", json={"userId": user, "eventType": "code_run"})
    card = shell.run_line_magic("laurels", f"'{user}' --url {server.url}")
    shown, _ = shell.display_formatter.format(card)
    assert shown["text/plain"] == "Ada <b>: level 1, 15 points"
    assert shown["image/svg+xml"].startswith("<svg")
    assert "Ada &lt;b&gt;" in shown["image/svg+xml"]
    # Where the service is is remembered.
    assert repr(shell.run_line_magic("laurels", f"'{user}'")) == repr(card)
    with pytest.raises(UsageError):
        shell.run_line_magic("laurels", "nobody")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("'ada", "A quote is not closed"),
        ("ada --url http://127.0.0.1:1", "could not be reached"),
        ("ada", "Say once where the service is"),
        ("", "The following arguments are required: user. usage: %laurels"),
        ("ada --url http://127.0.0.1:1 --key PLATFORM_NO_KEY", "The environment variable PLATFORM_NO_KEY is not set"),
    ],
)
def test_what_is_missing_is_named(shell: Any, line: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        shell.run_line_magic("laurels", line)
