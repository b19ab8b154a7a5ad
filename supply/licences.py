"""THIRD_PARTY.md: every locked package and every model with its licence, from what they say.

python -m supply.licences > THIRD_PARTY.md
"""

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import metadata
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from engine.models import lock
from engine.models.registry import OPEN, RESEARCH, registry
from supply.locked import LAION, LOCK, ROOT, Pin, installed, read

UNKNOWN = "unknown"
_WORD = re.compile(r"[\w.+-]+")
_MOST_WORDS = 100
"""Characters of a licence field that names one; a longer one quotes it."""


@lru_cache(maxsize=1)
def stated() -> dict[str, Any]:
    """What licences.toml says."""
    return tomllib.loads((ROOT / "supply" / "licences.toml").read_text("utf-8"))


def pins() -> tuple[Pin, ...]:
    """Every package that seehear and its tests are installed with, by name."""
    return tuple(sorted([*read(LOCK), *read(LAION)], key=lambda pin: (pin.name, pin.version)))


def licence_of(package: str) -> str:
    """An SPDX expression, or UNKNOWN."""
    known = stated()
    if package in known["stated"]:
        return str(known["stated"][package][0])
    if installed(package) is None:
        return str(known["elsewhere"].get(package, UNKNOWN))
    for said in _said(package):
        if expression := _expression(known["words"].get(said, said)):
            return expression
    return UNKNOWN


def _said(package: str) -> Iterator[str]:
    """What a package says of its licence, the most binding first."""
    told = metadata(package)
    yield from told.get_all("License-Expression", [])
    yield from (words for words in told.get_all("License", []) if len(words) <= _MOST_WORDS)
    named = [one for one in told.get_all("Classifier", []) if one.startswith("License :: ")]
    if len(named) == 1:
        yield named[0].rpartition(" :: ")[2]


def _expression(text: str) -> str:
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return ""


def is_allowed(package: str, licence: str) -> bool:
    """Whether every licence that an expression names may be a package's."""
    known = stated()
    if licence == known["proprietary"]["licence"]:
        return re.fullmatch(known["proprietary"]["packages"], package) is not None
    names = [one for one in _WORD.findall(licence) if one not in {"AND", "OR"}]
    return bool(names) and set(names) <= set(known["allowed"])


def page() -> str:
    """The text of THIRD_PARTY.md."""
    return "\n".join([_HEAD, *_packages(), _BUNDLED, *_bundled(), _MODELS, *_models(), ""])


_HEAD = """# Third parties

What seehear is built on, and whose work that is. Written by `make licences` from what the packages
say of themselves and from `engine/models/models.lock`; a test compares. None of it is part of
seehear's own files: pip installs the packages, models are fetched when they are first used.

## Packages

Everything in `supply/requirements.lock` and `supply/laion.lock`, for all platforms, tests included.
`LicenseRef-BSD` is "BSD License" without saying which.

| package | version | licence |
|---|---|---|"""

_BUNDLED = """
## In wheels, besides

Libraries that the wheels for Linux carry under other than permissive terms. seehear hands no wheel
on; whoever does, in an image or an installer, is bound by these.

| package | libraries | licence | |
|---|---|---|---|"""

_MODELS = """
## Models

| model | licence | whose | |
|---|---|---|---|"""

_USE = {OPEN: "", RESEARCH: "for research only; asks for `--accept-licence`"}


def _packages() -> Iterator[str]:
    versions: dict[str, list[str]] = {}
    for pin in pins():
        versions.setdefault(pin.name, []).append(str(pin.version))
    for name, all_of_it in versions.items():
        yield f"| {name} | {', '.join(all_of_it)} | {licence_of(name)} |"


def _bundled() -> Iterator[str]:
    for row in stated()["bundled"]:
        libraries = ", ".join(row["libraries"])
        yield f"| {row['package']} | {libraries} | {row['licence']} | {row['says']} |"


def _models() -> Iterator[str]:
    rows = registry().models
    for model in lock.shipped().values():
        use = rows[model.id].licence if model.id in rows else OPEN
        link = f"[{model.id}]({model.homepage})" if model.homepage else model.id
        yield f"| {link} | {model.licence} | {model.attribution} | {_USE[use]} |"


if __name__ == "__main__":
    print(page(), end="")
