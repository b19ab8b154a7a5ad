"""From the names of classes alone, and from a few examples beside them.

Zero-shot: the nearer a row to the vector of a label, the likelier (Radford et al., ICML 2021).
Few-shot: logistic regression whose L2 penalty draws the coefficients to the label vectors instead
of to 0, W* = argmin loss(W) + lambda / 2 |W - s L|^2 (after Chelba and Acero, Adaptation of Maximum
Entropy Capitalizer, Computer Speech and Language, 2006); where held-out loss shows no gain over
zero-shot beyond one standard error, zero-shot stays.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import product

import numpy as np

from engine.arrays import unit_rows
from engine.classify.classifier import Classifier
from engine.classify.heads import Late
from engine.classify.linear import Linear, losses, sharpness
from engine.classify.task import TWO, Numbers, measurable, weigh
from engine.errors import UsageError
from engine.fuse.folds import folds
from engine.fuse.network import Deviations, log_softmax
from engine.fuse.normalise import Floats
from engine.fuse.scalar import standard_error
from engine.fuse.views import checked
from engine.types import Vectors

SHARP = 20.0
"""Logit for a cosine of 1, where nothing tells how sure to be."""

PULLS = (0.0, 5.0, 20.0, 50.0)
"""The s of label vectors that is tried; 0 is logistic regression without them."""

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""The lambda that is tried, for the mean loss of a row."""

NOT_CALIBRATED = "Nothing was labelled, so the probabilities are not calibrated."


def zero_shot(label_rows: Mapping[str, Vectors], view: str = "rows") -> Classifier:
    """A classifier from the vectors of label names.

    Args:
        label_rows: for each class a vector (d,), in the space of the rows to come.
        view: what `predict` shall call that space.

    Raises:
        UsageError: fewer than two classes, or vectors that are not finite, not of one length or 0.
    """
    known, rows = _labels(label_rows)
    return _classifier(known, view, SHARP * rows.T, "zero-shot", (NOT_CALIBRATED,))


def few_shot(
    rows: Vectors,
    labels: Sequence[str],
    label_rows: Mapping[str, Vectors],
    groups: Sequence[Hashable] | None = None,
    view: str = "rows",
    seed: int = 0,
) -> Classifier:
    """A classifier from the vectors of label names and some examples; a note says what is done.

    Args:
        rows: (n, d), in the space of `label_rows`.
        labels: (n,), each one of `label_rows`; not every class needs an example.
        label_rows: as in `zero_shot`.
        groups: what must not be on both sides of a split, (n,).
        view: as in `zero_shot`.
        seed: of the split.

    Raises:
        UsageError: as `zero_shot`; a label without a vector; a missing row.
    """
    known, told = _labels(label_rows)
    count = checked({view: rows})
    classes = _classes(labels, known, count)
    if np.isnan(rows).any() or rows.shape[1] != told.shape[1]:
        raise UsageError(f"Rows need {told.shape[1]} columns as the labels have, and none missing.")
    named = list(range(count)) if groups is None else list(groups)
    place = {one: at for at, one in enumerate(dict.fromkeys(named))}
    number = np.array([place[one] for one in named], np.int64)
    plain = SHARP * told.T
    if len(np.unique(classes[measurable(classes, number)])) < TWO:
        note = "Too few examples to tell whether they help: label names alone."
        return _classifier(known, view, plain, "zero-shot", (note, NOT_CALIBRATED))
    coef, note = _best(unit_rows(rows).astype(np.float64), classes, number, told, seed)
    if coef is None:
        return _classifier(known, view, plain, "zero-shot", (note, NOT_CALIBRATED))
    return _classifier(known, view, coef, "few-shot", (note,))


