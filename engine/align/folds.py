"""Grouped folds: pairs that belong together are judged together, and never fitted on meanwhile."""

import numpy as np

from engine.align.pairs import Numbers, PairsError

LEAST_PAIRS = 10
LEAST_GROUPS = 6
"""A sign-flipping test of five groups cannot fall below p = 2 / 2^5: they could show nothing."""

_LEAST_FOLDS = 3
"""Of the rest of two folds, one large group may be all, and nothing could be held out of it."""
_LEAST_HELD_OUT = 4
"""Pairs of a fold: among fewer, nearly everything is found by luck."""


def enough(groups: Numbers) -> None:
    """Check that so many pairs can be judged at all.

    Raises:
        PairsError: there are too few pairs or groups; it says how many are needed.
    """
    pairs, count = len(groups), len(np.unique(groups))
    hint = (
        f"At least {LEAST_PAIRS} pairs of {LEAST_GROUPS} different things are needed; "
        "a few dozen are the least that usually shows something."
    )
    if pairs < LEAST_PAIRS:
        raise PairsError(
            f"{pairs} pairs are too few to tell whether they teach anything.", hint=hint
        )
    if count == 1:
        raise PairsError(
            "All pairs are of one source or of equal contents, so none can be held out.", hint=hint
        )
    if count < LEAST_GROUPS:
        raise PairsError(
            f"The {pairs} pairs are of {count} different things only (pairs of one source file or "
            "of equal contents count as one), too few to tell whether they teach anything.",
            hint=hint,
        )


def folds(groups: Numbers, most: int, seed: int = 0) -> list[Numbers]:
    """Rows that are held out together, for each fold; every row is in one of them.

    The largest groups come first, each goes to the fold that has the fewest rows (Graham, Bounds on
    multiprocessing timing anomalies, 1969); so two folds differ by no more rows than the largest
    group has.

    Args:
        groups: (n,), of at least two groups, which are never parted.
        most: as many folds as this at most; fewer where they would hold out next to nothing.
        seed: of the order of groups that are equally large.
    """
    _, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count = min(most, len(sizes), max(_LEAST_FOLDS, len(groups) // _LEAST_HELD_OUT))
    order = np.random.default_rng(seed).permutation(len(sizes))
    filled, fold_of = np.zeros(count, np.int64), np.zeros(len(sizes), np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return [np.flatnonzero(fold_of[number] == fold) for fold in range(count)]


def rest(rows: Numbers, count: int) -> Numbers:
    """The rows of `count` that are not in `rows`."""
    return np.setdiff1d(np.arange(count), rows)


def sample(groups: Numbers, most: int, seed: int = 0) -> Numbers:
    """At most `most` rows, rising, of as many groups as possible."""
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    ordered = shuffled[np.argsort(groups[shuffled], kind="stable")]
    _, starts, sizes = np.unique(groups[ordered], return_index=True, return_counts=True)
    turn = np.arange(len(groups)) - np.repeat(starts, sizes)
    by_turn = np.lexsort((np.argsort(shuffled)[ordered], turn))
    return np.sort(ordered[by_turn[:most]])
