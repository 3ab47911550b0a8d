"""What `import laurels` gives, and what it does not load."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator

import msgspec

import laurels
import laurels.errors


def test_all_is_what_is_visible() -> None:
    visible = {
        name for name, value in vars(laurels).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert set(laurels.__all__) == visible
    assert laurels.__all__ == sorted(laurels.__all__)


def named_in(annotation: object) -> Iterator[type]:
    """Our own types that an annotation names, and those that their fields name."""
    for part in typing.get_args(annotation):
        yield from named_in(part)
    if isinstance(annotation, type) and annotation.__module__.startswith("laurels."):
        yield annotation
        if annotation.__module__ == "laurels.results":
            for field in msgspec.structs.fields(annotation):  # pyright: ignore[reportArgumentType]  all are structs
                yield from named_in(field.type)


def test_whatever_a_caller_receives_can_be_imported_from_the_top() -> None:
    received: set[type] = set()
    for face in (laurels.Laurels, laurels.SyncLaurels):
        for name, member in inspect.getmembers(face):
            if not name.startswith("_") and name not in ("open", "close"):
                function = member.fget if isinstance(member, property) else member
                received.update(named_in(typing.get_type_hints(function)["return"]))
    assert {laurels.Recorded, laurels.Queued, laurels.LeaderboardRow, laurels.NextBadge} <= received
    assert {each.__name__ for each in received if getattr(laurels, each.__name__, None) is not each} == set()


def test_every_error_can_be_caught_by_name() -> None:
    errors = {name for name, value in vars(laurels.errors).items() if inspect.isclass(value)}
    assert errors <= set(laurels.__all__)


def test_everything_public_says_what_it_is() -> None:
    assert laurels.__doc__
    assert [name for name in laurels.__all__ if not inspect.getdoc(getattr(laurels, name))] == []


def test_importing_it_loads_no_framework_and_no_driver() -> None:
    program = "import sys, laurels; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "laurels" in loaded
    assert loaded.isdisjoint(
        {"litestar", "uvicorn", "apsw", "sqlite3", "typer", "rich", "structlog", "httpx", "httpx2", "pydantic"}
    )


def test_importing_it_starts_nothing() -> None:
    program = "import threading, laurels; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
