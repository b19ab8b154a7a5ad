"""The vector index on FAISS: exact inner product over float16 rows."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from engine.arrays import places_of, top_k
from engine.bundle import Array, Sink
from engine.errors import MissingPackageError
from engine.types import Ids, Scores, Vectors
from engine.vectors.rows import Rows

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

    FAISS numbers rows by position; the ids beside them are ours.
    """

    def __init__(self, ids: Ids, rows: Rows, index: Any) -> None:  # noqa: ANN401  (no types)
        self._ids, self._rows, self._index = ids, rows, index

    @classmethod
    def build(cls, ids: Ids, rows: Rows, sink: Sink) -> Self:
        """Hand all rows to FAISS, a few at a time."""
        faiss = _faiss()
        index = faiss.IndexScalarQuantizer(
            rows.dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        for _, block in rows.by_blocks():
            index.add(block)
        dumped = faiss.serialize_index(index)
        sink.fill("faiss", np.uint8, dumped.shape, [dumped])
        return cls(ids, rows, index)

    @classmethod
    def load(cls, ids: Ids, rows: Rows, arrays: Mapping[str, Array]) -> Self:
        """What `build` made; FAISS does not notice every damage, so it must have been checked."""
        return cls(ids, rows, _faiss().deserialize_index(arrays["faiss"]))

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows by inner product, best first, ties by id."""
        chosen = None if among is None else places_of(self._ids, among)
        k = min(k, len(self._ids) if chosen is None else len(chosen))
        if k < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        row = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        if chosen is not None and len(chosen) * _READ_COST < len(self._ids):
            return top_k(self._ids[chosen], self._rows[chosen] @ row[0], k)
        scores, positions = self._scan(row, k, None if chosen is None else self._bitmap(chosen))
        found = positions >= 0  # FAISS fills a part that has fewer than k rows with -1
        return top_k(self._ids[positions[found]], scores[found], k)

    def _bitmap(self, places: Ids) -> npt.NDArray[np.uint8]:
        """A bit for each row, as FAISS wants them."""
        chosen = np.zeros(len(self._ids), dtype=bool)
        chosen[places] = True
        return np.packbits(chosen, bitorder="little")

    def _scan(
        self, row: Vectors, k: int, bitmap: npt.NDArray[np.uint8] | None
    ) -> tuple[Scores, Ids]:
        """The k best of each part of the rows, the parts at the same time."""
        faiss = _faiss()
        count = len(self._ids)
        parts = max(1, min(_CORES, count // _ROWS_OF_A_PART))
        bounds = np.linspace(0, count, parts + 1).astype(int).tolist()

        def scan(start: int, end: int) -> tuple[Scores, Ids]:
            only = faiss.IDSelectorRange(start, end)
            if bitmap is not None:
                chosen = faiss.IDSelectorBitmap(count, faiss.swig_ptr(bitmap))
                only = faiss.IDSelectorAnd(only, chosen)
            scores, positions = self._index.search(row, k, params=_parameters(only))
            return scores[0], positions[0]

        if parts == 1:
            return scan(0, count)
        found = list(_pool().map(scan, bounds[:-1], bounds[1:]))
        return np.concatenate([s for s, _ in found]), np.concatenate([p for _, p in found])
