"""What commands print: result lines, complaints, progress bars and tables.

A terminal gets colours, bars and boxes; a pipe, a file or a log gets the plain result lines alone. What draws the
former is imported where a terminal is: it takes a sixth of the time of a short command.
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


# Control characters but for tab and line end, those that turn the direction of text around, and halves of characters.
_OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class CommandFailed(Exception):
    """A command cannot do what it was asked. The text is one sentence for the person who asked."""


class MistakesFound(CommandFailed):
    """The same for a file that was given: the text has a line for each of its mistakes."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))


def is_terminal() -> bool:
    """Whether somebody looks at the results as they come."""
    return sys.stdout.isatty()


def inert(text: str) -> str:
    """`text` with the characters that a terminal would obey spelled out, as JSON does it: what is printed may come from
    strangers."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str = "") -> None:
    """A result line, on standard output."""
    sys.stdout.write(inert(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line on standard error that is no complaint."""
    text = inert(text)
    if sys.stderr.isatty():
        _print_styled(text, "dim")
    else:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def complain(text: str) -> None:
    """One line on standard error. Line breaks inside become spaces, so that it stays one."""
    line = inert(" ".join(text.split()))
    if sys.stderr.isatty():
        _print_styled(line, "red")
    else:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


@cache
def _errors() -> Console:
    """The one console on standard error: what is printed by it goes above a running bar instead of through it."""
    from rich.console import Console  # noqa: PLC0415  only where a terminal is

    return Console(stderr=True)


def _print_styled(text: str, style: str) -> None:
    from rich.text import Text  # noqa: PLC0415  only where a terminal is

    _errors().print(Text(text, style=style), soft_wrap=True)


class Bar:
    """A running display of how far a command has come; does nothing where no terminal is."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=total, note="")

    def show(self, done: int, note: str) -> None:
        """Set how much of the total is done, and the text beside the bar."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, note=note)


@contextmanager
def progress_bar(what: str, *, total: int | None = None, is_bytes: bool = False) -> Generator[Bar]:
    """A bar on standard error while the block runs; a spinner where there is no `total`; nothing off a terminal."""
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
    """A table on standard output; off a terminal plain columns. `numbers` are the columns aligned to the right."""
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
