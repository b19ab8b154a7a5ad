"""Vectors as rows: read a few at a time, each compared with its checksum."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Select, func, select

from engine.arrays import unit_rows
from engine.errors import LibraryDamagedError
from engine.store import schema
from engine.types import BLOCK_ROWS, Embeddings, Modality, Space

_Row = tuple[int, bytes, int]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Living vectors of a space and modality committed after `seq`, by ascending ids.

    They are read anew each time; while another process writes, they may be others.
    """

    path: Path
    reading: Callable[[], AbstractContextManager[Connection]]
    space: Space
    modality: Modality
    seq: int = 0

    def __len__(self) -> int:
        query = select(func.count()).select_from(self._committed.subquery())
        with self.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def blocks(self) -> Iterator[Embeddings]:
        """All of them, a few at a time; LibraryDamagedError for one that fails its checksum."""
        with self.reading() as connection:
            yield from read(connection, self.path, self.space, self._committed)

    @property
    def _committed(self) -> Select[_Row]:
        vector = schema.vector.c
        return (
            of_space(self.space)
            .where(vector.modality == self.modality.value, vector.seq > self.seq)
            .order_by(vector.id)
        )


def of_space(space: Space) -> Select[_Row]:
    """All vectors of a space: id, halves, checksum."""
    vector = schema.vector.c
    return (
        select(vector.id, vector.half, vector.crc32)
        .join(schema.space)
        .where(
            schema.space.c.name == space.name,
            schema.space.c.fingerprint == space.fingerprint,
        )
    )


def read(
    connection: Connection, path: Path, space: Space, query: Select[_Row]
) -> Iterator[Embeddings]:
    """The vectors that a query finds, a few at a time; none give nothing."""
    found = connection.execution_options(yield_per=BLOCK_ROWS).execute(query)
    for rows in found.partitions():
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
