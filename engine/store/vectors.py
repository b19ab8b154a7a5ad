"""Vectors as rows: read a few at a time, each compared with its checksum."""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.arrays import unit_rows
from engine.errors import LibraryDamagedError
from engine.store.session import Session
from engine.types import BLOCK_ROWS, Embeddings, Ids, Modality, Space

_READ = """
SELECT v.id, v.half, v.crc32 FROM vector AS v JOIN space AS p ON p.id = v.space_id {join}
WHERE p.name = ? AND p.fingerprint = ? AND {where} ORDER BY {order}
"""

_SINCE = _READ.format(join="", where="v.modality = ? AND v.seq > ?", order="v.id")

_COUNT = """
SELECT count(*) FROM vector AS v JOIN space AS p ON p.id = v.space_id
WHERE p.name = ? AND p.fingerprint = ? AND v.modality = ? AND v.seq > ?
"""

_OF_CONTENT = _READ.format(
    join="JOIN segment AS s ON s.id = v.segment_id JOIN content AS c ON c.id = s.content_id",
    where="c.digest = ?",
    order="s.ordinal",
)

_WITH_IDS = _READ.format(join="", where="v.id IN (SELECT value FROM json_each(?))", order="v.id")


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Living vectors of a space and modality committed after `seq`, by ascending ids.

    They are read anew each time; while another process writes, they may be others.
    """

    path: Path
    reading: Callable[[], AbstractContextManager[Session]]
    space: Space
    modality: Modality
    seq: int = 0

    def __len__(self) -> int:
        with self.reading() as connection:
            return int(connection.exec_driver_sql(_COUNT, self._which).scalar_one())

    def blocks(self) -> Iterator[Embeddings]:
        """All of them, a few at a time; LibraryDamagedError for one that fails its checksum."""
        with self.reading() as connection:
            yield from _read(connection, self.path, self.space, _SINCE, self._which)

    @property
    def _which(self) -> tuple[str, str, str, int]:
        return self.space.name, self.space.fingerprint, self.modality.value, self.seq


def of_content(connection: Session, path: Path, digest: bytes, space: Space) -> Embeddings:
    """The vectors of one content in a space, in the order of its segments."""
    which = (space.name, space.fingerprint, digest)
    return joined(space, _read(connection, path, space, _OF_CONTENT, which))


def with_ids(connection: Session, path: Path, ids: Ids, space: Space) -> Embeddings:
    """The vectors of these ids in a space, by vector id; ids that are gone are left out."""
    which = (space.name, space.fingerprint, json.dumps(ids.tolist()))
    return joined(space, _read(connection, path, space, _WITH_IDS, which))


def _read(
    connection: Session, path: Path, space: Space, query: str, which: tuple[Any, ...]
) -> Iterator[Embeddings]:
    """The vectors that a query finds, a few at a time; none give nothing."""
    for rows in connection.exec_driver_sql(query, which).partitions(BLOCK_ROWS):
        for row in rows:
            if zlib.crc32(row.half) != row.crc32 or len(row.half) != 2 * space.dim:
                raise LibraryDamagedError(path, f"vector {row.id} fails its checksum")
        ids = np.fromiter((row.id for row in rows), dtype=np.int64, count=len(rows))
        half = np.frombuffer(b"".join(row.half for row in rows), dtype="<f2")
        vectors = half.reshape(len(rows), space.dim).astype(np.float32)
        yield Embeddings(space, ids, unit_rows(vectors))


def joined(space: Space, parts: Iterator[Embeddings]) -> Embeddings:
    """All parts as one."""
    found = list(parts)
    ids = [np.empty(0, dtype=np.int64), *(one.ids for one in found)]
    rows = [np.empty((0, space.dim), dtype=np.float32), *(one.vectors for one in found)]
    return Embeddings(space, np.concatenate(ids), np.concatenate(rows))
