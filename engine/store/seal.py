"""Whether a catalogue is, byte for byte, as its last writer left it.

SQLite notices little of what a disk does to bytes: names, words and the pages that lead to rows
have no checksums. So a writer that has ended well folds its log into the catalogue and writes down
size and XXH3 of the whole file, the seal; the next writer breaks the seal before it changes
anything. A catalogue without a seal is being written, or its writer did not end well.
"""

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from xxhash import xxh3_64

from engine.errors import DiskError, LibraryDamagedError
from engine.points import reached
from engine.store.snapshots import sync_folder, write_synced

_BLOCK = 1 << 20
_XXH3 = "xxh3-64:"
"""Begins the digest in a seal."""


@dataclass(slots=True)
class _Held:
    """A descriptor that several look through."""

    descriptor: int
    count: int = 0


_held: dict[tuple[int, int], _Held] = {}
"""By device and inode. A process that closes any descriptor of a file loses all its locks there,
those of SQLite too (sqlite.org/howtocorrupt.html, 2.2): so the last that looks closes it, and a
library looks until its connections are closed.
"""

_holding = Lock()


def path_of(catalogue: Path) -> Path:
    """Where the seal of a catalogue is kept."""
    return catalogue.with_name(f"{catalogue.name}-seal")


def put(catalogue: Path) -> None:
    """Seal a catalogue that nobody writes; one whose log is not empty stays unsealed.

    DiskError when the disk fails; OSError when there is no room for it, or too much is open.
    """
    log = catalogue.with_name(f"{catalogue.name}-wal")
    if log.exists() and log.stat().st_size:
        return
    seal = path_of(catalogue)
    part = seal.with_name(f"{seal.name}.tmp")
    part.unlink(missing_ok=True)
    key = _hold(catalogue)
    try:
        write_synced(part, _told(key, _XXH3).encode())
        reached("seal-written")
        part.replace(seal)
        sync_folder(seal.parent)
        reached("seal-renamed")
    except OSError as error:
        if error.errno == errno.EIO:
            raise DiskError(catalogue, error.strerror or str(error)) from error
        raise
    finally:
        _let_go(key)


def take_off(catalogue: Path) -> None:
    """Break the seal, on disk too: a catalogue that changed must not be found with it."""
    seal = path_of(catalogue)
    if seal.exists():
        seal.unlink()
        sync_folder(seal.parent)
    reached("seal-broken")


class Look:
    """A look, beside everything else, at whether a catalogue is as it was sealed.

    Close it after all connections to the catalogue.
    """

    def __init__(self, catalogue: Path) -> None:
        self._catalogue = catalogue
        self._damaged = self._closed = False
        self._thread: Thread | None = None
        told = _seal(catalogue)
        self._key = _hold(catalogue)
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

    def accept(self) -> bool:
        """Take the catalogue as it is from now on; says whether it is another than was sealed."""
        was_damaged, self._damaged = self._damaged, False
        return was_damaged

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """Let damage be told instead of what it led to, when that goes wrong."""
        try:
            yield
        except Exception:
            self.end()
            raise

    def close(self) -> None:
        """Wait for the look to end, and let go of the file; again, it does nothing."""
        if self._thread is not None:
            self._thread.join()
        if not self._closed:
            _let_go(self._key)
        self._closed = True

    def _compare(self, told: str) -> None:
        with suppress(OSError):
            differs = _told(self._key, _XXH3 if _XXH3 in told else "") != told
            # A writer that has come meanwhile took the seal off before it changed anything.
            self._damaged = differs and _seal(self._catalogue) == told


_HINT = (
    "Nothing was deleted. Move the library folder away, then put a backup in its place (seehear "
    "restore BACKUP) or index your folders again. If you put this catalogue there yourself: "
    "seehear rebuild"
)


def _seal(catalogue: Path) -> str | None:
    try:
        return path_of(catalogue).read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return ""  # a seal that cannot be read fits nothing


def _told(key: tuple[int, int], kind: str) -> str:
    """Size and digest of a file, as a line: XXH3, or CRC-32 as an older seehear sealed."""
    descriptor = _held[key].descriptor
    size, crc, xxh3 = 0, 0, xxh3_64()
    while block := os.pread(descriptor, _BLOCK, size):
        if kind == _XXH3:
            xxh3.update(block)
        else:
            crc = zlib.crc32(block, crc)
        size += len(block)
    return f"{size} {_XXH3}{xxh3.hexdigest()}\n" if kind == _XXH3 else f"{size} {crc:08x}\n"


def _hold(file: Path) -> tuple[int, int]:
    status = file.stat()
    key = (status.st_dev, status.st_ino)
    with _holding:
        if key not in _held:
            _held[key] = _Held(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
        _held[key].count += 1
    return key


def _let_go(key: tuple[int, int]) -> None:
    with _holding:
        _held[key].count -= 1
        if not _held[key].count:
            os.close(_held.pop(key).descriptor)
