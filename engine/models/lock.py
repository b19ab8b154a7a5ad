"""What models.lock says of each model: its files, their hashes, and whose work they are.

Pins, which are made of a hub's models when they are pulled, have the same form.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name("models.lock")

_NAME = re.compile(r"[\w][\w.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
        if self.size < 0 or not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.name} needs a size and a sha256 of 64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class LockedModel:
    """One model of the lock.

    Attributes:
        id: short and stable, for example ``minilm``.
        files: what it consists of; none while nobody wrote down their hashes (`hub` is set then).
        licence: SPDX expression, or words.
        attribution: whom to name, and what was changed.
        homepage: where to read more.
        download: bytes that a first fetch takes, about; 0 where nobody knows.
        builder: which of BUILDERS builds it; empty for a model that is used as it is fetched.
        hub: ``OWNER/NAME@COMMIT`` that the files are pinned from at the first pull.
        weights: names and sha256 of files whose hashes are known before that.
    """

    id: str
    files: tuple[LockedFile, ...]
    licence: str
    attribution: str
    homepage: str
    download: int
    builder: str = ""
    hub: str = ""
    weights: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not a plain model id")
        if not (self.files or self.hub) or len({f.name for f in self.files}) != len(self.files):
            raise ValueError(f"{self.id} needs files, each under its own name")

    @property
    def digest(self) -> str:
        """Digest of the bytes that the model consists of; words about them do not change it."""
        if not self.files:
            raise ValueError(f"{self.id} has no files yet: it is not pinned")
        return _digest(self.id, self.files)


@lru_cache(maxsize=64)
def _digest(model_id: str, files: tuple[LockedFile, ...]) -> str:
    content = [model_id, sorted((file.name, file.size, file.sha256) for file in files)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def shipped() -> dict[str, LockedModel]:
    """Every model of the lock by id, in its order."""
    return _shipped(LOCK, LOCK.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _shipped(lock: Path, _changed_ns: int) -> dict[str, LockedModel]:
    return read_rows(lock.read_text("utf-8"))


@lru_cache(maxsize=8)
def read_rows(text: str) -> dict[str, LockedModel]:
    """Models by id from the text of a lock; ValueError or TypeError where a row is malformed."""
    return {model_id: _model(model_id, row) for model_id, row in tomllib.loads(text).items()}


def _model(model_id: str, row: dict[str, Any]) -> LockedModel:
    files = tuple(_file(**file) for file in row.get("files", ()))
    weights = tuple(dict(row.get("weights", {})).items())
    return LockedModel(model_id, **{**row, "files": files, "weights": weights})


def _file(*, name: str, source: str, size: int, sha256: str) -> LockedFile:
    scheme, _, rest = source.partition(":")
    locator, _, inner = rest.rpartition("!")
    if not (scheme and locator and inner):
        raise ValueError(f"{source!r} is not SCHEME:LOCATOR!PATH-INSIDE")
    return LockedFile(name, scheme, locator, inner, size, sha256)


def write_row(model: LockedModel) -> str:
    """The text of a lock with this model as its only row."""
    words = ("licence", "attribution", "homepage", "builder", "hub")
    lines = [f"[{json.dumps(model.id)}]", *(_line(word, getattr(model, word)) for word in words)]
    lines.append(f"download = {model.download}")
    for file in model.files:
        source = f"{file.scheme}:{file.locator}!{file.inner}"
        lines += [
            "",
            f"[[{json.dumps(model.id)}.files]]",
            _line("name", file.name),
            _line("source", source),
        ]
        lines += [f"size = {file.size}", _line("sha256", file.sha256)]
    return "\n".join(lines) + "\n"


def _line(key: str, value: str) -> str:
    # A JSON string is a TOML string, but for one character that neither needs.
    return f"{key} = {json.dumps(value.replace(chr(127), ''), ensure_ascii=False)}"
