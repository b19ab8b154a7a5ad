"""One weight per modality, chosen on judged answers: what every other fusion has to beat.

s = sum of w_m z_m, w >= 0, sum of w = 1, over the modalities that are there; z_m is the score less
its mean over its deviation, both as they were when it was fitted. Of the weights on a lattice,
those whose loss against the best is within one standard error (Breiman et al., Classification and
Regression Trees, 1984, 3.4.3) are as good; of these it takes the ones nearest to the best single
modality. Equal weights are the classic mistake: see docs/fusion.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.errors import UsageError
from engine.fuse.answers import Answers, reciprocal_ranks
from engine.fuse.convex import Convex
from engine.fuse.normalise import Floats
from engine.fuse.views import Fused, Mask, Views, aligned, present, shares
from engine.types import Ranking

Numbers: TypeAlias = npt.NDArray[np.int64]

MOST = 300
"""Weights that are tried at most."""

FAINT = 1e-3
"""What counts of a score whose modality weighs nothing, where nothing else is there: the order
among such answers stays, all of them near the mean."""

FINEST = 20
"""Steps from 0 to 1 where there are few modalities."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A weight for each modality, on scores in deviations from their mean.

    Attributes:
        names: the modalities, sorted, (m,).
        weights: at least 0, summing to 1, (m,).
        means: of the scores when it was fitted, (m,).
        deviations: likewise, above 0, (m,).
    """

    names: tuple[str, ...]
    weights: Floats
    means: Floats
    deviations: Floats

    def fuse(self, views: Views) -> Fused:
        """Fuse scores (n, 1) of each modality.

        Raises:
            UsageError: a modality is unknown, or has more than one column.
        """
        scores, there = self._calibrated(views)
        held = shares(self.weights, there)
        return Fused(self.names, _weighted(scores, there, self.weights), held)

    def __call__(self, rankings: Sequence[Ranking]) -> Ranking:
        """Fuse rankings of the galleries that bear the modalities' names, as `Convex` does."""
        ways = zip(self.names, self.means, self.deviations, strict=True)
        normalise = {name: partial(_deviations, mean, by) for name, mean, by in ways}
        weights = dict(zip(self.names, self.weights.tolist(), strict=True))
        return Convex(weights, normalise)(rankings)

    def _calibrated(self, views: Views) -> tuple[Floats, Mask]:
        given = aligned(views, dict.fromkeys(self.names, 1))
        columns = np.concatenate([given[name] for name in self.names], axis=1).astype(np.float64)
        return (columns - self.means) / self.deviations, present(given, self.names)


def fit(answers: Answers, seed: int = 0) -> Scalar:
    """Choose the weights by the mean reciprocal rank of held-out queries.

    Nothing but the weights is fitted to what is right, so the mean over the held-out part of every
    split is the mean over all queries; queries of one group count as one in the standard error.

    Args:
        answers: with one column for each modality.
        seed: not used, as nothing is drawn; every fuser takes one.

    Raises:
        UsageError: a modality has more than one column, no score, or no query has a right answer.
    """
    del seed
    names = tuple(sorted(answers.views))
    columns = _columns(answers.views, names)
    there = ~np.isnan(columns)
    means = np.nanmean(columns, axis=0)
    spread = np.nanstd(columns, axis=0)
    deviations = np.where(spread > 0, spread, 1.0)
    scores = (columns - means) / deviations
    tried = lattice(len(names))
    ranks = [reciprocal_ranks(_weighted(scores, there, one), answers) for one in tried]
    values = np.stack([one for one, _ in ranks])
    last = np.where(there, scores, -np.inf)
    single = int(np.argmax([reciprocal_ranks(one, answers)[0].mean() for one in last.T]))
    taken = tried[choose(values, tried, ranks[0][1], single)]
    return Scalar(names, taken, means, deviations)


def equal(fitted: Scalar) -> Scalar:
    """The same with equal weights: the mistake, to compare with."""
    alike = np.full(len(fitted.names), 1.0 / len(fitted.names))
    return Scalar(fitted.names, alike, fitted.means, fitted.deviations)


def lattice(modalities: int) -> Floats:
    """All weights of whole steps that sum to 1, (g, m); the steps are as fine as `MOST` allows."""
    from math import comb

    steps = max(s for s in range(1, FINEST + 1) if s == 1 or comb(s + modalities - 1, s) <= MOST)
    bars = list(combinations(range(steps + modalities - 1), modalities - 1))
    ends = np.array(bars, dtype=np.int64).reshape(len(bars), modalities - 1)
    padded = np.pad(ends, ((0, 0), (1, 1)), constant_values=-1)
    padded[:, -1] = steps + modalities - 1
    return np.asarray((np.diff(padded, axis=1) - 1) / steps, dtype=np.float64)


def choose(values: Floats, weights: Floats, groups: Numbers, single: int) -> int:
    """Which weights to take: as good as the best, and nearest to the best single modality.

    Args:
        values: what each row gains by each weights, higher is better, (g, n).
        weights: (g, m).
        groups: of the rows, (n,).
        single: which modality is best alone, where its being missing counts as a failure. One that
            is there in few rows shall not be it because it shines in these.

    Returns:
        From 0 to g - 1; of equals the one that gains more, then the first.
    """
    means = values.mean(axis=1)
    best = means.argmax()
    lost = np.array([standard_error(values[best] - one, groups) for one in values])
    as_good = np.flatnonzero(means[best] - means <= lost + 1e-12)
    order = np.lexsort((as_good, -means[as_good], -weights[as_good, single]))
    return int(as_good[order[0]])


def standard_error(values: Floats, groups: Numbers) -> float:
    """Of the mean of values (n,), when whole groups were drawn (Cochran, 1977, 9A)."""
    _, number = np.unique(groups, return_inverse=True)
    sums = np.bincount(number, values - values.mean())
    count = len(sums)
    if count < 2:  # noqa: PLR2004
        return 0.0
    return float(np.sqrt(count / (count - 1) * (sums**2).sum()) / len(values))


def _columns(views: Views, names: Sequence[str]) -> Floats:
    for name in names:
        if views[name].shape[1] != 1:
            raise UsageError(
                f"'{name}' has {views[name].shape[1]} columns; a weight needs one score.",
                hint="Give one score per answer, or choose the kind gated or attention.",
            )
        if np.isnan(views[name]).all():
            raise UsageError(f"'{name}' has no score at all.", hint="Leave it out.")
    return np.concatenate([views[name] for name in names], axis=1).astype(np.float64)


def _weighted(scores: Floats, there: Mask, weights: Floats) -> Floats:
    fused = (shares(weights, there) * np.where(there, scores, 0.0)).sum(axis=1)
    told = (weights * there).sum(axis=1) > 0
    return np.where(there.any(axis=1), np.where(told, fused, FAINT * fused), -np.inf)


def _deviations(mean: float, by: float, scores: npt.ArrayLike) -> Floats:
    return np.asarray((np.asarray(scores, np.float64) - mean) / by)
