"""The exact vector index for millions of rows: codes are scanned, and few rows are compared.

Each row, less the mean of all, is rounded to 8 bits; these codes, a quarter of the bytes, are
compared with the query's. How far rounding can have moved a product is known, so that no row of the
k best can be missed: all that may be among them are compared again as they were stored.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
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

_QUERIES = 64
"""That share one reading of the rows."""

_GATHER_COST = 4
"""Looking at a chosen code costs as much as scanning so many."""

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
        (places,) = self._promising([query], k, chosen)
        return top_k(self._ids[places], self._rows[places] @ query, k)

    def search_many(self, queries: Vectors, k: int) -> list[tuple[Ids, Scores]]:
        """What `search` finds for each query (m, dim), the rows being read once for many."""
        k = min(k, len(self._ids))
        if k < 1:
            return [self.search(one, 0) for one in queries]
        found = []
        for group in blocks(len(queries), _QUERIES):
            asked = list(np.asarray(queries[group], dtype=np.float32))
            for query, places in zip(asked, self._promising(asked, k, None), strict=True):
                found.append(top_k(self._ids[places], self._rows[places] @ query, k))
        return found

    def _promising(self, queries: Sequence[Vectors], k: int, chosen: Places | None) -> list[Places]:
        """For each query, places among which the k best are: rounding cannot have hidden one."""
        asked = [_Asked.of(one, self._rows, self._scale) for one in queries]
        wanted = gathered = None
        if chosen is not None and len(chosen) * _GATHER_COST < len(self._ids):
            gathered = chosen
        elif chosen is not None:
            wanted = np.zeros(len(self._ids), dtype=bool)
            wanted[chosen] = True
        scan = _Scan(self._codes, self._rows, asked, k, wanted, gathered)
        count = len(self._ids) if gathered is None else len(gathered)
        parts = max(1, min(os.cpu_count() or 1, count // _ROWS_OF_A_PART))
        bounds = np.linspace(0, count, parts + 1).astype(int).tolist()
        if parts == 1:
            found = [scan.run(*bounds)]
        else:
            found = list(_threads().map(scan.run, bounds[:-1], bounds[1:]))
        loose = self._loose if chosen is None else np.intersect1d(self._loose, chosen)
        return [
            np.union1d(self._certain(one, query, k, pools), loose)
            for one, query, pools in zip(asked, queries, zip(*found, strict=True), strict=True)
        ]

    def _certain(self, asked: "_Asked", query: Vectors, k: int, pools: Sequence["_Pool"]) -> Places:
        """Of what all parts found for a query, what may be among the k best of the whole."""
        places = np.concatenate([one.places for one in pools])
        reached = np.concatenate([one.reached for one in pools])
        if len(reached) <= k:
            return places
        # The k-th best is no worse than the worst of any k.
        best = places[np.argpartition(reached, -k)[-k:]]
        least = float((self._rows[best] @ query).min())
        return np.asarray(places[reached > asked.floor_of(least)])


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One query in the units of the codes.

    Attributes:
        code: of the query, (plain,).
        unit: what 1 of a product of codes stands for.
        shift: what is the same for all rows.
        slack: how far a product of codes may be from that of the rows.
        bias: what the query asks a bias with, if there is one.
    """

    code: Codes
    unit: float
    shift: float
    slack: float
    bias: float

    @classmethod
    def of(cls, query: Vectors, rows: Rows, scale: Scale) -> "_Asked":
        plain = query[: rows.plain]
        step = max(float(np.abs(plain).max(initial=0.0)), 1e-9) / TOP
        codes, errors, _ = _coded(plain[None], step)
        rounding = float(np.linalg.norm(plain)) * scale.error + float(errors[0]) * scale.length
        bias = float(query[-1]) if rows.biased else 0.0
        shift = float(plain @ scale.centre)
        return cls(codes[0], scale.step * step, shift, rounding + _FLOAT_ERROR, bias)

    def floor_of(self, product: float) -> float:
        """What a row must reach here so that its product may reach this one."""
        return (product - self.slack - self.shift) / self.unit


