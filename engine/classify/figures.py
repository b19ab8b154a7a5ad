"""UAR, macro-F1 and accuracy of a confusion matrix, with bootstrap intervals over groups."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from engine.classify.task import Numbers
from engine.evaluate import Interval, resamples
from engine.fuse.normalise import Floats

Figures: TypeAlias = Mapping[str, Interval]
"""An interval for each of `NAMES`."""

NAMES = ("UAR", "macro-F1", "accuracy")


def measures(confusion: Floats) -> Floats:
    """UAR, macro-F1 and accuracy.

    UAR is the mean over classes of the share of their rows that are found; macro-F1 the mean of
    2 tp / (2 tp + fp + fn); classes without a row do not count (Schuller et al., Interspeech 2009).

    Args:
        confusion: how many rows of each class (first) were taken for each class, (..., c, c).

    Returns:
        (..., 3), in the order of `NAMES`.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    rows, taken = confusion.sum(axis=-1), confusion.sum(axis=-2)
    there = rows > 0
    classes = np.maximum(there.sum(axis=-1), 1)
    recalls = right / np.maximum(rows, 1)
    f1 = np.where(there, 2 * right / np.maximum(rows + taken, 1), 0)
    whole = np.maximum(rows.sum(axis=-1), 1)
    parts = (recalls.sum(axis=-1) / classes, f1.sum(axis=-1) / classes, right.sum(axis=-1) / whole)
    return np.stack(parts, axis=-1)


def confusions(classes: Numbers, found: Numbers, groups: Numbers, count: int) -> Floats:
    """The confusion matrix of each group, (g, count, count).

    Args:
        classes: true, (n,).
        found: (n,).
        groups: numbers from 0 without gaps, (n,).
        count: of classes.
    """
    cells = (groups * count + classes) * count + found
    counted = np.bincount(cells, minlength=(int(groups.max()) + 1) * count**2)
    return counted.reshape(-1, count, count).astype(np.float64)


def figures(each: Floats, seed: int = 0) -> Figures:
    """The measures of all groups together; groups are drawn with replacement, 10,000 times.

    Args:
        each: confusion matrix of each group, (g, c, c).
        seed: of the draws.
    """
    groups, count = each.shape[:2]
    flat = each.reshape(groups, -1)
    drawn = [
        measures((times @ flat).reshape(-1, count, count)) for times in resamples(groups, seed)
    ]
    low, high = np.percentile(np.concatenate(drawn), (2.5, 97.5), axis=0).tolist()
    value = measures(each.sum(axis=0)).tolist()
    return {name: Interval(*ends) for name, *ends in zip(NAMES, value, low, high, strict=True)}
