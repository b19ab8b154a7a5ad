"""The exact vector index in plain numpy: slow on millions, and the oracle for every other."""

from collections.abc import Mapping
from typing import Self

import numpy as np

from engine.arrays import places_of, top_k
from engine.bundle import Array, Sink
from engine.types import Ids, Scores, Vectors
from engine.vectors.rows import Rows


class FlatIndex:
    """All rows as float32 in one array, every one of them compared with every query."""

    def __init__(self, ids: Ids, rows: Rows) -> None:
        self._ids = ids
        self._rows = rows[:]

    @classmethod
    def build(cls, ids: Ids, rows: Rows, _sink: Sink) -> Self:
        """The rows are all there is to it."""
        return cls(ids, rows)

    @classmethod
    def load(cls, ids: Ids, rows: Rows, _arrays: Mapping[str, Array]) -> Self:
        """What `build` made."""
        return cls(ids, rows)

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows by inner product, best first, ties by id."""
        ids, rows = self._ids, self._rows
        if among is not None:
            places = places_of(ids, among)
            ids, rows = ids[places], rows[places]
        return top_k(ids, rows @ np.asarray(query, dtype=np.float32), k)