@dataclass(frozen=True, slots=True, eq=False)
class _Scan:
    """Some queries against codes; several threads may run parts of it.

    Attributes:
        wanted: which of all rows may be found; None for all.
        gathered: the places of the rows that are looked at; None for all.
    """

    codes: Codes
    rows: Rows
    asked: Sequence[_Asked]
    k: int
    wanted: npt.NDArray[np.bool_] | None
    gathered: Places | None

    def run(self, start: int, end: int) -> list["_Pool"]:
        """For each query, all rows of a part that may be among the k best."""
        pools = [_Pool(self.k, 2 * one.slack / one.unit) for one in self.asked]
        multiply = self._one() if len(self.asked) == 1 else self._many()
        for block in blocks(end - start, _BLOCK):
            where = slice(start + block.start, start + block.stop)
            here = where if self.gathered is None else self.gathered[where]
            for pool, one, reached in zip(pools, self.asked, multiply(here), strict=True):
                bias = self.rows.bias(here)
                if bias is not None and one.bias:
                    np.add(reached, bias * np.float32(one.bias / one.unit), out=reached)
                if self.wanted is not None:
                    reached[~self.wanted[here]] = -np.inf
                pool.take(here, reached)
        for pool in pools:
            pool.prune()
        return pools

    def _one(self) -> "_Products":
        query, out = self.asked[0].code[None], np.empty((1, _BLOCK), dtype=np.float32)

        def multiply(here: slice | Places) -> Scores:
            codes = self.codes[here]
            numkong.cdist(query, codes, "dot", out=out[:, : len(codes)])
            return out[:, : len(codes)]

        return multiply

    def _many(self) -> "_Products":
        packed = numkong.dots_pack(np.stack([one.code for one in self.asked]))

        def multiply(here: slice | Places) -> Scores:
            products = np.asarray(numkong.dots_packed(self.codes[here], packed))
            return np.ascontiguousarray(products.T, dtype=np.float32)

        return multiply


_Products = Callable[[slice | Places], Scores]
"""Products (queries, rows) of codes with a block of rows; good until the next."""


class _Pool:
    """What may be among the k best of a part, while it is scanned."""

    def __init__(self, k: int, slack: float) -> None:
        self.places: Places = np.empty(0, dtype=np.int64)
        self.reached: Scores = np.empty(0, dtype=np.float32)
        self._k, self._slack, self._floor = k, slack, -np.inf
        self._new: list[tuple[Places, Scores]] = []
        self._count = 0

    def take(self, here: slice | Places, reached: Scores) -> None:
        """Look at what the rows at these places reach."""
        at = np.flatnonzero(reached > self._floor)
        places = here[at] if isinstance(here, np.ndarray) else at + here.start
        self._new.append((places, reached[at]))
        self._count += len(at)
        if self._count > 2 * self._k + _MANY:
            self.prune()

    def prune(self) -> None:
        """Leave out what is too far below the k-th best."""
        self.places = np.concatenate([self.places, *(places for places, _ in self._new)])
        self.reached = np.concatenate([self.reached, *(reached for _, reached in self._new)])
        self._new, self._count = [], 0
        if len(self.reached) > self._k:
            best = float(np.partition(self.reached, -self._k)[-self._k])
            self._floor = max(self._floor, best - self._slack)
            kept = self.reached > self._floor
            self.places, self.reached = self.places[kept], self.reached[kept]


_MANY = 1_000


def _coded(rows: Vectors, step: float) -> tuple[Codes, Scores, Scores]:
    """Rows in units of `step`; what rounding took from each, and how long each is as coded."""
    codes = np.clip(np.rint(rows / step), -TOP, TOP).astype(np.int8)
    kept = codes * np.float32(step)
    return codes, np.linalg.norm(rows - kept, axis=1), np.linalg.norm(kept, axis=1)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="scan")
