"""The lines that an import refused: counted, told of, and kept for whoever mends them.

A line that is wrong must not stop the others, and must not be lost among them either.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from laurels.cli.importing.event_lines import STANDARD_INPUT
from laurels.cli.terminal import CommandFailed, complain

SHOWN = 20


class Rejects:
    """Tells of the first `SHOWN` lines and keeps all of them in `file`, if any, and why in `reasons`. `kind`: what they
    are called."""

    def __init__(self, file: BufferedWriter | None, reasons: BufferedWriter | None = None) -> None:
        self.count = 0
        self.kind = "lines"
        self._file = file
        self._reasons = reasons

    def add(self, number: int, line: bytes, reason: str) -> None:
        """Note that line `number` was refused. It is kept as it came. Raises CommandFailed."""
        self.add_named(f"line {number}", line, reason)

    def add_named(self, name: str, line: bytes, reason: str) -> None:
        """The same for what has a name instead of a number."""
        self._tell(name, reason)
        # The last line of a file may lack its end, and more may follow it here.
        self._keep(line if line.endswith(b"\n") else line + b"\n")

    def add_beginning(self, number: int, piece: bytes, reason: str) -> None:
        """The same for a line that comes in pieces; `go_on` takes the others."""
        self._tell(f"line {number}", reason)
        self._keep(piece)

    def go_on(self, piece: bytes) -> None:
        """The next piece of the line of which `add_beginning` had the first."""
        self._keep(piece)

    def _tell(self, name: str, reason: str) -> None:
        self.count += 1
        if self.count <= SHOWN:
            complain(f"{name}: {reason}")
        if self._reasons is not None:
            with _failures():
                self._reasons.write(f"{self.count} ({name}): {' '.join(reason.split())}\n".encode())

    def finish(self) -> None:
        """Tell how many more there were than were shown, and have the file complete."""
        if self.count > SHOWN:
            complain(f"and {self.count - SHOWN:,} more rejected {self.kind}")
        with _failures():
            for file in (self._file, self._reasons):
                if file is not None:
                    file.flush()

    def keep(self, line: bytes) -> None:
        """Keep a line that was not refused but is to be looked at. Raises CommandFailed."""
        self._keep(line)

    def _keep(self, piece: bytes) -> None:
        if self._file is not None:
            with _failures():
                self._file.write(piece)


@contextmanager
def _failures() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise CommandFailed(f"The rejected lines cannot be written: {error.strerror}.") from error


@contextmanager
def open_rejects(path: Path | None, source: str) -> Generator[Rejects]:
    """Rejects that are kept in the file at `path`, and why in another one beside it; both are emptied first. Raises
    CommandFailed."""
    if path is None:
        yield Rejects(None)
        return
    if source != STANDARD_INPUT and path.exists() and path.samefile(source):
        raise CommandFailed("--rejects names the file that is imported; name another one.")
    try:
        file = path.open("wb")
        reasons = path.with_name(f"{path.name}.reasons").open("wb")
    except OSError as error:
        raise CommandFailed(f"{path}: cannot be written: {error.strerror}.") from error
    with file, reasons:
        yield Rejects(file, reasons)
