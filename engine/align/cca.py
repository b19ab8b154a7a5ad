"""Canonical correlations carry two spaces that know the same texts into one common space.

Hotelling (1936) found the pairs of directions that correlate most; a ridge (Vinod 1976) keeps the
estimate finite and calm where the texts are few or their vectors lie flat; CSA (Li et al. 2024)
scores two items by the correlation-weighted cosine of what they have in common. Fitted on texts
that both sides read, the maps then carry what is no text: each kind of item is centred by its own
mean, because encoders put pictures, sounds and texts in different places of one space.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import unit_rows
from engine.types import Vectors

RIDGE = 0.1
"""Share of the mean variance that is added to every variance."""

RANK = 128
POWER = 2.0
"""Exponent of the correlations in the score; 0 counts every kept direction alike."""

_NEGLIGIBLE = 1e-9
"""A variance or correlation below this share of the largest is rounding, not signal."""

_Wide = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CCA:
    """Two maps into one space, where the cosine is the correlation-weighted score.

    Attributes:
        mean_x: mean of the texts on the first side, (dx,).
        mean_y: mean of the texts on the second side, (dy,).
        map_x: (dx, k), the k canonical directions, each times its correlation ^ (power / 2).
        map_y: (dy, k), likewise.
        correlations: (k,), the ridged canonical correlations, largest first; k is the rank that
            was asked for, or fewer where the two sides have no more in common.
    """

    mean_x: Vectors
    mean_y: Vectors
    map_x: Vectors
    map_y: Vectors
    correlations: Vectors

    def carry_x(self, rows: Vectors, mean: Vectors | None = None) -> Vectors:
        """Carry rows of the first side over.

        Args:
            rows: (n, dx).
            mean: (dx,), the mean of this kind of item; without one, that of the texts.

        Returns:
            Unit rows (n, k). A row that is the mean, or has nothing in common with the other
            side, becomes the first axis.
        """
        return _carried(rows, self.mean_x if mean is None else mean, self.map_x)

    def project_x(self, rows: Vectors) -> Vectors:
        """What `carry_x` does before rows are made unit: (n, dx) to (n, k), from the texts' mean.

        It is linear, so a mean projects to the mean of what was projected, and may be taken away
        afterwards as well as before.
        """
        return _projected(rows, self.mean_x, self.map_x)

    def project_y(self, rows: Vectors) -> Vectors:
        """The same for the second side, (n, dy) to (n, k)."""
        return _projected(rows, self.mean_y, self.map_y)

    def carry_y(self, rows: Vectors, mean: Vectors | None = None) -> Vectors:
        """Carry rows (n, dy) of the second side over, as `carry_x` does: unit rows (n, k)."""
        return _carried(rows, self.mean_y if mean is None else mean, self.map_y)


def fit(
    x: Vectors, y: Vectors, *, ridge: float = RIDGE, rank: int = RANK, power: float = POWER
) -> CCA:
    """Fit both maps on rows that mean the same, pair by pair.

    With C the covariances, ridged by `ridge` times their mean variance, and
    C_xx^-1/2 C_xy C_yy^-1/2 = U diag(r) V', the maps are C_xx^-1/2 U diag(r^(power/2)) and
    C_yy^-1/2 V diag(r^(power/2)). Blocks of pairs with means of their own, such as texts and a few
    pairs of pictures and sounds, are pooled by centring each block first.

    Args:
        x: (n, dx).
        y: (n, dy), row i about the same as row i of `x`.
        ridge: at least 0.
        rank: how many directions are kept at most.
        power: at least 0.

    Returns:
        The maps. Their directions are signed so that the largest entry of each in `map_x` is
        positive: the same rows give the same maps.

    Raises:
        ValueError: the rows are no pairs, fewer than two, or not finite; or `rank` is below 1.
    """
    _check(x, y, rank)
    left, right = x.astype(np.float64), y.astype(np.float64)
    mean_x, mean_y = left.mean(axis=0), right.mean(axis=0)
    left -= mean_x
    right -= mean_y
    white_x, white_y = _whitening(left, ridge), _whitening(right, ridge)
    crossed = white_x @ (left.T @ right / len(left)) @ white_y
    along_x, correlations, along_y = _leading(crossed, rank)
    weights = correlations ** (power / 2)
    map_x, map_y = white_x @ along_x * weights, white_y @ along_y * weights
    signs = _signs(map_x)
    return CCA(
        mean_x=_single(mean_x),
        mean_y=_single(mean_y),
        map_x=_single(map_x * signs),
        map_y=_single(map_y * signs),
        correlations=_single(correlations),
    )


def shrunk_mean(count: int, mean: Vectors, prior: Vectors, weight: float) -> Vectors:
    """The mean of a kind of item, pulled toward a prior while its rows are few.

    Args:
        count: how many rows have the mean; may be 0.
        mean: (dim,), theirs.
        prior: (dim,), the mean to believe before any row is seen.
        weight: how many rows the prior counts as; with 0, some row must be there.

    Returns:
        float32, (dim,): (count * mean + weight * prior) / (count + weight).

    Raises:
        ValueError: there is neither a row nor weight.
    """
    total = count + weight
    if total <= 0:
        raise ValueError("a mean needs rows or the weight of a prior")
    return _single((count * mean.astype(np.float64) + weight * prior) / total)


def _check(x: Vectors, y: Vectors, rank: int) -> None:
    if len(x) != len(y) or len(x) < 2:  # noqa: PLR2004  (a covariance needs two rows)
        raise ValueError(f"pairs need as many rows on both sides, not {len(x)} and {len(y)}")
    if rank < 1:
        raise ValueError(f"a common space needs at least one axis, not {rank}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("rows must be finite")


def _whitening(centred: _Wide, ridge: float) -> _Wide:
    """The inverse square root (d, d) of the ridged covariance; 0 where nothing varies."""
    covariance = centred.T @ centred / len(centred)
    variances, axes = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 0) + ridge * variances.mean()
    real = variances > _NEGLIGIBLE * variances.max()
    scale = np.where(real, 1 / np.sqrt(np.where(real, variances, 1)), 0)
    return np.asarray((axes * scale) @ axes.T)


def _leading(crossed: _Wide, rank: int) -> tuple[_Wide, _Wide, _Wide]:
    """Left vectors (dx, k), sizes (k,), right vectors (dy, k); at least one, none of rounding."""
    left, sizes, right = np.linalg.svd(crossed, full_matrices=False)
    real = int((sizes > _NEGLIGIBLE).sum())
    kept = max(1, min(rank, real))
    return left[:, :kept], sizes[:kept], right[:kept].T


def _signs(columns: _Wide) -> _Wide:
    """-1 for each column whose entry of largest size is negative, else 1."""
    largest = np.abs(columns).argmax(axis=0)
    return np.where(columns[largest, np.arange(columns.shape[1])] < 0, -1.0, 1.0)


def _carried(rows: Vectors, mean: Vectors, onto: Vectors) -> Vectors:
    """Unit rows (n, k) of centred rows."""
    return unit_rows(_projected(rows, mean, onto))


def _projected(rows: Vectors, mean: Vectors, onto: Vectors) -> Vectors:
    centred = rows.astype(np.float64) - mean.astype(np.float64)
    return _single(centred @ onto.astype(np.float64))


def _single(values: _Wide) -> Vectors:
    return np.asarray(values, dtype=np.float32)
