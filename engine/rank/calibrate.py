"""Calibration: a raw score becomes standard deviations above the gallery's own average.

The inner products of one query with all rows of a gallery have mean q.m and variance q'Cq, where m
and C are the mean and covariance of the rows. Both are kept beside the rows, so that any query
is calibrated without being compared with every row.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Table, blocks
from engine.types import Scores, Vectors

SHRINKAGE_ROWS = 20
"""How many imagined rows the prior counts for: a gallery of three has no deviation to speak of."""

PRIOR_DEVIATION = 0.05
"""Deviation of the scores of unit rows before any was seen; of the order of real galleries."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, mean (dim,) and covariance (dim, dim) of the rows of a gallery."""

    count: int
    mean: Vectors
    covariance: npt.NDArray[np.float32]

    @classmethod
    def of(cls, rows: Table) -> "Moments":
        """The moments of rows (n, dim); n may be 0."""
        count, dim = rows.shape
        if count == 0:
            return cls(0, np.zeros(dim, np.float32), np.zeros((dim, dim), np.float32))
        total = sum(rows[block].sum(axis=0, dtype=np.float64) for block in blocks(count))
        mean = (total / count).astype(np.float32)
        covariance = np.zeros((dim, dim), np.float32)
        for block in blocks(count):
            spread = rows[block] - mean
            covariance += spread.T @ spread / np.float32(count)
        return cls(count, mean, covariance)

    def calibrate(self, query: Vectors, scores: Scores) -> Scores:
        """Standard deviations above this query's average score over the gallery.

        Args:
            query: shape (dim,).
            scores: inner products of the query with some rows, shape (n,).

        Returns:
            float32, shape (n,); the order is kept. The variance is shrunk towards
            `PRIOR_DEVIATION` while the gallery has few rows.
        """
        return self.spread(query).calibrate(scores)

    def spread(self, query: Vectors) -> "Spread":
        """Mean and shrunk deviation of the inner products of a query (dim,) with the rows."""
        variance = max(float(query @ self.covariance @ query), 0.0)
        prior = SHRINKAGE_ROWS * PRIOR_DEVIATION**2
        shrunk = (self.count * variance + prior) / (self.count + SHRINKAGE_ROWS)
        return Spread(float(query @ self.mean), float(np.sqrt(shrunk)))


@dataclass(frozen=True, slots=True)
class Spread:
    """What the inner products of one query with all rows of a gallery are."""

    average: float
    deviation: float

    def calibrate(self, products: Scores) -> Scores:
        """Standard deviations above the average, float32 (n,); the order is kept."""
        return np.asarray((products - self.average) / self.deviation, dtype=np.float32)
