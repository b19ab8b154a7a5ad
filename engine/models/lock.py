"""What models.lock says of each model: its files, their hashes, and whose work they are."""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import ModelError

LOCK = Path(__file__).with_name("models.lock")

_NAME = re.compile(r"[\w][\w.-]*")


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of a model and the bytes it must have.

    Attributes:
        name: what it is called in the cache; a plain name, no folders.
        scheme: which kind of source holds it, for example ``pypi``.
        locator: what that source needs to find the archive or folder.
        inner: the file's path inside the archive or folder.
        size: in bytes.
        sha256: hexadecimal.
    """

    name: str
    scheme: str
    locator: str
    inner: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a plain file name")
        if ".." in Path(self.inner).parts or Path(self.inner).is_absolute():
            raise ValueError(f"{self.inner!r} leads out of its archive")
        if self.size < 0 or not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(f"{self.name} needs a size and a sha256 of 64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class LockedModel:
    """One model of the lock.

    Attributes:
        id: short and stable, for example ``minilm``.
        files: at least one.
        licence: SPDX expression, or words.
        attribution: whom to name, and what was changed.
        homepage: where to read more.
        download: bytes that a first fetch takes, about.
    """

    id: str
    files: tuple[LockedFile, ...]
    licence: str
    attribution: str
    homepage: str
    download: int

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not a plain model id")
        if not self.files or len({file.name for file in self.files}) != len(self.files):
            raise ValueError(f"{self.id} needs files, each under its own name")

    @property
    def digest(self) -> str:
        """Digest of the bytes that the model consists of; words about them do not change it."""
        content = [self.id, sorted((file.name, file.size, file.sha256) for file in self.files)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def locked(model_id: str) -> LockedModel:
    """The lock's entry of a model; ModelError for an id that it does not know."""
    models = _read(LOCK.read_text("utf-8"))
    if model_id not in models:
        raise ModelError(f"There is no model '{model_id}'.", hint=f"Known: {', '.join(models)}.")
    return models[model_id]


def all_locked() -> tuple[LockedModel, ...]:
    """Every model of the lock, in its order."""
    return tuple(_read(LOCK.read_text("utf-8")).values())


@lru_cache(maxsize=4)
def _read(text: str) -> dict[str, LockedModel]:
    return {model_id: _model(model_id, row) for model_id, row in tomllib.loads(text).items()}


def _model(model_id: str, row: dict[str, Any]) -> LockedModel:
    files = tuple(_file(**file) for file in row["files"])
    return LockedModel(model_id, **{**row, "files": files})


def _file(*, name: str, source: str, size: int, sha256: str) -> LockedFile:
    scheme, _, rest = source.partition(":")
    locator, _, inner = rest.rpartition("!")
    if not (scheme and locator and inner):
        raise ValueError(f"{source!r} is not SCHEME:LOCATOR!PATH-INSIDE")
    return LockedFile(name, scheme, locator, inner, size, sha256)
