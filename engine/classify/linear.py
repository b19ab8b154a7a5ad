"""Class-balanced multinomial logistic regression on frozen vectors, and its calibration.

The fit is scikit-learn's (L2, lbfgs) on features in deviations from their mean; C is the one with
the least held-out loss. Probabilities are calibrated by one temperature on held-out logits (Guo et
al., On Calibration of Modern Neural Networks, ICML 2017), which is then part of the coefficients.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.arrays import unit_rows
from engine.classify.task import Numbers, Task
from engine.fuse.network import Deviations, deviations, log_softmax
from engine.fuse.normalise import Floats
from engine.fuse.views import Mask
from engine.types import Vectors

COSTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""What C is chosen from: the smaller, the nearer to no opinion."""

STEPS = 1000
COLDEST, HOTTEST = -3.0, 3.0
"""Logarithms of the temperatures that are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Logits that are linear in a row.

    Attributes:
        scale: what is done to features first.
        coef: (d, c).
        bias: (c,).
        unit: whether rows are made unit before all.
    """

    scale: Deviations
    coef: Vectors
    bias: Vectors
    unit: bool = False

    def __call__(self, rows: Vectors) -> Floats:
        """Logits (n, c) of rows (n, d); those of a missing row are NaN."""
        known = ~np.isnan(rows[:, 0])
        found = np.full((len(rows), len(self.bias)), np.nan)
        given = unit_rows(rows[known]) if self.unit else rows[known]
        found[known] = self.scale(given).astype(np.float64) @ self.coef + self.bias
        return found

    def sharpened(self, by: float) -> "Linear":
        """All logits times a factor."""
        by32 = np.float32(by)
        return replace(self, coef=self.coef * by32, bias=self.bias * by32)


def fit_linear(rows: Vectors, classes: Numbers, weights: Floats, cost: float, count: int) -> Linear:
    """Fit logistic regression.

    Args:
        rows: (n, d), none missing.
        classes: (n,), two different ones at least.
        weights: of the rows, (n,).
        cost: scikit-learn's C.
        count: how many classes there are; one without a row gets the mean of all logits.
    """
    return next(_path(rows, classes, weights, (cost,), count))


def cross_fit(task: Task, rows: Vectors, known: Mask) -> tuple[float, Floats]:
    """Choose C by grouped cross-validation.

    Args:
        task: with its folds.
        rows: (n, d), of one modality or several side by side.
        known: rows to learn from, (n,).

    Returns:
        C, and the held-out logits (n, c) that it gives; NaN where a row is not known.
    """
    count = len(task.labels)
    out = np.full((len(COSTS), len(rows), count), np.nan)
    for fold in np.unique(task.fold):
        train, test = known & (task.fold != fold), known & (task.fold == fold)
        out[:, test] = 0.0
        if len(np.unique(task.classes[train])) > 1:
            path = _path(rows[train], task.classes[train], task.weights[train], COSTS, count)
            for at, linear in enumerate(path):
                out[at, test] = linear(rows[test])
    judged = known & task.measured
    classes, weights = task.classes[judged], task.weights[judged]
    best = int(np.argmin([losses(log_softmax(x[judged]), classes, weights).sum() for x in out]))
    return COSTS[best], out[best]


def losses(likely: Floats, classes: Numbers, weights: Floats) -> Floats:
    """Weighted cross-entropy in nats of each row (n,), of log-probabilities (n, c)."""
    return np.asarray(-weights * likely[np.arange(len(likely)), classes])


def sharpness(logits: Floats, classes: Numbers, weights: Floats) -> float:
    """1 / temperature that makes held-out logits (n, c) the best probabilities.

    Args:
        logits: held out, (n, c).
        classes: (n,).
        weights: of the rows, (n,).
    """
    from scipy.optimize import minimize_scalar

    if not len(logits) or not np.ptp(logits):
        return 1.0
    found = minimize_scalar(
        lambda heat: losses(log_softmax(logits / np.exp(heat)), classes, weights).sum(),
        bounds=(COLDEST, HOTTEST),
        method="bounded",
    )
    return float(np.exp(-found.x))


def sharpness_of(task: Task, logits: Floats, at: Mask) -> float:
    """As `sharpness`, of the rows of a task where a mask (n,) holds; logits (n, c) of all rows."""
    return sharpness(logits[at], task.classes[at], task.weights[at])


def _path(
    rows: Vectors, classes: Numbers, weights: Floats, costs: tuple[float, ...], count: int
) -> Iterator[Linear]:
    """A fit for each C, rising; each starts where the one before ended."""
    from sklearn.linear_model import LogisticRegression

    scale = deviations(rows)
    given = scale(rows).astype(np.float64)
    model = LogisticRegression(max_iter=STEPS, warm_start=True)
    for cost in costs:
        model.set_params(C=cost)
        model.fit(given, classes, weights)
        yield Linear(scale, *_widened(model.coef_, model.intercept_, model.classes_, count))


def _widened(coef: Floats, bias: Floats, classes: Numbers, count: int) -> tuple[Vectors, Vectors]:
    """Coefficients (d, count) and biases of all classes, of those (k, d) that were fitted."""
    if len(coef) == 1:  # of two classes, scikit-learn keeps the difference
        coef, bias = np.concatenate([-coef, coef]) / 2, np.concatenate([-bias, bias]) / 2
    wide, offsets = np.zeros((coef.shape[1], count), np.float32), np.zeros(count, np.float32)
    wide[:, classes], offsets[classes] = coef.T, bias - bias.mean()
    return wide, offsets
