"""What the best of many random scores comes to, so that many tries win nothing by being many."""

from dataclasses import dataclass
from functools import lru_cache
from math import erfc, exp, expm1, log1p, sqrt
from statistics import NormalDist

import numpy as np

from engine.types import Scores

WITHIN = 0.45
"""Deviation of the windows of a recording around its own mean, before any was looked at, where
that of all windows is 1."""

PRIOR_WINDOWS = 4
"""How many windows `WITHIN` counts for."""

MAD = 1.4826
"""Standard deviations for one median absolute deviation, in a normal distribution."""

_NORMAL = NormalDist()
_LEAST, _NEARLY_ONE = 1e-300, 1 - 1e-12


@lru_cache(maxsize=4096)
def typical_maximum(count: float) -> float:
    """The median of the best of `count` standard normal scores; 0 for one.

    The distribution of the maximum is the count-th power of the normal one (David and Nagaraja,
    Order Statistics, 2003, section 2.1), so its median is where the normal one is 2^(-1/count).
    """
    if count <= 1:
        return 0.0
    return _NORMAL.inv_cdf(2.0 ** (-1.0 / count))


@dataclass(frozen=True, slots=True)
class Within:
    """How the scores of one recording's windows lie: their median, and how far they spread."""

    middle: float
    deviation: float

    @classmethod
    def of(cls, scores: Scores) -> "Within":
        """Of the scores (n,) of some of its windows.

        By the median absolute deviation, which an event does not raise that fills less than half
        of the recording, and shrunk towards `WITHIN` while the windows are few.
        """
        middle = float(np.median(scores)) if len(scores) else 0.0
        own = MAD * float(np.median(np.abs(scores - middle))) if len(scores) else 0.0
        total = len(scores) * own**2 + PRIOR_WINDOWS * WITHIN**2
        return cls(middle, sqrt(total / (len(scores) + PRIOR_WINDOWS)))

    def corrected(self, best: float, windows: int) -> float:
        """The score of one window that is as surprising as this best of many.

        What windows share is no try, only how they differ is: the best of n equally correlated
        normal scores is what they have in common, and the best of n independent ones times their
        own deviation (David and Nagaraja, Order Statistics, 2003, section 5.3). So the excess over
        the middle is put where its tail is that of the best of n: 1 - (1 - tail)^n.
        """
        if windows <= 1:
            return best
        excess = (best - self.middle) / self.deviation
        tail = 0.5 * erfc(excess / sqrt(2))
        of_many = -expm1(windows * log1p(-min(tail, _NEARLY_ONE)))
        fair = -_NORMAL.inv_cdf(min(max(of_many, _LEAST), _NEARLY_ONE))
        return self.middle + self.deviation * min(fair, excess)


def surprise(score: float, count: int) -> float:
    """The chance that none of `count` standard normal scores is as high: (1 - tail)^count."""
    tail = 0.5 * erfc(score / sqrt(2))
    return exp(-count * tail) if tail < 1e-3 else (1 - tail) ** count  # noqa: PLR2004
