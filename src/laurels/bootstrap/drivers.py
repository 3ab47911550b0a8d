"""The message for a missing driver: each driver comes with an extra of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from laurels.errors import SettingsError


@contextmanager
def needs_pymongo(what: str) -> Generator[None]:
    """Surrounds an import of code that uses PyMongo. Raises SettingsError, with `what` in its text, if PyMongo is
    missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("pymongo", "bson"):
            raise
        raise SettingsError(f"{what} needs PyMongo: pip install 'laurels[mongodb]'.") from error
