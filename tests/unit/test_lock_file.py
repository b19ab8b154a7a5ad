"""The lock answers pyproject.toml, whole and no more, with a hash for everything."""

import platform
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from supply import covered
from supply.locked import (
    EXTRAS,
    LAION,
    LOCK,
    ROOT,
    TOOLS,
    asked,
    not_installed,
    project,
    read,
    read_text,
    unanswered,
    unhashed,
    unneeded,
)

# Advisories that are the reason: docs/releasing.md.
FLOORS = {
    "pillow": "12.3",
    "torch": "2.10",
    "transformers": "5.2.1",
    "faiss-cpu": "1.15.1",
    "faiss-gpu": "1.15.1",
    "starlette": "1.3.1",
    "fastapi": "0.165",
    "mcp": "1.23.0",
    "pgvector": "0.8.5",
}
NOW = ("pillow", "torch", "transformers", "faiss-cpu", "faiss-gpu")
"""Those that are dependencies today; the others are checked as soon as they are."""

AGAIN = "make lock"


@pytest.mark.parametrize("lock", [LOCK, LAION, TOOLS], ids=lambda lock: lock.stem)
def test_everything_that_is_asked_for_is_locked_with_a_hash(lock: Path) -> None:
    pins = read(lock)

    assert list(unanswered(pins, asked(lock))) == [], AGAIN
    assert unhashed(pins) == []
    assert all(pin.version for pin in pins)


def test_nothing_is_locked_that_nothing_asks_for() -> None:
    pins = read(LOCK)
    if other := not_installed(pins, ".".join(platform.python_version_tuple()[:2])):
        pytest.skip(f"not run: not installed from the lock: {'; '.join(other[:3])} ...")

    assert unneeded(pins, asked(LOCK)) == [], AGAIN
    assert {pin.name for pin in read(LAION)} == {canonicalize_name(r.name) for r in asked(LAION)}


@pytest.mark.parametrize("lock", [LOCK, LAION, TOOLS], ids=lambda lock: lock.stem)
def test_a_lock_names_no_place(lock: Path) -> None:
    assert re.findall(r"https?:|file:|//|^--|@ |/\w+/", lock.read_text("utf-8"), re.MULTILINE) == []


def test_what_differs_is_named() -> None:
    asks = [Requirement("numpy>=2"), Requirement("gone>=1; sys_platform == 'win32'")]

    hashed = f"--hash=sha256:{'0' * 64}"
    assert list(unanswered(read_text(f"numpy==2.1 \\\n    {hashed}\n"), asks)) == []
    (old, *_) = unanswered(read_text(f"numpy==1.26 {hashed}\n"), asks)
    assert old == "numpy>=2 is asked for; Python 3.11 gets 1.26"
    assert "gets nothing" in next(unanswered((), asks))
    assert len(list(unanswered(read_text("numpy==2.1 ; python_version < '3.12'\n"), asks))) == 2
    assert unhashed(read_text(f"a==1\nb==2 {hashed}\nc==3 {hashed[:-1]}\n")) == ["a", "c"]
    assert unneeded(read_text("numpy==2.1\nleft-over==1\n"), asks) == ["left-over"]


@pytest.mark.parametrize("line", ["numpy>=2", "numpy==2.*", "numpy", "numpy==2,!=3"])
def test_a_range_is_no_lock(line: str) -> None:
    (pin,) = read_text(line)

    with pytest.raises(ValueError, match=r"one version|unpack"):
        _ = pin.version


def lowest(requirement: Requirement) -> Version:
    """The lowest version that a requirement admits."""
    bounds = [one for one in requirement.specifier if one.operator in {">=", "==", "~=", ">"}]
    assert bounds, f"{requirement} has no floor"
    return max(Version(one.version.removesuffix(".*")) for one in bounds)


def everything() -> list[Requirement]:
    """Every requirement of pyproject.toml, of any extra or group."""
    table = project()["project"]
    optional = table["optional-dependencies"].values()
    groups = project()["dependency-groups"].values()
    lines = [*table["dependencies"], *(one for part in (*optional, *groups) for one in part)]
    return [Requirement(line) for line in lines]


def test_no_version_below_a_floor_is_admitted_or_locked() -> None:
    admitted = {canonicalize_name(one.name): one for one in everything()}
    assert set(NOW) <= set(admitted)
    for name, floor in FLOORS.items():
        if name in admitted:
            assert lowest(admitted[name]) >= Version(floor), f"{name} before {floor}"
        assert all(pin.version >= Version(floor) for pin in read(LOCK) if pin.name == name)


def test_the_makefile_locks_what_is_checked_here() -> None:
    said = (ROOT / "Makefile").read_text("utf-8")

    assert f"EXTRAS := {' '.join(EXTRAS)}\n" in said


@pytest.mark.parametrize(
    ("system", "machine", "said"),
    [("Linux", "x86_64", ""), ("Darwin", "arm64", "not tried on Darwin arm64, Python 3.11")],
)
def test_elsewhere_it_is_said_that_the_lock_is_not_used(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, said: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.7")
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))

    if said:
        with pytest.raises(SystemExit, match=said):
            covered.main()
    else:
        covered.main()
