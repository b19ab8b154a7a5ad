"""Where held-out pairs find each other: ranks among the others that are held out with them."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.align.pairs import Numbers, Pairs
from engine.evaluate import Values
from engine.types import Vectors

Mask: TypeAlias = npt.NDArray[np.bool_]

_DECIMALS = 6
"""Of scores: a matrix product may give equal rows scores that differ in the last bits."""


def relevant(pairs: Pairs) -> Mask:
    """What answers what, (n, n), symmetric: rows whose left or right sides are equal do, too."""
    left, right = _contents(pairs.left), _contents(pairs.right)
    return np.asarray((left[:, None] == left) | (right[:, None] == right))


def both_ways(scores: Vectors, answers: Mask) -> Values:
    """Ranks from left to right, and from right to left: (n, 2).

    Args:
        scores: (n, n), of each left row with each right row.
        answers: as of `relevant`.
    """
    rounded = np.round(scores, _DECIMALS)
    return np.stack([ranks(rounded, answers), ranks(rounded.T, answers.T)], axis=1)


def ranks(scores: Vectors, answers: Mask) -> Values:
    """The rank of the first answer to each row, (n,), from 1.

    Among t items of equal score, r of which are answers, the first answer is expected at place
    (t + 1) / (r + 1), whatever the order in which they are listed.

    Args:
        scores: (n, m).
        answers: (n, m), at least one in each row.
    """
    best = np.where(answers, scores, -np.inf).max(axis=1)[:, None]
    tied = scores == best
    place = (tied.sum(axis=1) + 1) / ((tied & answers).sum(axis=1) + 1)
    return np.asarray((scores > best).sum(axis=1) + place, dtype=np.float64)


def nearest(scores: Vectors, count: int) -> Numbers:
    """Columns of the `count` best scores of each row, best first; equal ones by number."""
    order = np.argsort(-np.round(scores, _DECIMALS), axis=1, kind="stable")
    return np.asarray(order[:, :count], dtype=np.int64)


def _contents(rows: Vectors) -> Numbers:
    """A number for each row; equal rows have equal numbers."""
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.int64)
