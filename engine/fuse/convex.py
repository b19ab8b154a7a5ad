"""A weighted mean of normalised scores, with weights that are given or were learnt.

Bruch, Gai and Ingber (ACM TOIS 2023) find it better than reciprocal rank fusion wherever a few
dozen judged queries can tell the weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.fuse.comb import combine, exact_sum
from engine.fuse.normalise import Floats, Normalise, min_max
from engine.fuse.views import shares
from engine.types import Ranking


@dataclass(frozen=True, slots=True)
class Convex:
    """s = sum of w_m v_m over the galleries m that answered, the weights scaled to sum to 1.

    A gallery that found nothing takes no part. An id that one of the others did not find gets the
    least that this gallery can say: 0, or its lowest value if that is below 0.

    Attributes:
        weights: at least 0, for each gallery by its name (`Source.gallery`).
        normalise: how scores of a gallery become values; min-max for those that are not named.
    """

    weights: Mapping[str, float]
    normalise: Mapping[str, Normalise] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.weights or not all(one >= 0 for one in self.weights.values()):
            raise ValueError("a weighted mean needs weights of at least 0")

    def __call__(self, rankings: Sequence[Ranking]) -> Ranking:
        """Fuse; ValueError for no ranking, and for one of a gallery that has no weight."""
        values = [self._values(one) for one in rankings]
        floors = [min(0.0, float(one.min(initial=0.0))) for one in values]
        shares = self._shares(rankings)
        least = exact_sum(w * floor for w, floor in zip(shares, floors, strict=True))
        parts = [w * (v - f) for w, v, f in zip(shares, values, floors, strict=True)]
        return combine(rankings, lambda found: least + exact_sum(found), parts)

    def _values(self, ranking: Ranking) -> Floats:
        return self.normalise.get(ranking.source.gallery, min_max)(ranking.scores)

    def _shares(self, rankings: Sequence[Ranking]) -> list[float]:
        unknown = {one.source.gallery for one in rankings} - set(self.weights)
        if unknown:
            raise ValueError(f"no weight is known for {', '.join(sorted(unknown))}")
        weights = np.array([self.weights[one.source.gallery] for one in rankings])
        there = np.array([[len(one) > 0 for one in rankings]], dtype=np.bool_)
        found: list[float] = shares(weights, there)[0].tolist()
        return found
