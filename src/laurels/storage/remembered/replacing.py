"""Files on the local disk that only their owner reads, replaced as a whole."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in the place of what `path` held. One that cannot be written stays as it was; nothing is raised."""
    made: Path | None = None
    try:
        # Made for its owner alone.
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
