"""The few array operations that everything shares: unit rows, and top-k with a fixed tie rule."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.types import BLOCK_ROWS, Ids, Scores, Vectors


class Table(Protocol):
    """Rows (n, dim) as an array, or what is read a slice at a time like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, dim)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice) -> Vectors: ...


def unit_rows(rows: npt.NDArray[np.floating]) -> Vectors:
    """Scale every row to length 1, as float32.

    Args:
        rows: shape (n, dim), any float type.

    Returns:
        float32, shape (n, dim). A row of zeros becomes the first axis: it must have some
        direction, and the same one each time. A row that is not finite becomes one of NaN.
    """
    wide = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    known = np.isfinite(lengths)
    unit = np.divide(wide, lengths, out=np.zeros_like(wide), where=known & (lengths > 0))
    unit[lengths[:, 0] == 0, 0] = 1.0
    unit[~known[:, 0]] = np.nan
    return np.asarray(unit, dtype=np.float32)


def top_k(ids: Ids, scores: Scores, k: int) -> tuple[Ids, Scores]:
    """The k best scores, best first; equal scores are ordered by id, smallest first.

    Args:
        ids: shape (n,).
        scores: shape (n,).
        k: how many are wanted; more than n gives n.

    Returns:
        ids and scores, each of shape (min(k, n),).
    """
    if 0 < k < len(scores):
        floor = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = np.flatnonzero(scores >= floor)
        ids, scores = ids[kept], scores[kept]
    order = np.lexsort((ids, -scores))[:k]
    return ids[order], scores[order]


def blocks(count: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Slices that cover `count` rows, at most `size` each: what they become stays small."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def through_half(rows: Vectors) -> Vectors:
    """The rows as they read back from float16 storage: float32, same shape.

    Every vector index holds these values, so that an index built from memory and one built
    from the catalogue answer alike.
    """
    return rows.astype(np.float16).astype(np.float32)


def places_of(known: Ids, wanted: Ids) -> Ids:
    """Where in `known` (n,), which ascends, wanted ids stand, ascending; others are left out."""
    if not len(known) or not len(wanted):
        return np.empty(0, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    there = np.sort(at[known[at] == wanted])
    return np.asarray(there[np.diff(there, prepend=-1) > 0], dtype=np.int64)


def places_of_all(known: Ids, wanted: Ids) -> Ids:
    """Where in `known` (n,) each wanted id stands, shape (len(wanted),); KeyError if one does not.

    `known` holds each id once, in any order.
    """
    if not len(wanted):
        return np.empty(0, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, wanted, sorter=order), max(len(known) - 1, 0))
    places = order[at] if len(known) else np.zeros_like(wanted)
    if not len(known) or (known[places] != wanted).any():
        raise KeyError("an id is not in the index")
    return np.asarray(places, dtype=np.int64)
