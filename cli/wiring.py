"""From settings to objects: the one place where a library is opened for a command."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cli.settings import Settings

if TYPE_CHECKING:
    from engine.library import Library


def open_library(
    settings: Settings, *, create: bool = False, any_encoders: bool = False
) -> "Library":
    """Open the library that the settings name."""
    from engine.library import Library

    return Library.open(
        settings.library, create=create, profile=settings.profile, any_encoders=any_encoders
    )


def files_among(terms: list[str]) -> tuple[list[str], list[Path]]:
    """Split query terms into words and files: `./x.jpg`, or the path of a file that is there.

    `text:x.jpg` is always words.
    """
    words, files = [], []
    for term in terms:
        path = Path(os.path.expanduser(term))  # noqa: PTH111  (pathlib fails on ~ and any word)
        if term.startswith("text:"):
            words.append(term.removeprefix("text:"))
        elif term.startswith(("./", "/", "~/")) or _is_file(path):
            files.append(path)
        else:
            words.append(term)
    return [os.fsencode(word).decode(errors="replace") for word in words], files


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a sentence may be longer than a name can be
        return False
