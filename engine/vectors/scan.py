"""The exact vector index for millions of rows: codes are scanned, and few rows are compared.

Each row, less the mean of all, is rounded to 8 bits; these codes, a quarter of the bytes, are
compared with the query's. How far rounding can have moved a product is known, so that no row of the
k best can be missed: all that may be among them are compared again as they were stored.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Self

import numkong
import numpy as np
import numpy.typing as npt

from engine.arrays import blocks, places_of, top_k
from engine.bundle import Array, Sink
from engine.types import Ids, Scores, Vectors
from engine.vectors.rows import Rows

Codes = npt.NDArray[np.int8]
Places = npt.NDArray[np.int64]

TOP = 127
_BLOCK = 1 << 15
"""Rows whose products are made and looked at while they are in the cache."""

_ROWS_OF_A_PART = 50_000
"""Fewer rows are scanned before a second thread has started."""

_READ_COST = 8
"""Reading a chosen row costs as much as scanning so many."""

_LOOSE = 1e-4
"""The share of rows that are not rounded well: one large component would make all codes coarse."""

_FLOAT_ERROR = 1e-5
"""How far two sums of the same float32 products may be apart, and what rounding takes from whole
numbers above 2^24."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How rows became codes.

    Attributes:
        centre: what was taken from each row, (plain,).
        step: what one unit of a code stands for.
        error: length of what rounding took from a row, at most, loose rows aside.
        length: of a row as its code has it, at most.
    """

    centre: Vectors
    step: float
    error: float
    length: float


class ScanIndex:
    """Codes (n, plain) of rows, with the rows themselves at hand."""

    def __init__(self, ids: Ids, rows: Rows, codes: Codes, scale: Scale, loose: Places) -> None:
        self._ids, self._rows = ids, rows
        self._codes, self._scale, self._loose = codes, scale, loose

    @classmethod
    def build(cls, ids: Ids, rows: Rows, sink: Sink) -> Self:
        """Make codes, block by block."""
        plain = rows.without_bias()
        total = np.zeros(plain.dim)
        for _, block in plain.by_blocks():
            total += block.sum(axis=0, dtype=np.float64)
        centre = (total / max(len(plain), 1)).astype(np.float32)
        highest = np.zeros(len(plain), dtype=np.float32)
        for at, block in plain.by_blocks():
            highest[at] = np.abs(block - centre).max(axis=1)
        usual = float(np.quantile(highest, 1 - _LOOSE)) if len(highest) else 0.0
        step = max(usual, 1e-6) / TOP
        errors, lengths = np.zeros(len(plain)), np.zeros(len(plain))

        def coded() -> Iterator[Codes]:
            for at, block in plain.by_blocks():
                code, errors[at], lengths[at] = _coded(block - centre, step)
                yield code

        codes = sink.fill("codes", np.int8, (len(plain), plain.dim), coded())
        loose = np.flatnonzero(highest > usual)
        tight = highest <= usual
        error = float(errors[tight].max(initial=0.0))
        length = float(lengths[tight].max(initial=0.0))
        scale = Scale(centre, step, error, length)
        sink.fill("code-centre", np.float32, centre.shape, [centre])
        sink.fill("code-scale", np.float64, (3,), [np.array([step, error, length])])
        sink.fill("code-loose", np.int64, loose.shape, [loose])
        return cls(ids, rows, codes, scale, loose)

    @classmethod
    def load(cls, ids: Ids, rows: Rows, arrays: Mapping[str, Array]) -> Self:
        """What `build` made."""
        scale = Scale(arrays["code-centre"], *arrays["code-scale"].tolist())
        return cls(ids, rows, arrays["codes"], scale, arrays["code-loose"])

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        """The k best rows by inner product, best first, ties by id."""
        query = np.asarray(query, dtype=np.float32)
        chosen = None if among is None else places_of(self._ids, among)
        k = min(k, len(self._ids) if chosen is None else len(chosen))
        if k < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if chosen is None or len(chosen) * _READ_COST > len(self._ids):
            chosen = self._promising(query, k, chosen)
        return top_k(self._ids[chosen], self._rows[chosen] @ query, k)

    def _promising(self, query: Vectors, k: int, chosen: Places | None) -> Places:
        """Places among which the k best are, proven by what rounding can have done at most."""
        scan = _Scan.of(self._codes, self._rows, query, k, self._scale, chosen)
        bounds = np.linspace(0, len(self._ids), scan.parts + 1).astype(int).tolist()
        if scan.parts == 1:
            found = [scan.run(*bounds)]
        else:
            found = list(_pool().map(scan.run, bounds[:-1], bounds[1:]))
        places = np.concatenate([p for p, _ in found])
        near = np.concatenate([s for _, s in found])
        if len(near) > k:
            # The k-th best is no worse than the worst of any k.
            best = places[np.argpartition(near, -k)[-k:]]
            certain = float((self._rows[best] @ query).min())
            places = places[near > scan.floor_of(certain)]
        loose = self._loose if chosen is None else np.intersect1d(self._loose, chosen)
        return np.union1d(places, loose)


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """One query in the units of the codes; several threads may run parts of it."""

    codes: Codes
    rows: Rows
    query: Codes
    k: int
    unit: float
    shift: float
    slack: float
    bias: float
    wanted: npt.NDArray[np.bool_] | None

    @classmethod
    def of(
        cls, codes: Codes, rows: Rows, query: Vectors, k: int, scale: Scale, chosen: Places | None
    ) -> "_Scan":
        plain = query[: rows.plain]
        step = max(float(np.abs(plain).max(initial=0.0)), 1e-9) / TOP
        code, error, _ = _coded(plain[None], step)
        unit = scale.step * step
        slack = float(np.linalg.norm(plain)) * scale.error + float(error[0]) * scale.length
        wanted = None
        if chosen is not None:
            wanted = np.zeros(len(codes), dtype=bool)
            wanted[chosen] = True
        return cls(
            codes, rows, code, k, unit, float(plain @ scale.centre), slack + _FLOAT_ERROR,
            float(query[-1]) if rows.biased else 0.0, wanted,
        )  # fmt: skip

    @property
    def parts(self) -> int:
        return max(1, min(os.cpu_count() or 1, len(self.codes) // _ROWS_OF_A_PART))

    def floor_of(self, product: float) -> float:
        """What a row must reach here so that its product may reach this one."""
        return (product - self.slack - self.shift) / self.unit

    def run(self, start: int, end: int) -> tuple[Places, Scores]:
        """Places of all rows in a part that may be among the k best, with what they reach."""
        pool, floor = _Pool(self.k, 2 * self.slack / self.unit), -np.inf
        out = np.empty((1, _BLOCK), dtype=np.float32)
        for block in blocks(end - start, _BLOCK):
            here = slice(start + block.start, start + block.stop)
            reached = self._reached(here, out)
            floor = pool.take(here.start, reached, floor)
        return pool.all(floor)

    def _reached(self, here: slice, out: Scores) -> Scores:
        count = here.stop - here.start
        numkong.cdist(self.query, self.codes[here], "dot", out=out[:, :count])
        reached = out[0, :count]
        bias = self.rows.bias(here)
        if bias is not None and self.bias:
            reached += bias * np.float32(self.bias / self.unit)
        if self.wanted is not None:
            reached[~self.wanted[here]] = -np.inf
        return reached


class _Pool:
    """What may be among the k best of a part, while it is scanned."""

    def __init__(self, k: int, slack: float) -> None:
        self._k, self._slack = k, slack
        self._places: list[Places] = []
        self._reached: list[Scores] = []
        self._count = 0

    def take(self, start: int, reached: Scores, floor: float) -> float:
        """Look at a block of rows; returns what the next must reach."""
        at = np.flatnonzero(reached > floor)
        self._places.append(at + start)
        self._reached.append(reached[at])
        self._count += len(at)
        if self._count <= 4 * self._k + _MANY:
            return floor
        places, reached = self.all(floor)
        floor = max(floor, float(np.partition(reached, -self._k)[-self._k]) - self._slack)
        kept = reached > floor
        self._places, self._reached = [places[kept]], [reached[kept]]
        self._count = int(kept.sum())
        return floor

    def all(self, floor: float) -> tuple[Places, Scores]:
        """Everything that is still there and reaches so much."""
        places, reached = np.concatenate(self._places), np.concatenate(self._reached)
        kept = reached > floor
        return places[kept], reached[kept]


_MANY = 1_000


def _coded(rows: Vectors, step: float) -> tuple[Codes, Scores, Scores]:
    """Rows in units of `step`; what rounding took from each, and how long each is as coded."""
    codes = np.clip(np.rint(rows / step), -TOP, TOP).astype(np.int8)
    kept = codes * np.float32(step)
    return codes, np.linalg.norm(rows - kept, axis=1), np.linalg.norm(kept, axis=1)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="scan")