def drawn(rows: Floats, classes: Numbers, weights: Floats, prior: Floats, penalty: float) -> Floats:
    """Coefficients (d, c) of the least weighted mean loss plus penalty / 2 |W - prior|^2.

    Args:
        rows: (n, d).
        classes: (n,).
        weights: of the rows, mean 1, (n,).
        prior: (d, c).
        penalty: above 0, so that there is one minimum.
    """
    from scipy.optimize import minimize

    own = np.eye(prior.shape[1])[classes]
    share = weights[:, None] / len(rows)

    def cost(flat: Floats) -> tuple[float, Floats]:
        moved = flat.reshape(prior.shape)
        likely = log_softmax(rows @ (prior + moved))
        slope = rows.T @ (share * (np.exp(likely) - own)) + penalty * moved
        return float(-(share * own * likely).sum() + penalty / 2 * (moved**2).sum()), slope.ravel()

    found = minimize(cost, np.zeros(prior.size), jac=True, method="L-BFGS-B")
    return np.asarray(prior + found.x.reshape(prior.shape), dtype=np.float64)


def _best(
    rows: Floats, classes: Numbers, groups: Numbers, told: Floats, seed: int
) -> tuple[Floats | None, str]:
    """The coefficients with the least held-out loss, None for zero-shot's own; and a sentence.

    All logits that are compared, zero-shot's too, are brought to their best temperature before: a
    gain is in telling classes apart, not in being less sure.
    """
    weights, fold = weigh(classes, "full"), folds(classes, groups, seed)
    before = _losses(SHARP * rows @ told.T, classes, weights)
    tried = list(product(PULLS, PENALTIES))
    outs = [
        _held_out(rows, classes, weights, fold, (pull * told.T, penalty)) for pull, penalty in tried
    ]
    gains = [before - _losses(out, classes, weights) for out in outs]
    best = int(np.argmax([gain.mean() for gain in gains]))
    if gains[best].mean() <= standard_error(gains[best], groups):
        return None, f"{len(rows)} examples show no gain over label names alone, so these stay."
    pull, penalty = tried[best]
    beside = "with label names as a prior" if pull else "without label names"
    coef = drawn(rows, classes, weights, pull * told.T, penalty)
    sharp = sharpness(outs[best], classes, weights)
    return sharp * coef, f"Learnt from {len(rows)} examples {beside}."


def _losses(logits: Floats, classes: Numbers, weights: Floats) -> Floats:
    sharp = sharpness(logits, classes, weights)
    return losses(log_softmax(sharp * logits), classes, weights)


def _held_out(
    rows: Floats, classes: Numbers, weights: Floats, fold: Numbers, how: tuple[Floats, float]
) -> Floats:
    """Logits (n, c) of each row by coefficients that were fitted without its fold."""
    out = np.empty((len(rows), how[0].shape[1]))
    for one in np.unique(fold):
        kept, held = fold != one, fold == one
        out[held] = rows[held] @ drawn(rows[kept], classes[kept], weights[kept], *how)
    return out


def _labels(label_rows: Mapping[str, Vectors]) -> tuple[tuple[str, ...], Floats]:
    known = tuple(sorted(label_rows))
    if len(known) < TWO:
        raise UsageError("One class leaves nothing to tell apart.", hint="Name a second one.")
    widths = {np.shape(row) for row in label_rows.values()}
    if len(widths) > 1 or len(next(iter(widths))) != 1:
        raise UsageError("The vectors of labels need one and the same length.")
    rows = np.stack([label_rows[one] for one in known])
    for label, row in zip(known, rows, strict=True):
        if not np.isfinite(row).all() or not row.any():
            raise UsageError(f"The vector of the label '{label}' is 0 or not finite.")
    return known, unit_rows(rows).astype(np.float64)


def _classes(labels: Sequence[str], known: Sequence[str], count: int) -> Numbers:
    if not count or len(labels) != count:
        raise UsageError(f"{count} rows need as many labels, and at least one.")
    strange = sorted(set(labels) - set(known))
    if strange:
        raise UsageError(
            f"The label '{strange[0]}' has no vector.", hint="Give one for each class."
        )
    return np.array([known.index(one) for one in labels], dtype=np.int64)


def _classifier(
    labels: tuple[str, ...], view: str, coef: Floats, kind: str, notes: tuple[str, ...]
) -> Classifier:
    width = len(coef)
    scale = Deviations(np.zeros(width, np.float32), np.ones(width, np.float32))
    linear = Linear(scale, coef.astype(np.float32), np.zeros(len(labels), np.float32), unit=True)
    head = Late((view,), (linear,), np.ones(1), 1.0)
    return Classifier(labels, {view: width}, kind, head, notes, {})
