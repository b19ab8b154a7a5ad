"""Pairs of rows that are nearer than nearly all others, found without comparing all in full."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.arrays import blocks
from engine.types import Ids, Scores, Vectors

SAMPLE = 200_000
"""Random pairs that tell how near rows are which have nothing to do with each other."""

PRIOR_PAIRS = 2_000
"""How many pairs the prior of a limit is worth."""

_KEPT = 128
_DEVIATIONS_AT_99 = 2.326


@dataclass(frozen=True, slots=True)
class Limit:
    """How a limit on cosines is read off the random pairs of a library.

    Attributes:
        deviations: of a normal tail; 2.326 is the nearest 1 % of pairs, 3.719 the nearest .01 %.
        prior: the limit of a library of which nothing is known.
        floor: nothing below is worth a look, whatever the library.
        ceiling: everything above always is.
    """

    deviations: float
    prior: float
    floor: float
    ceiling: float


CANDIDATE = Limit(2.326, prior=0.7, floor=0.5, ceiling=0.85)
"""Pairs that may be one thing: pixels or spectra decide, so that too many do no harm but time."""

SIMILAR = Limit(3.719, prior=0.85, floor=0.7, ceiling=0.97)
"""Pairs that are worth showing for their nearness alone (SCIENCE.md 4.7 proposes .01 %)."""


def limit_of(rows: Vectors, kind: Limit) -> float:
    """The cosine above which two unit rows (n, dim) are near, for this library.

    The .01 % quantile of random pairs cannot be read off a library that is full of copies: they
    are themselves the nearest pairs. So the tail is drawn on from the median and the 1 % quantile
    as a normal one, and drawn towards the prior while there are few pairs.
    """
    count = len(rows)
    pairs = count * (count - 1) // 2
    if not pairs:
        return kind.prior
    random = np.random.default_rng(0)
    first = random.integers(0, count, min(SAMPLE, 4 * pairs))
    second = (first + random.integers(1, count, len(first))) % count
    parts = [
        np.einsum("ij,ij->i", rows[first[b]], rows[second[b]]) for b in blocks(len(first), 8192)
    ]
    median, high = np.quantile(np.concatenate(parts), [0.5, 0.99])
    drawn = median + (high - median) * kind.deviations / _DEVIATIONS_AT_99
    shrunk = (pairs * drawn + PRIOR_PAIRS * kind.prior) / (pairs + PRIOR_PAIRS)
    return float(np.clip(shrunk, kind.floor, kind.ceiling))


Pairs = tuple[Ids, Ids, Scores]
"""Places of the first and of the second row of each pair, and their cosine."""


def near_pairs(rows: Vectors, least: float) -> Pairs:
    """All pairs i < j of unit rows (n, dim) whose cosine is at least `least`, in order.

    Exact: the leading principal axes give most of an inner product, and the lengths of what
    remains bound the rest (Cauchy and Schwarz), so that few pairs are computed in full.
    """
    short = _shortened(rows)
    found = [_near_block(rows, short, block, least) for block in blocks(len(rows), 1024)]
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    first, second, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return first, second, cosines


def _near_block(rows: Vectors, short: Vectors, block: slice, least: float) -> Pairs:
    bounds = short[block] @ short[block.start :].T
    places = np.nonzero(np.triu(bounds >= least - 1e-4, 1))
    first, second = (place.astype(np.int64) + block.start for place in places)
    cosines = np.empty(len(first), dtype=np.float32)
    for part in blocks(len(first), 8192):
        cosines[part] = np.einsum("ij,ij->i", rows[first[part]], rows[second[part]])
    kept = cosines >= least
    return first[kept], second[kept], cosines[kept]


def nearest_pairs(rows: Vectors, least: float, most: int) -> Iterator[tuple[int, int, float]]:
    """Those of `near_pairs` that are among the `most` nearest of one of their two rows."""
    first, second, cosines = near_pairs(rows, least)
    kept = np.zeros(len(first), dtype=np.bool_)
    ends = np.concatenate([first, second])
    order = np.lexsort((-np.concatenate([cosines, cosines]), ends))
    begins = np.searchsorted(ends[order], ends[order])
    chosen = order[np.arange(len(order)) - begins < most]
    kept[chosen % max(len(first), 1)] = True
    yield from zip(first[kept].tolist(), second[kept].tolist(), cosines[kept].tolist(), strict=True)


def _shortened(rows: Vectors) -> Vectors:
    """Rows (n, kept + 1) whose inner products are at least those of the rows."""
    if rows.shape[1] <= 2 * _KEPT or not len(rows):
        return rows
    sample = rows[:: max(1, len(rows) // 4096)]
    _, axes = np.linalg.eigh(sample.T @ sample)
    kept = np.asarray(rows @ axes[:, -_KEPT:], dtype=np.float32)
    lengths = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", kept, kept)
    return np.column_stack([kept, np.sqrt(np.maximum(lengths, 0))]).astype(np.float32)
