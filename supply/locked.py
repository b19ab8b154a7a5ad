"""What the lock files hold, what pyproject.toml asks for, and where the two differ."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK, LAION, TOOLS = (
    ROOT / "supply" / f"{name}.lock" for name in ("requirements", "laion", "tools")
)
EXTRAS = ("cpu", "heic", "speech")
"""What requirements.lock covers besides the dependencies themselves and the group `dev`."""

PYTHONS = ("3.11", "3.12", "3.13")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock: the version that is taken, where, and the hashes of its files."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """As registries write it."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> Version:
        """ValueError unless exactly one version is taken."""
        (only,) = self.requirement.specifier
        if only.operator != "==" or only.version.endswith("*"):
            raise ValueError(f"{self.requirement} is not one version")
        return Version(only.version)

    def is_for(self, python: str) -> bool:
        """Whether it is installed on Linux x86-64 with that Python."""
        return _holds(self.requirement, python)


def read(lock: Path) -> tuple[Pin, ...]:
    """Every package of a lock, in its order."""
    return read_text(lock.read_text("utf-8"))


def read_text(text: str) -> tuple[Pin, ...]:
    """Every package of a lock's text; InvalidRequirement for a line that is none."""
    lines = text.replace("\\\n", " ").splitlines()
    return tuple(_pin(line) for line in lines if line.strip() and not line.startswith("#"))


def _pin(line: str) -> Pin:
    return Pin(Requirement(line.partition(" --")[0]), tuple(_HASH.findall(line)))


def project() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def asked(lock: Path) -> tuple[Requirement, ...]:
    """What pyproject.toml asks for that a lock must answer."""
    groups = project()["dependency-groups"]
    if lock == LOCK:
        table = project()["project"]
        own = [*table["dependencies"]]
        own += [one for extra in EXTRAS for one in table["optional-dependencies"][extra]]
        return tuple(map(Requirement, [*own, *resolve_dependency_groups(groups, "dev")]))
    group = {LAION: "laion-code", TOOLS: "tools"}[lock]
    return tuple(map(Requirement, resolve_dependency_groups(groups, group)))


def unanswered(pins: Iterable[Pin], requirements: Iterable[Requirement]) -> Iterator[str]:
    """A sentence for each requirement that a lock does not answer, with one version, anywhere."""
    pins = tuple(pins)
    for python in PYTHONS:
        for one in requirements:
            if not _holds(one, python):
                continue
            name = canonicalize_name(one.name)
            found = [pin.version for pin in pins if pin.name == name and pin.is_for(python)]
            if len(found) != 1 or not one.specifier.contains(found[0], prereleases=True):
                said = ", ".join(map(str, found)) or "nothing"
                yield f"{one} is asked for; Python {python} gets {said}"


def unhashed(pins: Iterable[Pin]) -> list[str]:
    """Names of packages that any bytes could stand in for."""
    return [pin.name for pin in pins if not pin.hashes]


def unneeded(pins: Iterable[Pin], requirements: Iterable[Requirement]) -> list[str]:
    """Names of packages that nothing asks for, on any platform, by what is installed here."""
    return sorted({pin.name for pin in pins} - _reached(requirements))


def not_installed(pins: Iterable[Pin], python: str) -> list[str]:
    """Where this environment is not what a lock installs in it: names with both versions."""
    wanted = {pin.name: str(pin.version) for pin in pins if pin.is_for(python)}
    here = {name: installed(name) for name in wanted}
    return [
        f"{name} {wanted[name]} is locked, {here[name] or 'none'} is here"
        for name in sorted(wanted)
        if here[name] != wanted[name]
    ]


@lru_cache(maxsize=1_000)
def installed(name: str) -> str | None:
    """The version of a package in this environment."""
    try:
        return str(Version(distribution(name).version))
    except PackageNotFoundError:
        return None


def _reached(requirements: Iterable[Requirement]) -> set[str]:
    seen: set[tuple[str, str]] = set()
    left = list(requirements)
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        for extra in ("", *map(canonicalize_name, one.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                left += _requires(name, extra)
    return {name for name, _ in seen}


def _requires(name: str, extra: str) -> list[Requirement]:
    """What a package asks for with one extra (or none), wherever that may be."""
    said = distribution(name).requires if installed(name) else None
    found = [Requirement(one) for one in said or ()]
    return [one for one in found if extra in (_extras_of(one) or {""})]


def _extras_of(one: Requirement) -> set[str]:
    named = re.findall(r"extra\s*==\s*['\"]([^'\"]+)", str(one.marker or ""))
    return set(map(canonicalize_name, named))


def _holds(one: Requirement, python: str) -> bool:
    linux = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
    here = {"python_version": python, "python_full_version": f"{python}.9", "os_name": "posix"}
    plain = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return one.marker is None or one.marker.evaluate({**linux, **here, **plain, "extra": ""})
