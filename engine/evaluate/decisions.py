"""Decisions by a threshold: scores of what should pass, and of what should not."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.evaluate.metrics import Values


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """What each threshold lets pass; a score passes when it is at least the threshold.

    Attributes:
        thresholds: falling, from infinity on; shape (t,).
        passed: share of the positives that pass; shape (t,), from 0 to 1.
        false_alarms: share of the negatives that pass; shape (t,), from 0 to 1.
        area: chance that a positive scores above a negative, ties counted half (AUC).
    """

    thresholds: Values
    passed: Values
    false_alarms: Values
    area: float

    def at(self, threshold: float) -> tuple[float, float]:
        """Shares of positives missed and of negatives that pass: the two errors of a decision."""
        place = int((self.thresholds >= threshold).sum()) - 1
        return 1 - float(self.passed[place]), float(self.false_alarms[place])


def roc(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> Roc:
    """The curve of all thresholds (Fawcett, 2006); ValueError when a side is empty or not finite.

    Args:
        positives: scores of what should pass, such as of queries that have an answer.
        negatives: scores of what should not.
    """
    right, wrong = _scores(positives), _scores(negatives)
    thresholds = np.unique(np.concatenate([right, wrong]))[::-1]
    passed = _share_above(right, thresholds)
    false_alarms = _share_above(wrong, thresholds)
    area = float(np.diff(false_alarms) @ ((passed[1:] + passed[:-1]) / 2))
    return Roc(np.concatenate([[np.inf], thresholds]), passed, false_alarms, area)


def operating_point(positives: npt.ArrayLike, negatives: npt.ArrayLike, most: float) -> float:
    """The lowest threshold at which at most the share `most` of the negatives passes.

    Infinite when only a threshold that nothing passes would do.
    """
    curve = roc(positives, negatives)
    return float(curve.thresholds[curve.false_alarms <= most][-1])


def _scores(given: npt.ArrayLike) -> Values:
    scores = np.sort(np.asarray(given, dtype=np.float64).ravel())
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError("a decision needs finite scores of both sides")
    return scores


def _share_above(ordered: Values, thresholds: Values) -> Values:
    """Share of scores that are at least each threshold, with 0 for infinity before; (t + 1,)."""
    below = np.searchsorted(ordered, thresholds, side="left")
    return np.concatenate([[0.0], (len(ordered) - below) / len(ordered)])
