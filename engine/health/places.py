"""Where things lie: room, who may read and write there, and on what kind of file system."""

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.health.finding import Finding, State
from engine.store.disks import is_remote, kind_at

LEAST_FREE = 1 << 30
"""With less room than this, a first model or a snapshot may not fit."""

_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def place(folder: Path, *, private: bool, instead: str) -> Iterator[Finding]:
    """Findings about a folder that may not be there yet.

    Args:
        folder: of a library, or of models.
        private: others should not even read it.
        instead: how to name another one.
    """
    there = _nearest(folder)
    if not there.is_dir():
        yield Finding("folder", f"{there} is no folder", State.WRONG, instead)
        return
    yield Finding("folder", f"{folder}{'' if there == folder else '  (not made yet)'}")
    yield _room(there)
    if os.access(there, os.W_OK | os.X_OK):
        yield _access(there, is_made=there == folder, private=private)
    else:
        yield Finding("access", "you cannot write there", State.NOTE, instead)
    kind = kind_at(there)
    if is_remote(kind):
        told = f"{kind}, over a network: one computer at a time"
        yield Finding("file system", told, State.NOTE)
    elif kind:
        yield Finding("file system", f"{kind}, of this computer")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above that is there, as far as one may look."""
    return next(one for one in (folder, *folder.parents) if os.path.exists(one))  # noqa: PTH110  (Path's raises)


def _room(there: Path) -> Finding:
    free = shutil.disk_usage(there).free
    told = f"{free / 1e9:,.1f} GB free"
    if free >= LEAST_FREE:
        return Finding("room", told)
    return Finding("room", told, State.NOTE, f"Free some space: df -h {shlex.quote(str(there))}")


def _access(there: Path, *, is_made: bool, private: bool) -> Finding:
    name = shlex.quote(str(there))
    mode = stat.S_IMODE(there.stat().st_mode)
    if is_made and mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
        return Finding("access", "others may write there", State.NOTE, f"chmod go-w {name}")
    if is_made and private and mode & _OTHERS_READ:
        return Finding("access", "others may read it", State.NOTE, f"chmod 700 {name}")
    readers = "others may read it" if mode & _OTHERS_READ else "nobody else may read it"
    return Finding("access", f"you may write; {readers}" if is_made else "you may make it")
