"""Puts taught bridges to use in a library and takes them out of it; searches go on meanwhile."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.bridges import kept
from engine.bridges.taught import Taught
from engine.errors import UsageError
from engine.library import Library
from engine.search.shelf import TAUGHT
from engine.search.shelf import taught as with_taught
from engine.teach.bridging import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A bridge of a library, and whether it is in use."""

    taught: Taught
    in_use: bool


def bridges_of(library: Library) -> tuple[Listed, ...]:
    """All bridges that a library was taught, by name; BridgeDamagedError for one that is broken."""
    used = library.taught_in_use
    folder = library.path / kept.FOLDER
    return tuple(
        Listed(taught, used.get(taught.name) == taught.digest)
        for taught in (kept.read(folder, name) for name in kept.names(folder))
    )


def use(library: Library, name: str) -> tuple[str, ...]:
    """Search over a bridge from now on; another between the same two ends is put aside.

    What is derived is made first, so a search sees all of it or nothing.

    Returns:
        names of the bridges that were put aside.

    Raises:
        UsageError: there is no such bridge.
        BridgeDamagedError, BridgeMismatchError: it cannot be used; nothing was changed.
        LibraryLockedError: another process is writing.
    """
    folder = library.path / kept.FOLDER
    taught = kept.read(folder, name)
    profile = library.untaught
    taught.sides(profile.encoders, profile.bridges)
    used = library.taught_in_use
    aside = tuple(
        other
        for other in used
        if other != name and set(kept.read(folder, other).ends) == set(taught.ends)
    )
    now = {other: digest for other, digest in used.items() if other not in aside}
    _switch(library, {**now, name: taught.digest})
    return aside


def stop_using(library: Library, name: str) -> bool:
    """Search as if a bridge had never been used; says whether it was. It is kept."""
    used = library.taught_in_use
    if name not in used:
        return False
    _switch(library, {other: digest for other, digest in used.items() if other != name})
    return True


def drop(library: Library, name: str) -> None:
    """Stop using a bridge and delete it; UsageError when there is none."""
    folder = library.path / kept.FOLDER
    known = kept.names(folder)
    if name not in known and name not in library.taught_in_use:
        raise UsageError(
            f"There is no bridge '{name}' here.", hint=f"Known: {', '.join(known) or 'none'}."
        )
    stop_using(library, name)
    kept.remove(folder, name)


def recall(library: Library, name: str) -> tuple[Lesson, bool]:
    """What was measured when a bridge was fitted, and whether it is in use."""
    taught = kept.read(library.path / kept.FOLDER, name)
    in_use = library.taught_in_use.get(name) == taught.digest
    return Lesson(taught, taught.bridge.report), in_use


def hand_out(library: Library, name: str, folder: Path) -> tuple[Path, ...]:
    """Write a bridge into a folder; returns its files, the JSON first."""
    taught = kept.read(library.path / kept.FOLDER, name)
    return kept.files(folder, kept.put(folder, taught, name))


def take_in(library: Library, file: Path, name: str | None = None) -> Taught:
    """Keep a bridge that was exported, under its own name or another; it is not used yet.

    Raises:
        BridgeDamagedError: a file is missing or not as it was written.
        BridgeMismatchError: it was fitted between other encoders than the library's.
        UsageError: the library has one of that name.
    """
    found = kept.read_file(file)
    profile = library.untaught
    found.sides(profile.encoders, profile.bridges)
    called = name or found.name
    if called in kept.names(library.path / kept.FOLDER):
        raise UsageError(
            f"There is a bridge '{called}' here already.", hint="Give another name with --name"
        )
    return kept.put(library.path / kept.FOLDER, found, called)


def _switch(library: Library, used: Mapping[str, str]) -> None:
    profile, _ = with_taught(library.path, used, library.untaught)
    with library.writing() as writer:
        library.follow(writer, profile, {TAUGHT: json.dumps(used) if used else ""})
