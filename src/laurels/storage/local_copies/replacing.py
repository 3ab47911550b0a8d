"""Files on the local disk that only their owner can read, replaced as a whole."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of `path`. If it cannot be written, the old content stays; raises nothing."""
    made: Path | None = None
    try:
        # Created for its owner alone.
        with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            made = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except OSError:
        # Else a disk that is full would get one more piece of a file with each attempt.
        if made is not None:
            with suppress(OSError):
                made.unlink()
