"""Derived files: written once under a new name, known by their digest, never changed."""

import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.bundle import Bundle, BundleWriter
from engine.errors import DiskFullError
from engine.log import log
from engine.points import reached
from engine.store.disks import disk_errors
from engine.store.records import SnapshotRecord

SUFFIX = ".snapshot"
_TEMPORARY = ".tmp"
_MARGIN = 64 * 2**20
"""What is derived must not take the last room, which catalogue and log need."""


@dataclass(slots=True)
class Published:
    """A derived file in the making; when it is made, name, size and digest for its receipt."""

    bundle: BundleWriter
    name: str
    size: int = 0
    sha256: str = ""


@contextmanager
def publishing(folder: Path, label: str, room: int) -> Iterator[Published]:
    """Make a bundle, safely on disk under a name that never existed before, once this ends well.

    The bytes go through Python's own file, because FAISS may report success on a full disk. Only
    after this may the receipt be written.

    Args:
        folder: made if it is not there.
        label: what the name begins with.
        room: bytes that the bundle will have, about.

    Raises:
        DiskFullError: there is not room for twice the bytes and 64 MiB.
        DiskError: the disk could not be written.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)
    if shutil.disk_usage(folder).free < 2 * room + _MARGIN:
        raise DiskFullError(folder)
    name = f"{label}-{secrets.token_hex(6)}{SUFFIX}"
    temporary = folder / (name + _TEMPORARY)
    with disk_errors(folder):
        try:
            with synced(temporary) as out:
                made = Published(BundleWriter(out), name)
                yield made
                made.sha256 = made.bundle.finish()
                made.size = out.tell()
        except BaseException:  # the room that it takes may be what is lacking
            with suppress(OSError):
                temporary.unlink()
            raise
        reached("snapshot-synced")
        temporary.rename(folder / name)
        reached("snapshot-renamed")
        sync_folder(folder)
        reached("snapshot-folder-synced")
    log.debug("snapshot %s written, %d bytes", name, made.size)


@contextmanager
def synced(file: Path) -> Iterator[BinaryIO]:
    """Make a file that is safely on disk; its name is so only after `sync_folder`.

    A sync that fails is not tried again: the second may succeed although the bytes are gone.
    """
    with file.open("xb") as out:
        yield out
        out.flush()
        reached("file-written")
        os.fsync(out.fileno())


def write_synced(file: Path, data: bytes) -> None:
    """Make a file of these bytes, as `synced`."""
    with synced(file) as out:
        out.write(data)


def is_there(folder: Path, record: SnapshotRecord) -> bool:
    """Whether a derived file is where it was written, as long as it was; its bytes are not read."""
    try:
        return (folder / record.name).stat().st_size == record.size
    except OSError:
        return False


def mapped(folder: Path, record: SnapshotRecord, *, unread: Collection[str] = ()) -> Bundle:
    """A derived file where it lies; ValueError saying why when it is not as it was written.

    Args:
        folder: of the snapshots.
        record: its receipt.
        unread: arrays whose bytes are not looked at yet.
    """
    try:
        bundle = Bundle(folder / record.name, record.size, record.sha256)
        bundle.check([name for name in bundle if name not in unread])
    except OSError as error:
        raise ValueError(error.strerror or "unreadable") from error
    return bundle


def told(record: SnapshotRecord, why: object) -> str:
    """That a derived file is not used, in one sentence."""
    return (
        f"snapshot {record.name} is not used: {why}; searching without it "
        "(seehear rebuild makes it again)"
    )


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
