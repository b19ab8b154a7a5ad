"""Copies of all in a library that cannot be made again: its catalogue, and what it was taught.

A backup is itself a library without snapshots, sealed; it is made under another name and renamed
when it is whole. It may be made while another process indexes: it holds what was committed when it
began.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from engine.errors import (
    LibraryDamagedError,
    LibraryLockedError,
    LibraryMissingError,
    UsageError,
)
from engine.points import reached
from engine.store import seal
from engine.store.catalogue import CatalogueReader
from engine.store.connect import copy_catalogue, open_reader
from engine.store.disks import disk_errors
from engine.store.folder import CATALOGUE
from engine.store.snapshots import sync_folder, write_synced

FOLDERS = ("bridges", "classifiers")
"""Folders of a library that hold what was taught; each file in them is written once."""

_TRIES = 3
"""What was taught may be taught anew while it is copied."""


def back_up(library: Path, target: Path) -> int:
    """Copy a library to a folder that is not there yet; returns how many bytes it has.

    Raises:
        LibraryMissingError: there is no library.
        LibraryDamagedError: the copy has damage, so the library has; no backup is left.
        UsageError: the target is there already.
        DiskFullError: the target's disk has no room; no backup is left.
        LibraryLockedError: what was taught changes all the time; no backup is left.
    """
    if not (library / CATALOGUE).exists():
        raise LibraryMissingError(library)
    with _made(target) as part:
        # First, so that what it says is in use was there when the other files are copied.
        copy_catalogue(library / CATALOGUE, part / CATALOGUE)
        _copy_taught(library, part)
        _proved(part, library)
    return sum(one.stat().st_size for one in target.rglob("*") if one.is_file())


def restore(backup: Path, library: Path) -> None:
    """Make a library of a backup, in a place where there is none; its snapshots are not made.

    Raises:
        LibraryMissingError: there is no backup.
        LibraryDamagedError: the backup is damaged; nothing is left.
        UsageError: there is a library already.
    """
    if not (backup / CATALOGUE).exists():
        raise LibraryMissingError(backup)
    with closing(seal.Look(backup / CATALOGUE)) as look:
        look.end()
    if library.is_dir() and not any(library.iterdir()):
        library.rmdir()
    with _made(library) as part:
        _copy_taught(backup, part)
        copy_catalogue(backup / CATALOGUE, part / CATALOGUE)
        _proved(part, backup)


@contextmanager
def _made(target: Path) -> Iterator[Path]:
    """A folder under another name, which gets its own when all in it is safely on disk."""
    if target.exists():
        raise UsageError(
            f"{target} is there already.",
            hint="Nothing is overwritten: name another folder, or move this one away.",
        )
    part = target.with_name(f".{target.name}.part")
    try:
        with disk_errors(target):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700, parents=True)
            yield part
            reached("backup-written")
            for folder in (part, *(one for one in part.rglob("*") if one.is_dir())):
                sync_folder(folder)
            part.rename(target)
            reached("backup-renamed")
            sync_folder(target.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy_taught(source: Path, target: Path) -> None:
    for name in FOLDERS:
        for _ in range(_TRIES):
            before = _listed(source / name)
            shutil.rmtree(target / name, ignore_errors=True)
            _copy_files(source / name, target / name)
            if _listed(source / name) == before:
                break
        else:
            raise LibraryLockedError(source, None)


def _listed(folder: Path) -> list[tuple[Path, int]]:
    """The files of a folder with their times: the same before and after, and nothing changed."""
    found = []
    for file in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            found.append((file, file.stat().st_mtime_ns))
    return found


def _copy_files(source: Path, target: Path) -> None:
    for file in sorted(source.rglob("*")):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # it went meanwhile, so all is copied once more
                write_synced(place, file.read_bytes())


def _proved(part: Path, source: Path) -> None:
    """Raise LibraryDamagedError unless the copied catalogue is sound; then seal it."""
    file = part / CATALOGUE
    with closing(CatalogueReader(file, open_reader(file))) as copied:
        try:
            copied.check_format()
            copied.check_structure(deeply=True)
            findings = copied.inconsistencies() + copied.broken_vectors()
        except LibraryDamagedError as error:
            raise LibraryDamagedError(source / CATALOGUE, error.finding) from error
    if findings:
        raise LibraryDamagedError(source / CATALOGUE, "; ".join(findings))
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    seal.put(file)
