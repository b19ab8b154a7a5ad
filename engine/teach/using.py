"""Puts taught bridges to use in a library and takes them out of it; searches go on meanwhile."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.bridges import kept
from engine.bridges.taught import End, Taught
from engine.errors import EngineError, UsageError
from engine.library import Library
from engine.search.shelf import TAUGHT
from engine.search.shelf import taught as with_taught
from engine.store.folder import locked
from engine.teach.bridging import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A bridge of a library, and whether it is in use."""

    taught: Taught
    in_use: bool


def check_new(library: Library, name: str) -> None:
    """UsageError when a library has a bridge of that name, which a new one would replace."""
    if name in kept.names(library.path / kept.FOLDER):
        raise UsageError(
            f"There is a bridge '{name}' here already.",
            hint=f"To fit it anew: --name {name}; else give another name with --name",
        )


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
    aside: list[str] = []

    def with_it(used: dict[str, str]) -> dict[str, str]:
        aside.extend(o for o in used if o != name and _joins(folder, o, taught.ends))
        now = {other: digest for other, digest in used.items() if other not in aside}
        return {**now, name: taught.digest}

    _switch(library, with_it)
    return tuple(aside)


def stop_using(library: Library, name: str) -> bool:
    """Search as if a bridge had never been used; says whether it was. It is kept."""
    if name not in library.taught_in_use:
        kept.read(library.path / kept.FOLDER, name)  # an unknown name is told as such
        return False
    _switch(library, lambda used: {o: digest for o, digest in used.items() if o != name})
    return True


def drop(library: Library, name: str) -> None:
    """Stop using a bridge and delete it; UsageError when there is none."""
    folder = library.path / kept.FOLDER
    known = kept.names(folder)
    if name not in known and name not in library.taught_in_use:
        raise UsageError(
            f"There is no bridge '{name}' here.", hint=f"Known: {', '.join(known) or 'none'}."
        )
    if name in library.taught_in_use:
        stop_using(library, name)
    with locked(library.path):
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
    if not file.is_file():
        raise UsageError(f"There is no file {file}.", hint="Name the .json of an exported bridge.")
    found = kept.read_file(file)
    profile = library.untaught
    found.sides(profile.encoders, profile.bridges)
    called = name or found.name
    if called in kept.names(library.path / kept.FOLDER):
        raise UsageError(
            f"There is a bridge '{called}' here already.", hint="Give another name with --name"
        )
    with locked(library.path):
        return kept.put(library.path / kept.FOLDER, found, called)


def _joins(folder: Path, name: str, ends: tuple[End, End]) -> bool:
    """Whether another bridge joins the same two ends; one that cannot be read joins nothing."""
    try:
        return set(kept.read(folder, name).ends) == set(ends)
    except EngineError:
        return False


def _switch(library: Library, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """What others put to use meanwhile is known once the lock is held."""
    with library.writing() as writer:
        used = change(library.taught_in_use)
        profile, _ = with_taught(library.path, used, library.untaught)
        library.follow(writer, profile, {TAUGHT: json.dumps(used) if used else ""})
