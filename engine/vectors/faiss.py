"""The vector index on FAISS: exact inner product over float16 rows."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.arrays import places_of, places_of_all, top_k
from engine.errors import MissingPackageError
from engine.types import Ids, Scores, Vectors

_HEADER = np.dtype("<i8").itemsize


_CORES = os.cpu_count() or 1
_ROWS_OF_A_PART = 10_000
"""Fewer rows are scanned before a second thread has started."""


_READ_COST = 12
"""Reading a row out of the index costs as much as scanning so many."""


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_CORES, thread_name_prefix="scan")


def _faiss() -> Any:  # noqa: ANN401  (faiss is imported late, so its types are not at hand)
    try:
        import faiss
    except ImportError as error:
        raise MissingPackageError(
            "faiss",
            "search vectors",
            'pip install "seehear[cpu]"   (or "seehear[gpu]" on Linux with an NVIDIA card)',
        ) from error
    # One query is searched at a time; with more threads FAISS takes a path that is slower for it.
    faiss.omp_set_num_threads(1)
    return faiss


def described() -> str:
    """Its version, and with which vector instructions it runs."""
    faiss = _faiss()
    return f"{faiss.__version__}, running with {_instructions(faiss)}"


def _instructions(faiss: Any) -> str:  # noqa: ANN401  (FAISS has no types)
    """Newer ones choose when they start, older ones when they are imported."""
    if hasattr(faiss, "SIMDConfig"):
        return str(faiss.SIMDConfig.get_level_name())
    built = ("AVX512_SPR", "AVX512", "AVX2", "SVE", "NEON")
    return next((one for one in built if one in faiss.get_compile_options()), "none")


def _parameters(selector: Any) -> Any:  # noqa: ANN401  (FAISS has no types)
    return _faiss().SearchParameters(sel=selector)


class FaissIndex:
    """FAISS' scalar quantizer at float16, which loses nothing here: rows are stored as float16.

    FAISS numbers rows by position; the ids beside them are ours, so that removal keeps order.
    """

    def __init__(self, dim: int) -> None:
        faiss = _faiss()
        self._index = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._ids: Ids = np.empty(0, dtype=np.int64)

    @property
    def dim(self) -> int:
        """Number of components of a row."""
        return int(self._index.d)

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
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        self._ids = np.concatenate([self._ids, ids])

    def remove(self, ids: Ids) -> None:
        """Take rows away; KeyError for an id that is not there."""
        if not np.isin(ids, self._ids).all():
            raise KeyError("an id to remove is not in the index")
        gone = np.isin(self._ids, ids)
        self._index.remove_ids(np.flatnonzero(gone).astype(np.int64))
        self._ids = self._ids[~gone]

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows by inner product, best first, ties by id."""
        chosen = None if among is None else places_of(self._ids, among)
        k = min(k, len(self) if chosen is None else len(chosen))
        if k < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        if chosen is not None and len(chosen) * _READ_COST < len(self):
            return top_k(self._ids[chosen], self._read(chosen) @ row[0], k)
        scores, positions = self._scan(row, k, None if chosen is None else self._bitmap(chosen))
        found = positions >= 0  # FAISS fills a part that has fewer than k rows with -1
        return top_k(self._ids[positions[found]], scores[found], k)

    def rows(self, ids: Ids) -> Vectors:
        """The rows of these ids, in their order; KeyError for one that is not there."""
        return self._read(places_of_all(self._ids, ids))

    def _read(self, places: Ids) -> Vectors:
        if not len(places):
            return np.empty((0, self.dim), dtype=np.float32)
        return np.asarray(self._index.reconstruct_batch(places))

    def _bitmap(self, places: Ids) -> npt.NDArray[np.uint8]:
        """A bit for each row, as FAISS wants them."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[places] = True
        return np.packbits(chosen, bitorder="little")

    def _scan(
        self, row: Vectors, k: int, bitmap: npt.NDArray[np.uint8] | None
    ) -> tuple[Scores, Ids]:
        """The k best of each part of the rows, the parts at the same time."""
        faiss = _faiss()
        parts = max(1, min(_CORES, len(self) // _ROWS_OF_A_PART))
        bounds = np.linspace(0, len(self), parts + 1).astype(int).tolist()

        def scan(start: int, end: int) -> tuple[Scores, Ids]:
            only = faiss.IDSelectorRange(start, end)
            if bitmap is not None:
                chosen = faiss.IDSelectorBitmap(len(self), faiss.swig_ptr(bitmap))
                only = faiss.IDSelectorAnd(only, chosen)
            scores, positions = self._index.search(row, k, params=_parameters(only))
            return scores[0], positions[0]

        if parts == 1:
            return scan(0, len(self))
        found = list(_pool().map(scan, bounds[:-1], bounds[1:]))
        return np.concatenate([s for s, _ in found]), np.concatenate([p for _, p in found])

    def dump(self) -> bytes:
        """Number of ids, the ids, then FAISS' own bytes."""
        header = np.array([len(self._ids)], dtype="<i8").tobytes()
        serialized = _faiss().serialize_index(self._index)
        return b"".join([header, self._ids.astype("<i8").tobytes(), serialized.tobytes()])

    @classmethod
    def load(cls, dumped: bytes | memoryview) -> "FaissIndex":
        """The index that `dump` wrote; ValueError when the bytes are not one.

        FAISS does not notice every damage: load only bytes whose digest was checked.
        """
        faiss = _faiss()
        try:
            count = int(np.frombuffer(dumped, dtype="<i8", count=1)[0])
            ids = np.frombuffer(dumped, dtype="<i8", count=count, offset=_HEADER)
            body = np.frombuffer(dumped, dtype=np.uint8, offset=_HEADER * (1 + count))
            stored = faiss.deserialize_index(body)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"not a dumped index: {error}") from error
        if stored.ntotal != count:
            raise ValueError(f"not a dumped index: {stored.ntotal} rows for {count} ids")
        index = cls.__new__(cls)
        index._index, index._ids = stored, ids.astype(np.int64)  # noqa: SLF001  (its own class)
        return index
