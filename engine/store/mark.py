"""The mark: the number of the last commit that was acknowledged, kept beside the catalogue.

A log that was cut short, damaged or left behind looks to SQLite like one that ended there. The
mark is written after each commit, without a sync, so it is never ahead of what is safely on disk.
"""

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, seq: int) -> None:
        """Note that this commit was acknowledged."""
        number = f"{seq:020d}"
        os.pwrite(self._descriptor, f"{number} {_check(number)}".encode(), 0)


@contextmanager
def marking(catalogue: Path) -> Iterator[Mark]:
    """The mark, to be moved by the one writer."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path_of(catalogue), flags, 0o600)
    try:
        yield Mark(descriptor)
    finally:
        os.close(descriptor)


def _check(number: str) -> str:
    return f"{zlib.crc32(number.encode()):08x}\n"
