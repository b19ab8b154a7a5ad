"""Whether a catalogue is, byte for byte, as its last writer left it.

SQLite notices little of what a disk does to bytes: names, words and the pages that lead to rows
have no checksums. So a writer that has ended well folds its log into the catalogue and writes down
size and CRC-32 of the whole file, the seal; the next writer breaks the seal before it changes
anything. A catalogue without a seal is being written, or its writer did not end well.
"""

import os
import zlib
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from engine.errors import LibraryDamagedError
from engine.points import reached
from engine.store.snapshots import sync_folder, write_synced

_BLOCK = 1 << 20

_open: dict[tuple[int, int], int] = {}
"""Descriptors by device and inode. They stay open for good: when a process closes any descriptor
of a file, it loses all its locks there, those of SQLite too (sqlite.org/howtocorrupt.html, 2.2).
"""

_opening = Lock()


def path_of(catalogue: Path) -> Path:
    """Where the seal of a catalogue is kept."""
    return catalogue.with_name(f"{catalogue.name}-seal")


def put(catalogue: Path) -> None:
    """Seal a catalogue that nobody writes; one whose log is not empty stays unsealed."""
    log = catalogue.with_name(f"{catalogue.name}-wal")
    if log.exists() and log.stat().st_size:
        return
    seal = path_of(catalogue)
    part = seal.with_name(f"{seal.name}.tmp")
    part.unlink(missing_ok=True)
    write_synced(part, _told(catalogue).encode())
    reached("seal-written")
    part.replace(seal)
    sync_folder(seal.parent)
    reached("seal-renamed")


def take_off(catalogue: Path) -> None:
    """Break the seal, on disk too: a catalogue that changed must not be found with it."""
    seal = path_of(catalogue)
    if seal.exists():
        seal.unlink()
        sync_folder(seal.parent)
    reached("seal-broken")


class Look:
    """A look, beside everything else, at whether a catalogue is as it was sealed."""

    def __init__(self, catalogue: Path) -> None:
        self._catalogue = catalogue
        self._damaged = False
        self._thread: Thread | None = None
        told = _seal(catalogue)
        if told is not None:
            self._thread = Thread(target=self._compare, args=(told,), daemon=True)
            self._thread.start()

    @property
    def is_sealed(self) -> bool:
        """Whether there is a seal to compare with."""
        return self._thread is not None

    def end(self) -> None:
        """Wait for the look to end; LibraryDamagedError when the catalogue is another."""
        if self._thread is not None:
            self._thread.join()
        if self._damaged:
            raise LibraryDamagedError(
                self._catalogue,
                "it fails its checksum, so bytes in it are not as they were written",
                hint=_HINT,
            )

    def _compare(self, told: str) -> None:
        with suppress(OSError):
            differs = _told(self._catalogue) != told
            # A writer that has come meanwhile took the seal off before it changed anything.
            self._damaged = differs and _seal(self._catalogue) == told


_HINT = (
    "Nothing was deleted. Put it back with: seehear restore BACKUP, or move the library folder "
    "away and index your folders again. If you put this catalogue there yourself: seehear rebuild"
)


def _seal(catalogue: Path) -> str | None:
    try:
        return path_of(catalogue).read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return ""  # a seal that cannot be read fits nothing


def _told(catalogue: Path) -> str:
    """Size and CRC-32 of a file, as a line."""
    descriptor = _descriptor(catalogue)
    size = crc = 0
    while block := os.pread(descriptor, _BLOCK, size):
        crc = zlib.crc32(block, crc)
        size += len(block)
    return f"{size} {crc:08x}\n"


def _descriptor(file: Path) -> int:
    status = file.stat()
    key = (status.st_dev, status.st_ino)
    with _opening:
        if key not in _open:
            _open[key] = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        return _open[key]
