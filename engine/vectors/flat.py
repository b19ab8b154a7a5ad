"""The exact vector index in plain numpy: slow on millions, and the oracle for every other."""

import io
from zipfile import BadZipFile

import numpy as np

from engine.arrays import places_of, places_of_all, through_half, top_k
from engine.types import Ids, Scores, Vectors


class FlatIndex:
    """Rows in one array, every one of them compared with every query."""

    def __init__(self, dim: int) -> None:
        self._ids: Ids = np.empty(0, dtype=np.int64)
        self._rows: Vectors = np.empty((0, dim), dtype=np.float32)

    @property
    def dim(self) -> int:
        """Number of components of a row."""
        return int(self._rows.shape[1])

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> Ids:
        """The id of every row."""
        return self._ids

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add rows under new ids; ValueError for an id that is there already."""
        ids = np.asarray(ids, dtype=np.int64)
        if (np.diff(np.sort(ids)) == 0).any() or np.isin(ids, self._ids).any():
            raise ValueError("an id may be added once only")
        self._ids = np.concatenate([self._ids, ids])
        self._rows = np.concatenate([self._rows, through_half(vectors)])

    def remove(self, ids: Ids) -> None:
        """Take rows away; KeyError for an id that is not there."""
        if not np.isin(ids, self._ids).all():
            raise KeyError("an id to remove is not in the index")
        kept = ~np.isin(self._ids, ids)
        self._ids, self._rows = self._ids[kept], self._rows[kept]

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows by inner product, best first, ties by id."""
        ids, rows = self._ids, self._rows
        if among is not None:
            places = places_of(ids, among)
            ids, rows = ids[places], rows[places]
        return top_k(ids, rows @ np.asarray(query, dtype=np.float32), k)

    def rows(self, ids: Ids) -> Vectors:
        """The rows of these ids, in their order; KeyError for one that is not there."""
        return np.asarray(self._rows[places_of_all(self._ids, ids)])

    def dump(self) -> bytes:
        """The index as an uncompressed npz archive."""
        buffer = io.BytesIO()
        np.savez(buffer, ids=self._ids, rows=self._rows.astype(np.float16))
        return buffer.getvalue()

    @classmethod
    def load(cls, dumped: bytes | memoryview) -> "FlatIndex":
        """The index that `dump` wrote; ValueError when the bytes are not one."""
        try:
            with np.load(io.BytesIO(dumped), allow_pickle=False) as archive:
                ids, rows = archive["ids"], archive["rows"]
        except (BadZipFile, ValueError, KeyError, EOFError, OSError) as error:
            raise ValueError(f"not a dumped index: {error}") from error
        index = cls(rows.shape[1])
        index._ids, index._rows = ids, rows.astype(np.float32)
        return index
