"""Where models lie in the user's cache, and how one process at a time may write there."""

import errno
import fcntl
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from engine.errors import DiskFullError, ModelError
from engine.models.lock import LockedModel

FULL = (errno.ENOSPC, errno.EDQUOT)

_SEAL = 4


def shelf(model_id: str) -> Path:
    """The folder that holds all versions of a model; it need not exist."""
    return user_cache_path("seehear", appauthor=False) / "models" / model_id


def folder_of(model: LockedModel) -> Path:
    """The folder that holds exactly these bytes of a model; it need not exist."""
    return shelf(model.id) / model.digest[:12]


@contextmanager
def alone(model: LockedModel) -> Iterator[Path]:
    """Make the model's folder and wait until no other process writes to it.

    Raises:
        DiskFullError: inside, where the disk has no room left.
        ModelError: inside, for any other refusal of the file system.
    """
    with alone_on(model.id) as shelf_folder:
        folder = shelf_folder / folder_of(model).name
        folder.mkdir(exist_ok=True)
        yield folder


@contextmanager
def alone_on(model_id: str) -> Iterator[Path]:
    """Make the shelf of a model and wait until no other process writes to it; never nested."""
    folder = shelf(model_id)
    with spoken(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "writing.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield folder


@contextmanager
def spoken(folder: Path) -> Iterator[None]:
    """Say in a sentence why the file system refused what is done in a folder of the cache."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(folder) from error
        path = error.filename or folder
        raise ModelError(
            f"The file system refused {path}: {error.strerror or error}.",
            hint="Models are kept in the cache folder; XDG_CACHE_HOME names another one.",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """Replace a small file, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def sealed(data: bytes) -> bytes:
    """Bytes with their checksum, for what is made again when it is not as it was written."""
    return data + zlib.crc32(data).to_bytes(_SEAL, "little")


def unsealed(file: Path) -> bytes | None:
    """What was sealed; None where there is no such file, or it is not as it was written."""
    try:
        whole = file.read_bytes()
    except OSError:
        return None
    data = whole[:-_SEAL]
    return data if whole and sealed(data) == whole else None


def room_for(size: int, folder: Path) -> None:
    """DiskFullError where the disk of the folder has less room than so many bytes."""
    if shutil.disk_usage(folder).free < size:
        raise DiskFullError(folder)
