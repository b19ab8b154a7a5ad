"""Generalised canonical correlations: two, three or more modalities into one space at once.

MAXVAR: the g of unit variance that all views predict best, max sum_k g' X_k C_k^-1 X_k' g, are the
leading eigenvectors of the views whitened and put side by side (Kettenring, Canonical analysis of
several sets of variables, 1971; ridged: Rastogi et al., Multiview LSA, 2015). View k maps by
C_k^-1/2 E_k diag(r^(q/2)), where an eigenvalue l gives r = (l - 1) / (K - 1), the mean correlation
of K views; for two without a ridge this is `cca`. Cost: one pass over the rows, then
O((sum d_k)^3). Prefer it where rows of three modalities are given together: each pair of them then
meets in the same space.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.align import cca
from engine.align.bridge import Bridge
from engine.align.maps import Linear, Map
from engine.align.moments import moments, signs, single, whitening
from engine.align.pairs import Pairs, PairsError, Wide
from engine.align.span import in_span
from engine.types import Vectors

LEAST_VIEWS = 2


@dataclass(frozen=True, slots=True)
class Generalised:
    """Attributes.

    ridge: share of the mean variance that is added to every variance, at least 0.
    rank: how many directions are kept at most, at least 1.
    power: q, at least 0.
    """

    ridge: float = cca.RIDGE
    rank: int = cca.RANK
    power: float = cca.POWER

    name = "gcca"
    complexity = 3

    def variants(self, pairs: Pairs) -> Sequence["Generalised"]:
        """Few directions first."""
        most = min(pairs.left.shape[1], pairs.right.shape[1])
        ranks = dict.fromkeys(min(rank, most) for rank in (64, 128))
        return tuple(Generalised(self.ridge, rank, self.power) for rank in ranks)

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Two views."""
        known = moments(pairs)
        covariance = np.block([[known.xx, known.xy], [known.xy.T, known.yy]]) / known.total
        widths = pairs.left.shape[1], pairs.right.shape[1]
        x, y = _solved(covariance, widths, self)
        left, right = pairs.means
        return Bridge(Linear(left, single(x)), Linear(right, single(y)), self.name)


def fit_many(
    views: Sequence[Vectors],
    ridge: float = cca.RIDGE,
    rank: int = cca.RANK,
    power: float = cca.POWER,
) -> tuple[Map, ...]:
    """A map for each view; the inner product of any two mapped rows is their score.

    Args:
        views: rows (n, d_k) of each modality, row i of all about the same.
        ridge: as of `cca`.
        rank: as of `cca`.
        power: as of `cca`.

    Raises:
        PairsError: fewer than two views, not equally many rows, not finite, or one never varies.
    """
    if len(views) < LEAST_VIEWS:
        raise PairsError(f"{len(views)} modality has nothing to be aligned with.")
    for view in views[1:]:
        Pairs.of(views[0], view)
    means = [view.mean(axis=0, dtype=np.float64) for view in views]
    centred = np.concatenate([v - m for v, m in zip(views, means, strict=True)], axis=1)
    settings = Generalised(ridge, rank, power)
    found = _solved(centred.T @ centred / len(centred), [view.shape[1] for view in views], settings)
    return tuple(Linear(single(m), single(one)) for m, one in zip(means, found, strict=True))


def _solved(covariance: Wide, widths: Sequence[int], settings: Generalised) -> list[Wide]:
    """Directions (d_k, k) of each view from the covariance of all, (sum d_k, sum d_k)."""
    ends = np.cumsum(widths)
    parts = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
    white = np.zeros_like(covariance)
    for part in parts:
        white[part, part] = whitening(covariance[part, part], settings.ridge)
    sizes, axes = np.linalg.eigh(white.T @ covariance @ white)
    sizes, axes = sizes[::-1], axes[:, ::-1]
    correlations = (sizes - 1) / (len(widths) - 1)
    most = min(settings.rank, *widths)
    kept = slice(max(1, min(most, int((correlations > 0).sum()))))
    weights = np.maximum(correlations[kept], 0) ** (settings.power / 2)
    found = white @ axes[:, kept] * weights * np.sqrt(len(widths))
    found = found * signs(found)
    return [found[part] for part in parts]
