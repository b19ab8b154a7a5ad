"""CombMAX, CombSUM and CombMNZ (Fox and Shaw, Combination of Multiple Searches, TREC-2, 1994).

CombMAX and CombSUM take calibrated scores, in which 0 is what the query scores on average. An id
that is missing from a ranking was not among its best, so it counts as 0 in a sum. CombMNZ takes
scores of at least 0: it multiplies, which would push what is below 0 further down.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from engine.arrays import top_k
from engine.fuse.normalise import Floats
from engine.types import Ranking, Source


def comb_max(rankings: Sequence[Ranking]) -> Ranking:
    """Each id with its best score; ValueError when there is no ranking."""
    return combine(rankings, max)


def comb_sum(rankings: Sequence[Ranking]) -> Ranking:
    """Each id with the sum of its scores; ValueError when there is no ranking."""
    return combine(rankings, exact_sum)


def comb_mnz(rankings: Sequence[Ranking]) -> Ranking:
    """Each id with the sum of its scores times the number of rankings that found it.

    Raises:
        ValueError: there is no ranking.
    """
    return combine(rankings, lambda parts: len(parts) * exact_sum(parts))


def exact_sum(scores: Iterable[float]) -> float:
    """A sum that does not depend on the order of its parts."""
    return float(np.sum(np.sort(np.fromiter(scores, dtype=np.float64))))


def combine(
    rankings: Sequence[Ranking],
    fold: Callable[[list[float]], float],
    values: Sequence[Floats] | None = None,
) -> Ranking:
    """Each id with what `fold` makes of its values in the rankings that hold it.

    Args:
        rankings: at least one, else ValueError.
        fold: from the values of one id to its score; their order must not matter.
        values: for each ranking, what counts instead of its scores, of the same shape.
    """
    if not rankings:
        raise ValueError("there is nothing to fuse")
    counted = [np.asarray(one.scores, np.float64) for one in rankings] if values is None else values
    found: dict[int, list[float]] = {}
    for ranking, row in zip(rankings, counted, strict=True):
        for one, score in zip(ranking.ids.tolist(), row.tolist(), strict=True):
            found.setdefault(one, []).append(score)
    ids = np.fromiter(found, dtype=np.int64, count=len(found))
    scores = np.array([fold(parts) for parts in found.values()], dtype=np.float32)
    return Ranking(_common_source(rankings), *top_k(ids, scores, len(ids)))


def _common_source(rankings: Sequence[Ranking]) -> Source:
    parts = [(r.source.term, r.source.space, r.source.gallery) for r in rankings]
    terms, spaces, galleries = (
        " + ".join(sorted(set(column))) for column in zip(*parts, strict=True)
    )
    return Source(terms, spaces, galleries)
