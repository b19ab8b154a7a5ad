"""Fusers that are fitted on judged answers, by name, and their report against one scalar each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from engine.errors import UsageError
from engine.evaluate import METRICS, Difference, Interval, interval, paired
from engine.fuse import attention, gated, scalar
from engine.fuse.answers import Answers, reciprocal_ranks
from engine.fuse.folds import folds
from engine.fuse.network import Network
from engine.fuse.normalise import Floats
from engine.fuse.views import Fused, Learned, Views, present

DEFAULT = "scalar"

_MRR = next(one for one in METRICS if one.name == "MRR")


@dataclass(frozen=True, slots=True, eq=False)
class Odds:
    """A network that tells right answers from wrong ones; its score is the log odds."""

    network: Network

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities, sorted."""
        return self.network.names

    def fuse(self, views: Views) -> Fused:
        """Fuse rows; see `Learned`."""
        likely, weights = self.network(views)
        there = weights.sum(axis=1) > 0
        return Fused(self.names, np.where(there, likely[:, 1] - likely[:, 0], -np.inf), weights)


def _odds(kind: ModuleType) -> Callable[[Answers, int], Learned]:
    def fitted(answers: Answers, seed: int) -> Learned:
        classes = answers.relevant.astype(np.int64)
        counts = np.bincount(classes, minlength=2)
        worth = len(classes) / (2.0 * counts[classes])
        network: Network = kind.fit(answers.views, classes, 2, weights=worth, seed=seed)
        return Odds(network)

    return fitted


KINDS: Mapping[str, Callable[[Answers, int], Learned]] = {
    "scalar": scalar.fit,
    "gated": _odds(gated),
    "attention": _odds(attention),
}
"""From the simplest to the least simple."""


def fit(answers: Answers, kind: str = DEFAULT, seed: int = 0) -> Learned:
    """Fit a fuser of one kind.

    Args:
        answers: judged; a score for each modality, or features for a network.
        kind: one of `KINDS`.
        seed: same answers and seed, same fuser.

    Raises:
        UsageError: no such kind, or answers that it cannot learn from.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no fuser '{kind}'.", hint=f"Choose of: {', '.join(KINDS)}.")
    there = present(answers.views, sorted(answers.views)).any(axis=0)
    if not there.all():
        name = sorted(answers.views)[int(there.argmin())]
        raise UsageError(f"'{name}' is missing from every answer.", hint="Leave it out.")
    return KINDS[kind](answers, seed)


@dataclass(frozen=True, slots=True)
class Card:
    """How a fuser does on queries that it has not seen, beside one scalar per modality.

    Attributes:
        kind: of the fuser.
        figure: its mean reciprocal rank, with a 95 % interval over groups.
        scalar: likewise, of the scalar.
        singles: likewise, of each modality alone, as its scores are; empty for features.
        gain: over the scalar, paired by group.
        queries: how many.
    """

    kind: str
    figure: Interval
    scalar: Interval
    singles: Mapping[str, Interval]
    gain: Difference
    queries: int


def report(answers: Answers, kind: str, seed: int = 0, scores: Views | None = None) -> Card:
    """Cross-validate a fuser and the scalar on the same splits by group.

    Args:
        answers: judged, of at least two groups.
        kind: one of `KINDS`.
        seed: of splits, fits and intervals.
        scores: what the scalar gets, (n, 1) each, where `answers` holds features.

    Raises:
        UsageError: there is one group only, or what `fit` refuses.
    """
    plain = answers if scores is None else _rescored(answers, scores)
    found, groups = held_out(answers, kind, seed)
    base, _ = held_out(plain, DEFAULT, seed)
    singles = {
        name: reciprocal_ranks(np.nan_to_num(column[:, 0].astype(np.float64), nan=-np.inf), plain)
        for name, column in sorted(plain.views.items())
    }
    of = groups.tolist()
    return Card(
        kind,
        interval(_MRR, found, of, seed=seed),
        interval(_MRR, base, of, seed=seed),
        {name: interval(_MRR, ranks, of, seed=seed) for name, (ranks, _) in singles.items()},
        paired(base, found, of, seed=seed),
        len(found),
    )


def held_out(answers: Answers, kind: str, seed: int = 0) -> tuple[Floats, scalar.Numbers]:
    """Reciprocal rank of each query, by a fuser that has not seen its group; and the groups.

    Raises:
        UsageError: there is one group only, or what `fit` refuses.
    """
    if np.unique(answers.of).size < 2:  # noqa: PLR2004
        raise UsageError("All queries belong to one group: none can be held out.")
    number = folds(np.zeros(len(answers.of), np.int64), answers.of, seed)
    scores = np.empty(len(number))
    for one in np.unique(number):
        out = np.flatnonzero(number == one)
        fitted = fit(answers.only(np.flatnonzero(number != one)), kind, seed)
        scores[out] = fitted.fuse({n: rows[out] for n, rows in answers.views.items()}).scores
    return reciprocal_ranks(scores, answers)


def _rescored(answers: Answers, scores: Views) -> Answers:
    return Answers(scores, answers.relevant, answers.queries, answers.groups)
