"""Low-rank bilinear score: s(x, y) = x' (sum_r u_r v_r') y.

min E_ij (s(x_i, y_j) - n [i = j])^2 + lambda (|U|^2 + |V|^2): pairs shall score, all others
not. The penalty of both factors is the nuclear norm of U V' (Srebro et al., Maximum-margin matrix
factorization, 2005), so weak directions vanish; low-rank bilinear scores in retrieval: Bai et al.,
Supervised semantic indexing, 2009. Solved by alternating ridge regressions, each of them exact from
second moments: C_xx U (V' C_yy V) + lambda U = C_xy V. Cost: one pass over the pairs, O(d^3) once,
O(d^2 r) a step. Prefer it to `cca` where strong axes shall count for more: its penalty is in the
spaces' own units and not after whitening.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Linear
from engine.align.moments import moments, single
from engine.align.pairs import Pairs, Wide
from engine.align.span import in_span

STEPS = 50


@dataclass(frozen=True, slots=True)
class Bilinear:
    """Attributes.

    penalty: lambda, as a share of what would make all of it vanish; above 0, below 1.
    rank: how many terms at most.
    """

    penalty: float = 0.01
    rank: int = 128

    name = "bilinear"
    complexity = 3

    def variants(self, pairs: Pairs) -> Sequence["Bilinear"]:
        """Much penalty first."""
        del pairs
        return tuple(replace(self, penalty=one) for one in (0.1, 0.03, 0.01))

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Alternate from the directions of largest covariance."""
        known = moments(pairs)
        xx, xy, yy = (one / known.total for one in (known.xx, known.xy, known.yy))
        left, sizes, right = np.linalg.svd(xy, full_matrices=False)
        penalty = self.penalty * max(sizes[0], np.finfo(np.float64).tiny)
        start = np.sqrt(sizes[: self.rank])
        x, y = left[:, : self.rank] * start, right[: self.rank].T * start
        axes_x, axes_y = np.linalg.eigh(xx), np.linalg.eigh(yy)
        for _ in range(STEPS):
            x = _given(y, axes_x, xy, yy, penalty)
            y = _given(x, axes_y, xy.T, xx, penalty)
        mean_x, mean_y = pairs.means
        return Bridge(Linear(mean_x, single(x)), Linear(mean_y, single(y)), self.name)


def _given(other: Wide, axes: tuple[Wide, Wide], across: Wide, own: Wide, penalty: float) -> Wide:
    """The factor (d, r) that goes best with the other one, (e, r); `own` is the other's moment."""
    variances, turn = axes
    sizes, mix = np.linalg.eigh(other.T @ own @ other)
    seen = turn.T @ (across @ (other @ mix))
    found = seen / (np.maximum(variances, 0)[:, None] * np.maximum(sizes, 0) + penalty)
    return np.asarray(turn @ found @ mix.T)
