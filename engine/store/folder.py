"""The folder of a library: its files, who may write there, and what the file system refuses."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DiskFullError, EngineError, LibraryDamagedError, LibraryLockedError
from engine.store import seal, snapshots
from engine.store.disks import FULL

CATALOGUE = "catalogue.db"
SNAPSHOTS = "snapshots"
ANYWHERE = "anywhere"
"""Lies in a library that may be on a network file system, because somebody said so."""

_LOCK = "writer.lock"
_WAITS_S = (0.005, 0.02, 0.05)
"""Whoever only asks who writes holds the lock too, for some microseconds."""

_README = """This folder is a seehear library. Do not edit the files in it.

catalogue.db   what was indexed; with catalogue.db-wal, if there is one, all that matters
bridges/       what it was taught with `seehear align`; part of what matters
catalogue.db-seal, catalogue.db-mark   what tells whether the catalogue is as it was written
snapshots/     made from the catalogue; may be deleted, `seehear rebuild` brings it back
seehear.log    what happened when it was written; may be deleted
classifiers/   what was learnt from labels, if anything was; to be kept with the catalogue
"""


def create(folder: Path, profile: str) -> None:
    """Make the folder and an empty catalogue of a profile; one that is there stays."""
    with written(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder):
        if (folder / CATALOGUE).exists():  # another process was first
            return
        with written(folder):
            _create_catalogue(folder, profile)
            (folder / "README.txt").write_text(_README, encoding="utf-8")


def require_new(folder: Path) -> None:
    """Raise LibraryDamagedError where a library's other files lie, but no catalogue."""
    if is_there(folder / SNAPSHOTS) or is_there(seal.path_of(folder / CATALOGUE)):
        raise LibraryDamagedError(
            folder / CATALOGUE,
            "it is gone, while other files of the library are there",
            hint="Move the folder away; then: seehear restore BACKUP, or index your folders again.",
        )


def _create_catalogue(folder: Path, profile: str) -> None:
    """Make the catalogue under another name: an interrupted attempt leaves none behind."""
    unfinished = folder / f"{CATALOGUE}.new"
    for left in folder.glob(f"{unfinished.name}*"):
        left.unlink()
    from engine.store.writer import CatalogueWriter  # with SQLAlchemy, which readers do not need

    writer = CatalogueWriter.open(unfinished)
    try:
        writer.set_setting("profile", profile)
    finally:
        writer.close()
    unfinished.rename(folder / CATALOGUE)
    snapshots.sync_folder(folder)


@dataclass(frozen=True, slots=True)
class Writing:
    """Somebody writes a library; `pid` is the process, where it is known."""

    pid: int | None


def who_writes(folder: Path) -> Writing | None:
    """Who holds the library's lock now; None when nobody does."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Writing(_noted(descriptor))
    finally:
        os.close(descriptor)
    return None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the library's lock; the file keeps the process id of who has it."""
    with written(folder):
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with written(folder):
            _take_lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _take_lock(descriptor: int, folder: Path) -> None:
    for wait in (*_WAITS_S, None):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if wait is None:
                raise LibraryLockedError(folder, _noted(descriptor)) from error
            time.sleep(wait)
        else:
            break
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _noted(descriptor: int) -> int | None:
    """The process id that whoever holds the lock wrote into its file."""
    pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
    return int(pid) if pid.isdigit() else None


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """Say in a sentence why the folder of a library cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(folder) from error
        raise EngineError(
            f"The library folder {folder} cannot be written: {error.strerror}.",
            hint="Choose another with --library PATH.",
        ) from error


def is_there(file: Path) -> bool:
    """Whether there is such a file; EngineError where the folder cannot be looked into."""
    try:
        return file.exists()
    except OSError as error:
        raise EngineError(
            f"The library folder {file.parent} cannot be read: {error.strerror}.",
            hint="Choose another with --library PATH.",
        ) from error
