"""Derived files: written once under a new name, known by their digest, never changed."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from engine.errors import DiskFullError
from engine.log import log
from engine.points import reached
from engine.store.disks import disk_errors
from engine.store.records import SnapshotRecord

SUFFIX = ".snapshot"
_TEMPORARY = ".tmp"
_MARGIN = 64 * 2**20
"""What is derived must not take the last room, which catalogue and log need."""


def publish(folder: Path, label: str, data: bytes) -> tuple[str, int, str]:
    """Put bytes safely on disk under a name that never existed before.

    The bytes go through Python's own file, because FAISS may report success on a full disk.

    Returns:
        name, size and SHA-256 of the file; only then may its receipt be written.

    Raises:
        DiskFullError: there is not room for twice the bytes and 64 MiB.
        DiskError: the disk could not be written.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)
    if shutil.disk_usage(folder).free < 2 * len(data) + _MARGIN:
        raise DiskFullError(folder)
    name = f"{label}-{secrets.token_hex(6)}{SUFFIX}"
    temporary = folder / (name + _TEMPORARY)
    with disk_errors(folder):
        write_synced(temporary, data)
        reached("snapshot-synced")
        temporary.rename(folder / name)
        reached("snapshot-renamed")
        sync_folder(folder)
        reached("snapshot-folder-synced")
    log.debug("snapshot %s written, %d bytes", name, len(data))
    return name, len(data), hashlib.sha256(data).hexdigest()


def write_synced(file: Path, data: bytes) -> None:
    """Make a file that is safely on disk; its name is so only after `sync_folder`.

    A sync that fails is not tried again: the second may succeed although the bytes are gone.
    """
    with file.open("xb") as out:
        out.write(data)
        out.flush()
        reached("file-written")
        os.fsync(out.fileno())


def is_there(folder: Path, record: SnapshotRecord) -> bool:
    """Whether a derived file is where it was written, as long as it was; its bytes are not read."""
    try:
        return (folder / record.name).stat().st_size == record.size
    except OSError:
        return False


def read(folder: Path, record: SnapshotRecord) -> bytes:
    """The bytes of a derived file; ValueError saying why when they are not as they were written."""
    try:
        data = (folder / record.name).read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or "unreadable") from error
    if len(data) != record.size:
        raise ValueError(f"{len(data)} bytes where {record.size} were written")
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise ValueError("its digest differs")
    return data


def discard(folder: Path, names: Iterable[str]) -> None:
    """Delete derived files that no receipt names any more."""
    for name in names:
        (folder / name).unlink(missing_ok=True)


def sweep(folder: Path, keep: Iterable[str]) -> None:
    """Delete what an interrupted writer left: unfinished files, and files without a receipt."""
    if not folder.is_dir():
        return
    kept = set(keep)
    ours = (SUFFIX, SUFFIX + _TEMPORARY)
    discard(
        folder, (p.name for p in folder.iterdir() if p.name not in kept and p.name.endswith(ours))
    )


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
