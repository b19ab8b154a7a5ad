"""Is everything as it should be? Programs, computer, library, models, decoders, encoders."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from engine import models
from engine.health import containers, machine, meaning, places, programs
from engine.health.finding import Finding, Section, State, tried, wrong
from engine.library import Library
from engine.models.cache import shelf
from engine.profile import DEFAULT
from engine.store.folder import CATALOGUE, is_there

__all__ = ["Finding", "Section", "State", "examine"]


def examine(folder: Path, preferred: str | None = None) -> Iterator[Section]:
    """Sections as they are found; nothing is fetched, built or repaired.

    Args:
        folder: of the library, which need not be there.
        preferred: the profile of a new library; None for the usual one.
    """
    yield _section("Programs", programs.packages)
    yield _section("Libraries inside", programs.libraries)
    yield _section("Computer", machine.machine)
    held, profile = _library(folder, preferred or DEFAULT)
    where = "Choose another with: --library PATH"
    yield _section("Library", lambda: [*places.place(folder, private=True, instead=where), *held])
    yield _section("Models", lambda: _models(profile))
    yield _section("Decoding", _decoding)
    yield _section("Encoding", lambda: meaning.encoders(profile))


def _section(title: str, look: Callable[[], Iterable[Finding]]) -> Section:
    """What a look finds; what it stumbles over is the last finding."""
    found: list[Finding] = []
    try:
        found.extend(look())
    except Exception as error:  # noqa: BLE001  (a doctor tells of every illness)
        found.append(wrong(title.lower(), error))
    return Section(title, tuple(found))


def _library(folder: Path, profile: str) -> tuple[list[Finding], str]:
    """What is to be told of the library in a folder, and the profile in use."""
    try:
        if not is_there(folder / CATALOGUE):
            return [], profile
        with Library.open(folder, any_encoders=True) as library:
            held, lies = library.status(), library.condition()
            remarks = list(library.remarks)
    except Exception as error:  # noqa: BLE001  (a doctor tells of every illness)
        return [wrong("catalogue", error)], profile
    files = sum(held.files.values())
    found = [
        Finding("catalogue", f"format {lies.format}, {lies.told}"),
        Finding("holds", f"{files:,} files by profile {held.profile}"),
    ]
    if held.problems:
        told = f"{len(held.problems):,} files could not be indexed"
        found.append(Finding("skipped", told, State.NOTE, "seehear status"))
    return found + [Finding("note", one, State.NOTE) for one in remarks], held.profile


def _models(used: str) -> Iterator[Finding]:
    folder = shelf("any").parent
    where = "XDG_CACHE_HOME names another cache folder"
    yield from places.place(folder, private=False, instead=where)
    for one in models.registry().profiles.values():
        if not one.hidden:
            name = f"{one.name}{' (in use)' if one.name == used else ''}"
            yield tried(name, partial(_profile, name, one.models))


def _profile(name: str, ids: tuple[str, ...]) -> Finding:
    return Finding(name, "ready" if all(map(models.is_ready, ids)) else "not here")


def _decoding() -> Iterator[Finding]:
    with machine.decoding_pool() as pool:
        yield machine.confinement(pool)
        yield from containers.containers(pool)
