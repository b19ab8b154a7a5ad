"""What a choice reaches on pairs that neither fitting nor choosing has seen."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from engine.align.pairs import Numbers, Pairs
from engine.align.ranks import both_ways, nearest, relevant
from engine.align.trial import Candidate, Ground, mix, scored
from engine.evaluate import Values
from engine.evaluate.chance import reciprocal_rank
from engine.types import Vectors

NEIGHBOURS = 3

SHUFFLES = 3
"""In each fold; one alone may be lucky."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Held-out pairs, each with its ranks from left to right and from right to left.

    Attributes:
        rows: numbers of the pairs, (n,).
        gallery: among how many each was looked for, (n,).
        answers: how many of these were right, (n,).
        before: ranks by the way there was, (n, 2); where there was none, all are tied.
        after: ranks by what was chosen, (n, 2).
        shuffled: ranks by the fitted bridge alone, fitted on shuffled pairs, (n, 2, `SHUFFLES`).
        by_chance: reciprocal rank to expect of a random order, (n,).
        near_before: numbers of the pairs whose right sides come first, (n, `NEIGHBOURS`); -1 where
            there are fewer.
        near_after: the same after.
    """

    rows: Numbers
    gallery: Numbers
    answers: Numbers
    before: Values
    after: Values
    shuffled: Values
    by_chance: Values
    near_before: Numbers
    near_after: Numbers


def judge(
    ground: Ground, fitted_on: Ground, rows: Numbers, candidate: Candidate, blend: float
) -> Outcome:
    """Fit the candidate on one part of the pairs and judge it on another.

    Args:
        ground: all there is.
        fitted_on: a part of it.
        rows: the numbers of other pairs, of other groups, (n,).
        candidate: what was chosen without them.
        blend: its share of the score; 0 leaves things as they are.
    """
    held = ground.take(rows)
    right, before = relevant(held.pairs), held.before
    pool = fitted_on.pool(candidate.weight)
    after = mix(before, scored(candidate.aligner.fit(pool), held), blend)
    cut = [
        both_ways(scored(candidate.aligner.fit(unlinked(pool, seed)), held), right)
        for seed in range(SHUFFLES)
    ]
    answers = right.sum(axis=1)
    return Outcome(
        rows=rows,
        gallery=np.full(len(rows), len(rows)),
        answers=answers,
        before=both_ways(before, right),
        after=both_ways(after, right),
        shuffled=np.stack(cut, axis=-1),
        by_chance=_by_chance(answers, len(rows)),
        near_before=_near(before, rows),
        near_after=_near(after, rows),
    )


def merge(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcomes of several folds as one; pairs stay among those they were looked for among."""
    names = [one.name for one in fields(Outcome)]
    return Outcome(*(np.concatenate([getattr(each, name) for each in outcomes]) for name in names))


def unlinked(pairs: Pairs, seed: int = 0) -> Pairs:
    """The same rows, but each left one with the right one of another group, within its block.

    Groups are put in a random order and the right sides moved on by the size of the largest one,
    so that no pair keeps its answer as long as no group holds half of all.
    """
    right = pairs.right.copy()
    rng = np.random.default_rng(seed)
    for block in np.unique(pairs.blocks):
        mine = np.flatnonzero(pairs.blocks == block)
        _, number, sizes = np.unique(pairs.groups[mine], return_inverse=True, return_counts=True)
        order = mine[np.argsort(rng.permutation(len(sizes))[number], kind="stable")]
        right[order] = pairs.right[np.roll(order, int(sizes.max()))]
    return replace(pairs, right=right)


def _near(scores: Vectors, rows: Numbers) -> Numbers:
    found = np.full((len(rows), NEIGHBOURS), -1, dtype=np.int64)
    best = rows[nearest(scores, NEIGHBOURS)]
    found[:, : best.shape[1]] = best
    return found


def _by_chance(answers: Numbers, gallery: int) -> Values:
    known = {int(one): reciprocal_rank(np.ones(one), gallery) for one in np.unique(answers)}
    return np.array([known[int(one)] for one in answers])
