"""The log in a library's folder, written by the one process that holds the library's lock.

Readers never write it, so nobody else turns it over. It is neither synced nor backed up, and one
that cannot be written stops nothing.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engine.log import Lines, log

NAME = "seehear.log"
"""The file; older ones have `.1` and `.2` behind it."""

MAX_BYTES = 1_000_000
OLDER = 2

_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK
"""Whatever somebody put in its place: no link is followed, no pipe waited for."""


def path_of(folder: Path) -> Path:
    """The log of the library in a folder; it need not exist."""
    return folder / NAME


@contextmanager
def kept(folder: Path, remarks: MutableSequence[str]) -> Iterator[None]:
    """Keep what is logged in a library's folder too; the caller holds the library's lock.

    Two libraries that are written at once by threads of one process keep each other's lines.

    Args:
        folder: of the library.
        remarks: gets one sentence if the file cannot be written.
    """

    def give_up(why: str) -> None:
        remarks.append(f"the log {path_of(folder)} could not be written: {why}")

    try:
        handler = _File(path_of(folder), give_up)
    except OSError as error:
        give_up(_why(path_of(folder), error))
        yield
        return
    level = log.level
    log.addHandler(handler)
    log.setLevel(level or logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()


class _File(RotatingFileHandler):
    """A file that only its owner reads, given up at the first line that cannot be written."""

    def __init__(self, path: Path, give_up: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=OLDER)
        self.setFormatter(Lines())
        self.setLevel(logging.INFO)
        self._give_up = give_up
        self._is_given_up = False

    def _open(self) -> TextIOWrapper:
        # Unbuffered, so that nothing is left to be written, and to fail, when it is closed.
        raw = open(self.baseFilename, "ab", buffering=0, opener=_opened)  # noqa: SIM115
        return TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless the file was given up."""
        if not self._is_given_up:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (Python's name)
        """Give the file up."""
        del record
        self._is_given_up = True
        self._give_up(str(sys.exc_info()[1]))


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS, 0o600)


def _why(path: Path, error: OSError) -> str:
    """Why it cannot be opened; of links and pipes the system speaks in riddles."""
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
        return "something else is in its place; move that away"
    return error.strerror or str(error)
