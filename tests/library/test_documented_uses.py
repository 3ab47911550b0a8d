"""The programs of docs/library.md, run as they stand there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

PAGE = Path(__file__).parents[2] / "docs" / "library.md"


def example(heading: str) -> str:
    """The program below a heading of the page."""
    section = PAGE.read_text("utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    [program] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return program


def test_fastapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module: dict[str, Any] = {"__name__": "fastapi_example"}
    exec(example("FastAPI"), module)
    with TestClient(module["app"]) as client:
        assert client.get("/learners/ada").status_code == 404
        assert client.post("/lessons/loops/done?user=ada").json() == {"points": 15, "badges": ["Graduate"]}
        assert client.post("/lessons/loops/done?user=ada").json()["points"] == 15
        learner = client.get("/learners/ada").json()
        assert (learner["totalEvents"], learner["user"]["userId"]) == (1, "ada")


def test_django(tmp_path: Path) -> None:
    (tmp_path / "urls.py").write_text(example("Django"), "utf-8")
    # In a process of its own: Django is configured once for a process.
    program = """
import django
from django.conf import settings
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], SECRET_KEY="secret", DEBUG=False)
django.setup()
from django.test import Client
client = Client()
assert client.get("/learners/ada").status_code == 404
assert client.post("/learners/ada/lessons/loops").json()["points"] == 15
first = client.post("/learners/ada/lessons/loops").json()
assert first["points"] == 15, first
assert client.get("/learners/ada").json() == {"level": 1}
import urls
urls.laurels().flush()
rows = client.get("/top-ten").json()["rows"]
assert rows == [[1, "ada", first["totalPoints"]]], rows
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.replace("Not Found: /learners/ada\n", "")) == (0, "")


async def test_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cell by cell within a running loop, as a notebook does: what a cell ends with is its output."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown: list[object] = []
    for cell in re.split(r"^# In \[\d\]\n", example("A notebook"), flags=re.MULTILINE)[1:]:
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    points, days, streak, closed = shown
    assert (points, streak, closed) == (20, 4, None)
    assert days == {date(2026, 1, day): 5 for day in range(5, 9)}
