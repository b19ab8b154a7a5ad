"""Rows that are costly to make and always the same: kept in the user's cache, read afterwards."""

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from engine.models.cache import sealed, spoken, unsealed
from engine.points import reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.types import Vectors


def remembered(part: str, name: str, count: int, make: "Callable[[], Vectors]") -> "Vectors":
    """The rows (count, dim) of that name, read from the cache, or made now and put there.

    Args:
        part: folder of the cache.
        name: stands for everything that the rows depend on.
        count: how many there must be.
        make: makes them.
    """
    file = user_cache_path("seehear", appauthor=False) / part / f"{name}.npy"
    known = _read(file, count)
    if known is None:
        known = make()
        _write(file, known)
    return known


def _read(file: Path, count: int) -> "Vectors | None":
    import numpy as np

    data = unsealed(file)
    if data is None:
        return None
    try:
        rows = np.load(BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError):  # another program's, with a checksum of ours
        return None
    return rows if len(rows) == count else None


def _write(file: Path, rows: "Vectors") -> None:
    """Write under another name first: an interrupted process leaves nothing that would be read."""
    import numpy as np

    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with spoken(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
            # numpy's own writing to a file forgets why it failed.
            np.save(made := BytesIO(), rows)
            with part.open("wb") as stream:
                stream.write(sealed(made.getvalue()))
                stream.flush()
                os.fsync(stream.fileno())
            reached("cache-written")
            part.replace(file)
    finally:
        part.unlink(missing_ok=True)
