"""Receipts: what was hashed already, so that a warm load asks the disk for two numbers only."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.models.cache import write_whole

RECEIPT = "receipt.json"

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file was when all of it was last hashed.

    Attributes:
        sha256: hexadecimal.
        size: in bytes.
        mtime_ns: a file with another size or time must be hashed again.
        origin: what the file was made from, or an empty string for a fetched one.
    """

    sha256: str
    size: int
    mtime_ns: int
    origin: str = ""

    def holds(self, path: Path) -> bool:
        """Whether the file still has the size and time it was sealed with."""
        try:
            found = path.stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns)


Seals = dict[str, Seal]
"""Seals by file name."""


def seal(path: Path, *, origin: str = "", saw: Callable[[int], None] | None = None) -> Seal:
    """Hash the whole file."""
    before = path.stat()
    return Seal(sha256_of(path, saw=saw), before.st_size, before.st_mtime_ns, origin)


def sha256_of(path: Path, *, saw: Callable[[int], None] | None = None) -> str:
    """Hash the whole file; `saw` is told the bytes hashed so far."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if saw:
                saw(done)
    return digest.hexdigest()


def read_seals(folder: Path) -> Seals:
    """The folder's receipt; empty if there is none, or one that nobody can read."""
    try:
        rows = json.loads((folder / RECEIPT).read_bytes())
        return {name: Seal(**row) for name, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_seals(folder: Path, seals: Seals) -> None:
    """Replace the folder's receipt, whole or not at all."""
    rows = {name: asdict(seals[name]) for name in sorted(seals)}
    write_whole(folder / RECEIPT, json.dumps(rows, indent=1))


def add_seal(folder: Path, name: str, new: Seal) -> None:
    """Add one file to the folder's receipt."""
    write_seals(folder, read_seals(folder) | {name: new})
