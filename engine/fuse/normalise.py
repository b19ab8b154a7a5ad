"""Scores of one ranking or modality on a scale that others share, without changing their order.

The first three look at nothing but the scores (Renda and Straccia, SAC 2003); isotonic regression
(Zadrozny and Elkan, KDD 2002) learns from judged answers what a score is worth. NaN, a score that
is missing, stays NaN and does not count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
"""Numbers without a unit: float64."""

Normalise: TypeAlias = Callable[[npt.ArrayLike], Floats]
"""From scores (n,) to values (n,), in the same order."""


def min_max(scores: npt.ArrayLike) -> Floats:
    """(s - min) / (max - min), from 0 to 1; 1 for all where all are equal."""
    given = np.asarray(scores, np.float64)
    there = given[~np.isnan(given)]
    if not there.size or there.max() == there.min():
        return np.where(np.isnan(given), np.nan, 1.0)
    low, high = there.min(), there.max()
    return np.asarray((given - low) / (high - low))


def z(scores: npt.ArrayLike) -> Floats:
    """(s - mean) / standard deviation; 0 for all where all are equal."""
    given = np.asarray(scores, np.float64)
    there = given[~np.isnan(given)]
    if not there.size or there.max() == there.min():
        return np.where(np.isnan(given), np.nan, 0.0)
    return np.asarray((given - there.mean()) / (there.std() or 1.0))


def rank(scores: npt.ArrayLike) -> Floats:
    """1 - (place - 1) / n, from 1 for the best down to 1 / n; equal scores share their mean."""
    from scipy.stats import rankdata

    given = np.asarray(scores, np.float64)
    places = rankdata(-given, nan_policy="omit")
    count = max(1, int((~np.isnan(given)).sum()))
    return np.asarray(1.0 - (places - 1.0) / count, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Isotonic:
    """A curve that never falls, from a score to the share of answers with it that are right.

    Attributes:
        at: scores, rising, (k,).
        share: from 0 to 1, never falling, (k,).
    """

    at: Floats
    share: Floats

    def __call__(self, scores: npt.ArrayLike) -> Floats:
        """Shares (n,) of scores (n,), straight between the points and level beyond them."""
        return np.asarray(np.interp(np.asarray(scores, np.float64), self.at, self.share))


def isotonic(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> Isotonic:
    """Fit the curve by least squares (pool adjacent violators; scikit-learn).

    Args:
        scores: (n,), at least one of them not NaN.
        relevant: (n,), whether the answer with that score is right.

    Raises:
        ValueError: there is no score.
    """
    from sklearn.isotonic import IsotonicRegression

    given = np.asarray(scores, np.float64)
    there = ~np.isnan(given)
    if not there.any():
        raise ValueError("a curve needs scores")
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0)
    fitted.fit(given[there], np.asarray(relevant, np.float64)[there])
    return Isotonic(
        np.asarray(fitted.X_thresholds_, np.float64), np.asarray(fitted.y_thresholds_, np.float64)
    )
