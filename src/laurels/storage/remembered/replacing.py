"""Files on the local disk that only their owner reads, replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in the place of what `path` held. One that cannot be written stays as it was; nothing is raised."""
    try:
        # Made for its owner alone.
        with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError:
        return
