"""Disks: what a folder lies on, and what it is called when they fail."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DiskError, DiskFullError, EngineError

_MOUNTS = Path("/proc/self/mountinfo")

_REMOTE = (
    "9p afpfs afs beegfs ceph cifs davfs fuse.davfs2 fuse.glusterfs fuse.rclone fuse.s3fs "
    "fuse.sshfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2 smb3 smbfs"
)
"""Kinds of file system whose other users do not share this computer's memory, nor its locks."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""How the system says that there is no room."""

_OCTAL = re.compile(rb"\\([0-7]{3})")


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn what the system says of a disk into DiskFullError or DiskError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(place) from error
        raise DiskError(place, error.strerror or str(error)) from error


def require_local(folder: Path) -> None:
    """EngineError for a folder on a network file system: SQLite's log needs shared memory.

    What a folder lies on is known on Linux; elsewhere nothing is refused.
    """
    kind = kind_at(folder)
    if is_remote(kind):
        raise EngineError(
            f"The library folder {folder} is on a network file system ({kind}), where several "
            "computers could damage it.",
            hint="Choose a local one with --library PATH; or, if no other computer ever uses it: "
            "seehear index --force",
        )


def kind_at(folder: Path) -> str:
    """The kind of file system that a folder is on now; empty where that is not known."""
    try:
        mounts = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return ""
    return kind_of(Path(os.path.realpath(folder)), mounts)


def is_remote(kind: str) -> bool:
    """Whether a kind of file system is reached over a network."""
    return kind in _REMOTE.split()


def kind_of(folder: Path, mounts: Iterable[bytes]) -> str:
    """The kind of file system that a folder is on; empty when no mount point leads there.

    Args:
        folder: absolute, without symbolic links.
        mounts: lines as in /proc/self/mountinfo (proc_pid_mountinfo(5)).
    """
    best, kind = -1, ""
    for line in mounts:
        fields, _, rest = line.partition(b" - ")
        point = _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), fields.split()[4])
        # Of two at one point, the later hides the earlier.
        if len(point) >= best and folder.is_relative_to(os.fsdecode(point)):
            best, kind = len(point), os.fsdecode(rest.split()[0])
    return kind
