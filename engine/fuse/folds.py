"""Splits for cross-validation that never part a group, and spread the classes evenly."""

import warnings

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

FOLDS = 5


def folds(classes: Numbers, groups: Numbers, seed: int = 0, count: int = FOLDS) -> Numbers:
    """The number of the fold that each row is held out in, (n,), from 0.

    Stratified and grouped (scikit-learn's StratifiedGroupKFold).

    Args:
        classes: (n,).
        groups: (n,); rows of one group are held out together.
        seed: of the shuffle.
        count: how many folds at most; there are no more than groups.

    Raises:
        ValueError: there is one group only.
    """
    held = np.unique(groups).size
    if held < 2:  # noqa: PLR2004
        raise ValueError("a split needs two groups")
    number = np.empty(len(classes), np.int64)
    for fold, (_, test) in enumerate(_splits(classes, groups, seed, min(count, held))):
        number[test] = fold
    return number


def _splits(
    classes: Numbers, groups: Numbers, seed: int, count: int
) -> list[tuple[Numbers, Numbers]]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    rows = np.zeros((len(classes), 1))
    if np.bincount(classes).max() < count:
        # No class has a row for every fold, so there is nothing to spread.
        plain = GroupKFold(count, shuffle=True, random_state=seed)
        return list(plain.split(rows, classes, groups))
    with warnings.catch_warnings():
        # Of classes that have fewer rows than there are folds, who asks is told in words of ours.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        way = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        return [(a, b) for a, b in way.split(rows, classes, groups) if len(b)]
