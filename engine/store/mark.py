"""The mark: the number of the last commit that was acknowledged, kept beside the catalogue.

A log that was cut short, damaged or left behind looks to SQLite like one that ended there. The
mark is written after each commit, without a sync, so it is never ahead of what is safely on disk.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store.disks import disk_errors


def path_of(catalogue: Path) -> Path:
    """Where the mark of a catalogue is kept."""
    return catalogue.with_name(f"{catalogue.name}-mark")


def read(catalogue: Path) -> int:
    """The number of the last acknowledged commit; 0 where it is not known."""
    try:
        number, _, check = path_of(catalogue).read_text("ascii").partition(" ")
    except (OSError, UnicodeDecodeError):
        return 0
    return int(number) if number.isdigit() and check == _check(number) else 0


class Mark:
    """The mark of a catalogue that is being written."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file = file
        self._descriptor = descriptor

    def __call__(self, seq: int) -> None:
        """Note that this commit was acknowledged; DiskError, DiskFullError when that fails."""
        number = f"{seq:020d}"
        with disk_errors(self._file):
            os.pwrite(self._descriptor, f"{number} {_check(number)}".encode(), 0)


@contextmanager
def marking(catalogue: Path) -> Iterator[Mark]:
    """The mark, to be moved by the one writer."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    file = path_of(catalogue)
    descriptor = os.open(file, flags, 0o600)
    try:
        yield Mark(file, descriptor)
    finally:
        os.close(descriptor)


def _check(number: str) -> str:
    return f"{zlib.crc32(number.encode()):08x}\n"
