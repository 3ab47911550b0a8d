"""Checks a SQLite file and its place on the disk, without changing anything.

It must also describe a file that cannot be opened as a store.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

import apsw

from laurels.application.maintenance.diagnostics import Check
from laurels.errors import StoreIncompatible
from laurels.storage.sqlite.connection import connect, rows, translate
from laurels.storage.sqlite.schema import MIGRATIONS, is_laurels

MOUNTS = Path("/proc/self/mountinfo")
MIB = 1024 * 1024
# Bytes of free space: below the first it is time to act, below the second it is too late.
SCARCE = 1024 * MIB
SPENT = 100 * MIB
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs"})


def inspect(path: Path, *, makes_folder: bool = False) -> list[Check]:
    """The checks of the database at `path`, the most important first. A `fail` of `store` or `schema` means that it
    cannot be opened; a `warn` that opening would create or upgrade it. `makes_folder`: a server creates its folder,
    too."""
    path = path.absolute()
    if not path.is_file():
        return [_missing(path, makes_folder=makes_folder)]
    return [*_schema(path), _room(path), _permissions(path), *_file_system(path)]


def exists(path: Path) -> bool:
    """Whether the file at `path` is a database of Laurels; False if it is missing or empty. Raises StoreError, also for
    another program's file."""
    if not path.is_file():
        return False
    connection = connect(path, read_only=True)
    try:
        return is_laurels(connection)
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        connection.close()


def _missing(path: Path, *, makes_folder: bool) -> Check:
    detail = f"There is no database at {path}."
    folder = next(each for each in path.parents if each.exists())
    if folder != path.parent and not makes_folder:
        return Check("store", "fail", f"{detail} Nor is there the folder {path.parent}.", f"mkdir -p {path.parent}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(
            "store", "fail", f"{detail} This user may not write in {folder}.", "Give it to the service's user."
        )
    return _to_be_made(detail)


def _to_be_made(detail: str) -> Check:
    advice = "The first laurels serve makes it. If there should be one, check the store URL."
    return Check("store", "warn", detail, advice)


def _schema(path: Path) -> Iterable[Check]:
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        yield Check("schema", "fail", f"{path} cannot be opened: {error}.", "Check its permissions and its disk.")
        return
    try:
        connection.set_busy_timeout(2_000)
        is_made = is_laurels(connection)
        [[version]] = rows(connection, "PRAGMA user_version")
        [[mode]] = rows(connection, "PRAGMA journal_mode")
    except StoreIncompatible as error:
        yield Check("schema", "fail", str(error), "See --store and LAURELS_STORE.")
        return
    except apsw.NotADBError:
        advice = "Name another file with --store or LAURELS_STORE, or restore this one from a backup."
        yield Check("schema", "fail", f"{path} is not a SQLite database.", advice)
        return
    except apsw.Error as error:
        # A locked file needs no backup.
        yield Check("schema", "fail", f"{path} cannot be read.", str(translate(error)))
        return
    finally:
        connection.close()
    if not is_made:
        yield _to_be_made(f"{path} is empty.")
        return
    yield version_check(version, len(MIGRATIONS))
    if mode == "wal":
        yield Check("wal", "ok", "Readers and the writer do not wait for each other.")
    else:
        yield Check("wal", "warn", f"The journal mode is {mode}.", "The next laurels serve sets it to WAL.")


def version_check(version: int, known: int) -> Check:
    """Check whether a database of schema `version` can be used."""
    if version > known:
        detail = f"The database has schema version {version}, this Laurels knows {known}."
        return Check("schema", "fail", detail, "Use the newer Laurels that wrote it.")
    if version < known:
        detail = f"The database has schema version {version} of {known}."
        return Check("schema", "warn", detail, "Back it up; the next laurels serve brings it up to date.")
    return Check("schema", "ok", f"Version {version}.")


def _room(path: Path) -> Check:
    free = shutil.disk_usage(path.parent).free
    detail = f"{free // MIB:,} MiB are free beside the database."
    if free < SPENT:
        return Check("disk", "fail", detail, "Free some space: events will soon be refused.")
    return Check("disk", "warn", detail, "Free some space.") if free < SCARCE else Check("disk", "ok", detail)


def _permissions(path: Path) -> Check:
    name = "permissions"
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        detail = f"This user may not write {path} and its folder."
        return Check("store", "fail", detail, "Give both to the user that runs the service.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IWOTH:
        return Check(name, "fail", f"Everybody on this machine may write {path}.", f"chmod 600 {path}")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check(name, "warn", f"Others on this machine may read {path} ({mode:03o}).", f"chmod 600 {path}*")
    return Check(name, "ok", "The file is this user's alone.")


def _file_system(path: Path) -> Iterable[Check]:
    kind = file_system_of(path)
    if kind is None:
        return
    if kind in _NETWORK:
        detail, advice = f"The database lies on a network file system ({kind}).", "Move it to a local disk."
        yield Check("file system", "fail", detail, f"{advice} Locks and syncs there do not keep their word.")
    else:
        yield Check("file system", "ok", kind)


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of file system of a path, such as ext4; None if the machine does not tell."""
    try:
        lines = mounts.read_text("utf-8").splitlines()
    except OSError:
        return None
    path = path.resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        place, _, source = line.partition(" - ")
        point = Path(place.split()[4].encode().decode("unicode_escape"))
        # If several mounts share a point, the last one counts.
        if path.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), source.split()[0]
    return None if best is None else best[1]
