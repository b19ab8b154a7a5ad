"""The indexed files read again: do they still hold the bytes that were indexed?"""

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import MediaError
from engine.media.probe import digest
from engine.store.catalogue import CatalogueReader
from engine.store.records import State
from engine.store.stamps import stamp_of


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading all indexed files again brought.

    Attributes:
        read: how many hold what was indexed.
        changed: how many have another size or time, or are gone; the next run looks at them.
        rotten: files of the same size and time that hold other bytes, or cannot be read, and why.
    """

    read: int
    changed: int
    rotten: tuple[tuple[Path, str], ...]


def reread(catalogue: CatalogueReader) -> Reread:
    """Read every indexed file whose size and time are those that were indexed."""
    read = changed = 0
    rotten = []
    for root in catalogue.roots():
        for row in catalogue.files(root) if root.is_dir() else ():
            path = root / os.fsdecode(row.path)
            if row.state is not State.INDEXED:
                continue
            if stamp_of(path) != row.stamp:
                changed += 1
            elif why := _differs(path, row.digest):
                rotten.append((path, why))
            else:
                read += 1
    return Reread(read, changed, tuple(rotten))


def _differs(path: Path, expected: bytes | None) -> str:
    try:
        found = digest(path)
    except MediaError as error:
        return error.sentence
    return "" if found == expected else "other bytes, though its size and time did not change"
