"""What is said where a driver is not installed: each comes with an extra of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from laurels.errors import SettingsError


@contextmanager
def needs_pymongo(what: str) -> Generator[None]:
    """Around an import of what uses PyMongo. Raises SettingsError, which says so of `what`, where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("pymongo", "bson"):
            raise
        raise SettingsError(f"{what} needs PyMongo: pip install 'laurels[mongodb]'.") from error
