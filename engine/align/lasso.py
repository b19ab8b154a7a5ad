"""Lasso and elastic net on canonical axes: a sparse regression between what both sides share.

With u = x P and v = y Q the canonical variates (engine/align/cca.py, q = 0), each v_j is regressed
on all u under min 1/2 E(v_j - u'b)^2 + penalty (l1 |b|_1 + (1 - l1)/2 |b|_2^2); the sides are
x P B and y Q. The L1 part shrinks every correlation by `penalty` and drops axes below it, so the
penalty chooses the rank (Tibshirani, Regression shrinkage and selection via the lasso, 1996; Zou
and Hastie, Regularization and variable selection via the elastic net, 2005). Cost: that of `cca`,
and k regressions of k numbers. Prefer it where the rank is unknown and most axes are noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.align import cca
from engine.align.bridge import Bridge
from engine.align.maps import Linear
from engine.align.moments import moments, single
from engine.align.pairs import Pairs, Wide
from engine.align.span import in_span

STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Lasso:
    """Attributes.

    penalty: of the sum of both norms, above 0; a correlation is at most 1.
    l1: share of the L1 norm in it, above 0 and at most 1; below 1 it is the elastic net.
    ridge: as of `cca`.
    rank: as of `cca`.
    """

    penalty: float = 0.1
    l1: float = 1.0
    ridge: float = cca.RIDGE
    rank: int = 256

    name = "lasso"
    complexity = 3

    def variants(self, pairs: Pairs) -> Sequence["Lasso"]:
        """Sparse first."""
        del pairs
        settings = ((0.3, 1.0), (0.1, 1.0), (0.1, 0.5), (0.03, 0.5))
        return tuple(replace(self, penalty=penalty, l1=l1) for penalty, l1 in settings)

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Predict the right variates from the left."""
        known = moments(pairs)
        found = cca.solve(known, self.ridge, self.rank, power=0)
        gram = found.x.T @ (known.xx / known.total) @ found.x
        across = found.x.T @ (known.xy / known.total) @ found.y
        sparse = self._regressed(gram, across)
        left, right = pairs.means
        return Bridge(
            Linear(left, single(found.x @ sparse)), Linear(right, single(found.y)), "lasso"
        )

    def _regressed(self, gram: Wide, across: Wide) -> Wide:
        """B (k, k) from the moments of both: rows that have them stand for all pairs."""
        from sklearn.linear_model import ElasticNet

        sizes, axes = np.linalg.eigh(gram)
        root = np.sqrt(np.maximum(sizes, 1e-12 * sizes[-1]) * len(gram))
        rows = (axes * root).T
        targets = len(gram) * (axes / root).T @ across
        net = ElasticNet(
            alpha=self.penalty,
            l1_ratio=self.l1,
            fit_intercept=False,
            max_iter=STEPS,
            tol=1e-10,
            random_state=0,
        )
        return np.asarray(net.fit(rows, targets).coef_).reshape(across.shape[::-1]).T
