"""The lines that an import refused: counted, reported, and kept for correction.

A wrong line must not stop the others, and must not be lost among them either.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO

from laurels.cli.importing.input_lines import STANDARD_INPUT
from laurels.cli.terminal import CommandFailed, complain, inert

SHOWN = 20
# SQLite's files are the database and files with these endings beside it.
_OF_DATABASE = ("", "-wal", "-shm", "-journal")


class Rejects:
    """Reports the first `SHOWN` lines and keeps all of them in `file`, if any, and the reasons in `reasons`. `kind`:
    their name in messages."""

    def __init__(self, file: IO[bytes] | None, reasons: IO[bytes] | None = None) -> None:
        self.count = 0
        self.kind = "lines"
        self._file = file
        self._reasons = reasons

    def add(self, number: int, line: bytes, reason: str) -> None:
        """Note that line `number` was refused. It is kept unchanged. Raises CommandFailed."""
        self.add_named(f"line {number}", line, reason)

    def add_named(self, name: str, line: bytes, reason: str) -> None:
        """The same for a reject with a name instead of a number."""
        self._tell(name, reason)
        # The last line of a file may lack its end, and more lines may follow it here.
        self._keep(line if line.endswith(b"\n") else line + b"\n")

    def add_beginning(self, number: int, piece: bytes, reason: str) -> None:
        """The same for a line that comes in pieces; `go_on` takes the others."""
        self._tell(f"line {number}", reason)
        self._keep(piece)

    def go_on(self, piece: bytes) -> None:
        """The next piece of the line that `add_beginning` started."""
        self._keep(piece)

    def _tell(self, name: str, reason: str) -> None:
        self.count += 1
        if self.count <= SHOWN:
            complain(f"{name}: {reason}")
        if self._reasons is not None:
            with _failures():
                self._reasons.write(f"{self.count} ({name}): {inert(' '.join(reason.split()))}\n".encode())

    def finish(self) -> None:
        """Report how many more there were than were shown."""
        if self.count > SHOWN:
            complain(f"and {self.count - SHOWN:,} more rejected {self.kind}")

    def keep(self, line: bytes) -> None:
        """Keep a line that was not refused but should be reviewed. Raises CommandFailed."""
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
def open_rejects(path: Path | None, *, source: str, database: Path | None) -> Generator[Rejects]:
    """Rejects with a file at `path`, and the reasons in another file beside it, both written once the block has ended.

    Until then both are empty, so that an interrupted block can be repeated with the same path. Raises CommandFailed if
    one of them is the input `source` or the store's `database`, or is not empty.
    """
    if path is None:
        yield Rejects(None)
        return
    # A device or a pipe is written directly, and has no file beside it.
    is_special = path.exists() and not path.is_file()
    files = [path] if is_special else [path, path.with_name(f"{path.name}.reasons")]
    for file in files:
        _check_free(file, source, database)
    with ExitStack() as stack:
        try:
            targets = [stack.enter_context(file.open("ab")) for file in files]
        except OSError as error:
            raise CommandFailed(f"{path}: cannot be written: {error.strerror}.") from error
        held = [stack.enter_context(TemporaryFile(prefix="laurels-rejects-")) for _ in targets]
        yield Rejects(*held)
        with _failures():
            for lines, target in zip(held, targets, strict=True):
                _copy(lines, target)


def _check_free(path: Path, source: str, database: Path | None) -> None:
    if source != STANDARD_INPUT and path.exists() and path.samefile(source):
        raise CommandFailed("--rejects names the file that is imported; name another one.")
    place = path.resolve()
    if database is not None and place in [
        database.resolve().with_name(database.resolve().name + end) for end in _OF_DATABASE
    ]:
        raise CommandFailed(f"--rejects would overwrite {path}, a file of the store; name another one.")
    if path.is_file() and path.stat().st_size:
        raise CommandFailed(
            f"--rejects would overwrite {path}, which holds something already; name another file, or remove that one."
        )


def _copy(lines: IO[bytes], target: IO[bytes]) -> None:
    lines.seek(0)
    try:
        copyfileobj(lines, target)
        target.flush()
    except OSError:
        # Everything is reported again when the command is run again.
        with suppress(OSError):
            target.truncate(0)
        raise
