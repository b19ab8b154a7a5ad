"""Second moments of pairs: all that linear methods need to know, whatever the number of pairs.

They are summed over blocks of rows, so that memory follows the widths of the spaces and not the
number of pairs, and in float64.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.align.pairs import Pairs, PairsError, Wide, mean_of
from engine.arrays import blocks
from engine.types import Vectors

NEGLIGIBLE = 1e-9
"""A variance or correlation below this share of the largest is rounding, not signal."""

_VARIANCE = 1e-12
_FEW = 8


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over pairs of x x', x y' and y y', each row centred by its block, times its weight.

    Attributes:
        xx: (dl, dl).
        xy: (dl, dr).
        yy: (dr, dr).
        total: sum of the weights.
    """

    xx: Wide
    xy: Wide
    yy: Wide
    total: float


def moments(pairs: Pairs) -> Moments:
    """Those of the pairs; PairsError where there is one, or a side never leaves its means."""
    found = summed(pairs)
    for side, one in (("left", found.xx), ("right", found.yy)):
        if len(pairs) == 1 or np.diag(one).max() < _VARIANCE * found.total:
            raise PairsError(
                f"The {side} side is the same in every pair, so nothing can be learnt."
            )
    return found


def summed(pairs: Pairs) -> Moments:
    """Those of the pairs, even where they are all nought."""
    widths = pairs.left.shape[1], pairs.right.shape[1]
    xx, xy, yy = (np.zeros((a, b)) for a, b in _sizes(*widths))
    for block in np.unique(pairs.blocks):
        mine = np.flatnonzero(pairs.blocks == block)
        weights = pairs.weights[mine].astype(np.float64)
        means = [mean_of(side, mine, weights) for side in (pairs.left, pairs.right)]
        for part in blocks(len(mine)):
            root = np.sqrt(weights[part])[:, None]
            x = (pairs.left[mine[part]] - means[0]) * root
            y = (pairs.right[mine[part]] - means[1]) * root
            xx += x.T @ x
            xy += x.T @ y
            yy += y.T @ y
    return Moments(xx, xy, yy, float(pairs.weights.sum(dtype=np.float64)))


def ridged(covariance: Wide, ridge: float) -> Wide:
    """The covariance (d, d), to every variance of which a share of their mean is added."""
    found = covariance.copy()
    found[np.diag_indices(len(found))] += ridge * np.trace(covariance) / len(found)
    return found


def inverse_root(covariance: Wide) -> Wide:
    """C^-1/2 (d, d) for a positive semidefinite C; 0 along what does not vary."""
    variances, axes = np.linalg.eigh(covariance)
    real = variances > NEGLIGIBLE * max(variances[-1], 0)
    scale = np.where(real, 1 / np.sqrt(np.where(real, variances, 1)), 0)
    return np.asarray((axes * scale) @ axes.T)


def whitening(covariance: Wide, ridge: float) -> Wide:
    """W (d, d) with W'CW = I for the ridged covariance C, where that varies.

    With a ridge it is of the Cholesky factor, ten times faster than the root; any two such W differ
    by a rotation, which solvers that use them take out again.
    """
    from scipy.linalg import solve_triangular

    if not ridge * np.trace(covariance):
        return inverse_root(covariance)
    factor = np.linalg.cholesky(ridged(covariance, ridge))
    return np.asarray(solve_triangular(factor, np.eye(len(factor)), lower=True).T)


def leading(matrix: Wide, rank: int) -> tuple[Wide, Wide, Wide]:
    """Left vectors (n, k), sizes (k,), largest first, and right vectors (m, k) of a matrix (n, m).

    Of a few among very many, the eigenvectors of the square are enough, and several times faster.
    """
    from scipy.linalg import eigh

    least = min(matrix.shape)
    if rank * _FEW >= least:
        left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
        return left[:, :rank], sizes[:rank], right[:rank].T
    last = matrix.shape[1] - 1
    _, right = eigh(matrix.T @ matrix, subset_by_index=[last - rank + 1, last])
    right = right[:, ::-1]
    left = matrix @ right
    sizes = np.linalg.norm(left, axis=0)
    return left / np.maximum(sizes, np.finfo(np.float64).tiny), sizes, right


def signs(columns: Wide) -> Wide:
    """-1 for each column whose entry of largest size is negative, else 1."""
    largest = np.abs(columns).argmax(axis=0)
    return np.where(columns[largest, np.arange(columns.shape[1])] < 0, -1.0, 1.0)


def single(values: npt.NDArray[np.floating]) -> Vectors:
    """As float32, which is what maps keep."""
    return np.asarray(values, dtype=np.float32)


def _sizes(dl: int, dr: int) -> tuple[tuple[int, int], ...]:
    return (dl, dl), (dl, dr), (dr, dr)
