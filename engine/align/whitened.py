"""PCA-whitened least squares: both sides made round, then regression from the one to the other.

With P_x (d, k) the leading principal axes of x, each divided by its standard deviation, and P_y
likewise, the sides are x P_x T and y P_y, where T = (P_x' C_xx P_x)^-1 P_x' C_xy P_y = P_x' C_xy
P_y is least squares between them. Hotelling, Analysis of a complex of statistical variables into
principal components, 1933, for the axes; whitening before a linear map between embeddings: Artetxe
et al., Generalizing and improving bilingual word embedding mappings with a multi-step framework of
linear transformations, 2018. Cost: one pass over the pairs, then O(d^3). Prefer it to ridge where
few axes hold most of the variance, and to canonical correlations hardly ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Linear
from engine.align.moments import NEGLIGIBLE, moments, signs, single
from engine.align.pairs import Pairs, Wide
from engine.align.span import in_span


@dataclass(frozen=True, slots=True)
class Whitened:
    """Attributes.

    rank: how many principal axes of each side are kept at most.
    """

    rank: int = 128

    name = "whitened"
    complexity = 2

    def variants(self, pairs: Pairs) -> Sequence["Whitened"]:
        """Few axes first; no more than pairs can tell."""
        most = min(*pairs.left.shape, *pairs.right.shape)
        return tuple(dict.fromkeys(Whitened(min(rank, most)) for rank in (32, 64, 128)))

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Predict the whitened right side from the whitened left."""
        known = moments(pairs)
        x = _principal(known.xx / known.total, self.rank)
        y = _principal(known.yy / known.total, self.rank)
        across = x.T @ (known.xy / known.total) @ y
        left, right = pairs.means
        return Bridge(Linear(left, single(x @ across)), Linear(right, single(y)), self.name)


def _principal(covariance: Wide, rank: int) -> Wide:
    """The leading axes (d, k), each over its standard deviation."""
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = variances[::-1][:rank], axes[:, ::-1][:, :rank]
    real = variances > NEGLIGIBLE * variances[0]
    axes = axes[:, real] / np.sqrt(variances[real])
    return np.asarray(axes * signs(axes))
