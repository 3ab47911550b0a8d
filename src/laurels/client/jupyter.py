"""A learner's card in a notebook: `%load_ext laurels.client.jupyter`, and then `%laurels ada`.

The first use gives the address of the service, and the environment variable with its key, so that no notebook holds a
key: `%laurels ada --url https://laurels.example --key PLATFORM_LAURELS_KEY`.
"""

from __future__ import annotations

import argparse
import os
import shlex
from typing import Any, NoReturn

from msgspec import Struct

from laurels.client.clients import Client
from laurels.errors import LaurelsError, SettingsError
from laurels.plurals import counted


class Card(Struct, frozen=True):
    """A picture as notebooks show it; `text` replaces it if pictures cannot be drawn."""

    svg: str
    text: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.text


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message[:1].upper()}{message[1:]}. {self.format_usage().strip()}.")


class Magic:
    """`%laurels`: remembers the address of the service between uses."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._arguments = _Arguments(prog="%laurels", add_help=False)
        self._arguments.add_argument("user")
        self._arguments.add_argument("--url")
        self._arguments.add_argument("--key")

    def __call__(self, line: str) -> Card:
        """The card of the named learner. Raises UsageError, which a notebook shows as one line."""
        try:
            return self._card(line)
        except LaurelsError as error:
            from IPython.core.error import UsageError  # noqa: PLC0415  only IPython calls this

            raise UsageError(str(error)) from None

    def _card(self, line: str) -> Card:
        try:
            words = shlex.split(line)
        except ValueError:
            raise SettingsError("A quote is not closed.") from None
        asked = self._arguments.parse_args(words)
        if asked.url is not None:
            self._connect(asked.url, asked.key)
        if self._client is None:
            raise SettingsError("Say once where the service is: %laurels USER --url https://laurels.example.")
        user = self._client.dashboard(asked.user).user
        text = f"{user.display_name}: level {user.level}, {counted(user.total_points, 'point')}"
        return Card(self._client.card(asked.user), text)

    def _connect(self, url: str, key: str | None) -> None:
        token = None if key is None else os.environ.get(key)
        if key is not None and not token:
            raise SettingsError(f"The environment variable {key} is not set; it has to hold the API key.")
        self.close()
        self._client = Client(url, token=token)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


def load_ipython_extension(ipython: Any) -> None:
    """Called by `%load_ext`."""
    ipython.register_magic_function(Magic(), "line", "laurels")


def unload_ipython_extension(ipython: Any) -> None:
    """Called by `%unload_ext`."""
    ipython.magics_manager.magics["line"].pop("laurels").close()
