"""CombMAX and CombSUM (Fox and Shaw, Combination of Multiple Searches, TREC-2, 1994).

Both take calibrated scores, in which 0 is what the query scores on average. An id that is missing
from a ranking was not among its best, so it counts as 0 in a sum.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from engine.arrays import top_k
from engine.types import Ranking, Source


def comb_max(rankings: Sequence[Ranking]) -> Ranking:
    """Each id with its best score; ValueError when there is no ranking."""
    return _combine(rankings, max)


def comb_sum(rankings: Sequence[Ranking]) -> Ranking:
    """Each id with the sum of its scores; ValueError when there is no ranking."""
    return _combine(rankings, _exact_sum)


def _exact_sum(scores: Iterable[float]) -> float:
    """A sum that does not depend on the order of its parts."""
    return float(np.sum(np.sort(np.fromiter(scores, dtype=np.float64))))


def _combine(rankings: Sequence[Ranking], fold: Callable[[list[float]], float]) -> Ranking:
    if not rankings:
        raise ValueError("there is nothing to fuse")
    found: dict[int, list[float]] = {}
    for ranking in rankings:
        for one, score in zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True):
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
