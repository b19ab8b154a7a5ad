"""Joint low-rank factorisation: both sides are shown by the same few hidden numbers.

[x / s_x, y / s_y] = t [A', B'] + noise, t of unit variance, s the total standard deviation of each
side. Factorising the stacked rows by SVD gives the loadings V diag(sqrt(l - n)), l the leading
eigenvalues of their covariance and n the mean of all others (Tipping and Bishop, Probabilistic
principal component analysis, 1999; of coupled matrices: Acar et al., All-at-once optimization for
coupled matrix and tensor factorizations, 2011). One side alone then tells E[t | x] =
(A'A + n I)^-1 A' x. Cost: one pass over the pairs, then O((dl + dr)^3). Prefer it where what both
sides share is also what varies most; private variation of one side takes factors from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Linear
from engine.align.moments import NEGLIGIBLE, Moments, moments, signs, single
from engine.align.pairs import Pairs, Wide
from engine.align.span import in_span


@dataclass(frozen=True, slots=True)
class Joint:
    """Attributes.

    rank: how many hidden numbers at most; never more than half of the narrower side's width, as
        then there would be nothing that is noise.
    """

    rank: int = 64

    name = "joint"
    complexity = 3

    def variants(self, pairs: Pairs) -> Sequence["Joint"]:
        """Few factors first."""
        del pairs
        return tuple(Joint(rank) for rank in (32, 64, 128))

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Factorise, and read the factors from each side alone."""
        known = moments(pairs)
        rank = min(self.rank, (min(len(known.xx), len(known.yy)) + 1) // 2)
        loadings, noise = _factorised(_stacked(known), rank)
        x, y = np.split(loadings, [len(known.xx)])
        left, right = pairs.means
        return Bridge(
            Linear(left, single(_posterior(x, noise))),
            Linear(right, single(_posterior(y, noise))),
            self.name,
        )


def _stacked(known: Moments) -> Wide:
    """Covariance (dl + dr, dl + dr) of both sides side by side, each of total variance 1."""
    x, y = np.sqrt(np.trace(known.xx)), np.sqrt(np.trace(known.yy))
    across = known.xy / (x * y)
    return np.block([[known.xx / x**2, across], [across.T, known.yy / y**2]])


def _factorised(covariance: Wide, rank: int) -> tuple[Wide, float]:
    """Loadings (dl + dr, k), and the variance of the noise."""
    sizes, axes = np.linalg.eigh(covariance)
    sizes, axes = np.maximum(sizes[::-1], 0), axes[:, ::-1]
    noise = max(float(sizes[rank:].mean()), NEGLIGIBLE * float(sizes[0]))
    loadings = axes[:, :rank] * np.sqrt(np.maximum(sizes[:rank] - noise, 0))
    return loadings * signs(loadings), noise


def _posterior(loadings: Wide, noise: float) -> Wide:
    """A (A'A + n I)^-1, (d, k)."""
    inner = loadings.T @ loadings
    inner[np.diag_indices(len(inner))] += noise
    return np.asarray(np.linalg.solve(inner, loadings.T).T)
