"""What tells whether a file is still the one that was indexed."""

from pathlib import Path

from engine.store.records import Stamp


def stamp_of(path: Path) -> Stamp | None:
    """Size, time and inode of a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
