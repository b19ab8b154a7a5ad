"""Opening a user's file without hanging on pipes, following links or waking devices."""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import MediaError
from engine.media.reasons import Reason

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# O_NONBLOCK: a pipe answers at once. O_NOCTTY: a terminal does not become ours.
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY

REASONS = {
    errno.EACCES: Reason.PERMISSION,
    errno.EPERM: Reason.PERMISSION,
    errno.ENOENT: Reason.VANISHED,
    errno.ENOTDIR: Reason.VANISHED,
    errno.ESTALE: Reason.VANISHED,
    errno.ELOOP: Reason.NOT_REGULAR,
    errno.ENXIO: Reason.NOT_REGULAR,
    errno.EISDIR: Reason.NOT_REGULAR,
}

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


_watchers: list[Callable[[], None]] = []


def on_progress(call: Callable[[], None]) -> None:
    """Have this called whenever a file, opened from now on, is read beyond where it ever was."""
    _watchers[:] = [call]


class _Watched(io.FileIO):
    """A file that tells when it is read on; what is read twice is no progress."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "rb")
        self._furthest = 0

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        count = super().readinto(buffer)
        if (at := self.tell()) > self._furthest:
            self._furthest = at
            for call in _watchers:
                call()
        return count


def as_media_error(error: OSError) -> MediaError:
    """Say what the operating system meant in our words: permission, vanished, not-regular or io."""
    reason = REASONS.get(error.errno or 0, Reason.IO)
    return MediaError(reason, error.strerror or str(error))


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, and close it afterwards.

    Decided by lstat before and fstat after opening, so that no pipe is waited for and no device
    is read, even when the file is swapped in between.

    Raises:
        MediaError: not-regular, permission, vanished or io; also for operating system errors
            that happen while the file is open.
    """
    try:
        _check_regular(os.lstat(path))
        with io.BufferedReader(_Watched(os.open(path, FLAGS))) as file:
            _check_regular(os.fstat(file.fileno()))
            yield file
    except OSError as error:
        raise as_media_error(error) from error


def _check_regular(status: os.stat_result) -> None:
    """Refuse everything but regular files."""
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise MediaError(Reason.NOT_REGULAR, KINDS.get(kind, "not a file"))
