"""The output of commands: result lines, complaints, progress bars and tables.

A terminal gets colours, bars and boxes; a pipe, a file or a log gets only the plain result lines. The library that
draws them is imported only for a terminal: it takes a sixth of the time of a short command.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn


# Control characters except tab and line end, characters that reverse the direction of text, and lone surrogates.
_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class CommandFailed(Exception):
    """A command cannot do its task. The text is one sentence for the user."""


class MistakesFound(CommandFailed):
    """The same for a given file: the text has a line for each of its mistakes."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))


def is_terminal() -> bool:
    """Whether a person watches the results."""
    return sys.stdout.isatty()


def inert(text: str) -> str:
    """`text` with terminal control characters escaped, as in JSON: printed text may come from strangers."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str = "") -> None:
    """Print a result line on standard output."""
    sys.stdout.write(inert(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line on standard error that is no complaint."""
    text = inert(text)
    if sys.stderr.isatty():
        _print_styled(text, "dim")
    else:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def complain(text: str) -> None:
    """Print one line on standard error. Line breaks inside become spaces, so that it stays one line."""
    line = inert(" ".join(text.split()))
    if sys.stderr.isatty():
        _print_styled(line, "red")
    else:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


@cache
def _errors() -> Console:
    """The one console on standard error: its lines appear above a running bar instead of inside it."""
    from rich.console import Console  # noqa: PLC0415  only where a terminal is

    return Console(stderr=True)


def _print_styled(text: str, style: str) -> None:
    from rich.text import Text  # noqa: PLC0415  only where a terminal is

    _errors().print(Text(text, style=style), soft_wrap=True)


class Bar:
    """A running display of a command's progress; does nothing without a terminal."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=total, note="")

    def show(self, done: int, note: str) -> None:
        """Set the finished part of the total, and the text beside the bar."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, note=note)


@contextmanager
def progress_bar(what: str, *, total: int | None = None, is_bytes: bool = False) -> Generator[Bar]:
    """A bar on standard error while the block runs; a spinner without a `total`; nothing without a terminal."""
    if not sys.stderr.isatty():
        yield Bar(None, total)
        return
    from rich.progress import (  # noqa: PLC0415  only where a terminal is
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn(what)]
    if total is not None:
        columns += [BarColumn(), TaskProgressColumn(), *([DownloadColumn()] if is_bytes else []), TimeRemainingColumn()]
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=_errors(), transient=True) as progress:
        yield Bar(progress, total)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int]) -> None:
    """Print a table on standard output; without a terminal plain columns. `numbers` are the columns aligned to the
    right."""
    title, rows = inert(title), [[inert(cell) for cell in row] for row in rows]
    if is_terminal():
        from rich.console import Console  # noqa: PLC0415  only where a terminal is
        from rich.table import Table  # noqa: PLC0415  only where a terminal is
        from rich.text import Text  # noqa: PLC0415  only where a terminal is

        table = Table(title=title, title_justify="left", header_style="bold")
        for position, column in enumerate(columns):
            table.add_column(column, justify="right" if position in numbers else "left")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    say(title)
    for row in [list(columns), *rows]:
        cells = [
            cell.rjust(width) if position in numbers else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  " + "  ".join(cells).rstrip())
    say()
