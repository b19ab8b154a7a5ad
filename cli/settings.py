"""Flags and environment, read once into one frozen value."""

import os
from dataclasses import dataclass
from pathlib import Path

LOCAL_LIBRARY = ".seehear"
"""A library of this name in the current folder or above it goes before the user's own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the library is, and how it is made when it is not there yet.

    Attributes:
        library: its folder.
        profile: named for this command; another than the library's own is an error.
        preferred: for new libraries, by the environment.
    """

    library: Path
    profile: str | None = None
    preferred: str | None = None


def read_settings(library: Path | None = None, profile: str | None = None) -> Settings:
    """The flag goes before the environment, the environment before what is found, then XDG."""
    named = library or os.environ.get("SEEHEAR_LIBRARY")
    place = Path(named).expanduser() if named else _found_above() or _default()
    return Settings(place, profile or None, os.environ.get("SEEHEAR_PROFILE") or None)


def _found_above() -> Path | None:
    here = Path.cwd()
    candidates = (folder / LOCAL_LIBRARY for folder in (here, *here.parents))
    return next((place for place in candidates if place.is_dir()), None)


def _default() -> Path:
    from platformdirs import user_data_path

    return user_data_path("seehear") / "library"
