"""Each kind of classifier is fitted with its held-out answers; `auto` is the simplest as good."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.classify.classifier import Classifier
from engine.classify.heads import (
    NETWORKS,
    Concat,
    Head,
    Late,
    Net,
    Subset,
    pooled,
    sharpened,
    side_by_side,
)
from engine.classify.linear import Linear, cross_fit, fit_linear, sharpness_of
from engine.classify.task import Task, task
from engine.errors import UsageError
from engine.fuse.network import Numbers, log_softmax
from engine.fuse.normalise import Floats
from engine.fuse.scalar import choose, lattice, standard_error
from engine.fuse.views import Mask, Views, present, rows_of

MOST_SIDE_BY_SIDE = 4
"""Modalities whose subsets are still few enough to fit a model for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A head that was fitted on all rows, and what it says of each row when that is held out.

    Attributes:
        kind: of the head.
        head: fitted on all rows.
        out: held-out log-probabilities, (n, c).
    """

    kind: str
    head: Head
    out: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """A modality's own model, and its held-out log-probabilities (n, c), NaN where missing."""

    name: str
    model: Linear
    out: Floats


def fit(
    views: Views,
    labels: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    kind: str = "auto",
    seed: int = 0,
    *,
    balance: str = "full",
    equal: bool = False,
) -> Classifier:
    """Learn to tell classes from frozen vectors.

    Args:
        views: rows (n, d) of each modality or space; NaN where one is missing.
        labels: (n,).
        groups: what must not be on both sides of a split (speakers, patients), (n,); None when
            each row stands for itself.
        kind: one of `KINDS`, or ``auto``: of those whose held-out UAR is within one standard error
            of the best, the simplest.
        seed: same rows and seed, same classifier.
        balance: how much rows of rare classes weigh: ``full`` n^-1, ``root`` n^-.5, ``none``.
            Probabilities are calibrated for classes that are as common as that makes them.
        equal: late fusion weighs all modalities alike; to compare with.

    Raises:
        UsageError: no rows, one class, rows in NaN by parts, and the like; see `task`.
    """
    given = task(views, labels, groups, seed, balance)
    found = candidates(given, kind, equal=equal)
    best = simplest(given, found)
    figures = {one.kind: float(correct(given, one.out).mean()) for one in found}
    return Classifier(given.labels, given.widths, best.kind, best.head, given.notes, figures)


def candidates(task: Task, kind: str, *, equal: bool = False) -> list[Candidate]:
    """All that may be taken, from the simplest; just one unless the kind is ``auto``."""
    if kind != "auto" and kind not in KINDS:
        raise UsageError(f"'{kind}' is no kind.", hint=f"Choose of: auto, {', '.join(KINDS)}.")
    wanted = (kind,) if kind != "auto" else KINDS if len(task.names) > 1 else KINDS[:1]
    apart = [alone(task, name) for name in task.names] if {"single", "late"} & set(wanted) else []
    ways: Mapping[str, Callable[[], Candidate | None]] = {
        "single": lambda: single(task, apart),
        "late": lambda: late(task, apart, equal=equal),
        "concat": lambda: concat(task),
        "gated": lambda: network(task, "gated"),
        "attention": lambda: network(task, "attention"),
    }
    found = [one for name in wanted if (one := ways[name]()) is not None]
    if not found:
        raise UsageError(
            "Features cannot be put side by side: too few rows have all modalities, or there are "
            f"more than {MOST_SIDE_BY_SIDE}.",
            hint="Choose late fusion, which wants no row to be complete.",
        )
    return found


KINDS = ("single", "late", "concat", "gated", "attention")
"""From the simplest to the least simple."""


def simplest(task: Task, found: Sequence[Candidate]) -> Candidate:
    """The first whose held-out UAR is within one standard error of the best."""
    values = [correct(task, one.out) for one in found]
    best = max(values, key=lambda one: one.mean())
    groups = task.groups[task.measured]
    return next(
        one
        for one, own in zip(found, values, strict=True)
        if (best - own).mean() <= standard_error(best - own, groups)
    )


def correct(task: Task, out: Floats) -> Floats:
    """For each row that is measured, what it adds to the UAR: its mean is the UAR, (k,).

    n / (c n_k) where the likeliest class is right, else 0; n rows, c classes, n_k of the row's.
    """
    classes, held = task.classes[task.measured], out[task.measured]
    return balanced(classes, held.argmax(axis=1))


def balanced(classes: Numbers, found: Numbers) -> Floats:
    """As `correct`, of true and found classes (n,)."""
    counts = np.bincount(classes)
    worth = len(classes) / ((counts > 0).sum() * counts[classes])
    return np.asarray(np.where(classes == found, worth, 0.0))


def alone(task: Task, name: str) -> Alone:
    """Fit one modality on the rows that have it."""
    rows, known = task.views[name], present(task.views, (name,))[:, 0]
    cost, logits = cross_fit(task, rows, known)
    sharp = sharpness_of(task, logits, known & task.measured)
    model = fit_linear(
        rows[known], task.classes[known], task.weights[known], cost, len(task.labels)
    )
    return Alone(name, model.sharpened(sharp), log_softmax(sharp * logits))


def single(task: Task, apart: Sequence[Alone]) -> Candidate:
    """The modality with the best held-out UAR, alone."""
    outs = [np.nan_to_num(one.out) for one in apart]
    best = int(np.argmax([correct(task, out).mean() for out in outs]))
    head = Late((apart[best].name,), (apart[best].model,), np.ones(1), 1.0)
    return Candidate("single", head, outs[best])


def late(task: Task, apart: Sequence[Alone], *, equal: bool = False) -> Candidate:
    """Weighted log-probabilities; a row is held out of the choice of the weights, too."""
    likely, there = [one.out for one in apart], task.there
    tried = lattice(len(apart)) if not equal else np.full((1, len(apart)), 1 / len(apart))
    values = np.stack([correct(task, pooled(likely, one, there)) for one in tried])
    own = np.stack([correct(task, np.nan_to_num(one)) for one in likely])
    out = np.empty_like(likely[0])
    groups = task.groups[task.measured]
    for fold in np.unique(task.fold):
        others = (task.fold != fold)[task.measured]
        taken = _weights(values[:, others], tried, groups[others], own[:, others])
        held = task.fold == fold
        out[held] = pooled([one[held] for one in likely], taken, there[held])
    weights = _weights(values, tried, groups, own)
    sharp = sharpness_of(task, out, task.measured)
    head = Late(task.names, tuple(one.model for one in apart), weights, sharp)
    return Candidate("late", head, log_softmax(sharp * out))


def _weights(values: Floats, tried: Floats, groups: Numbers, own: Floats) -> Floats:
    """Of weights (g, m) those to take, by what they gain (g, k) and each modality alone (m, k)."""
    if not values.size:
        return np.asarray(np.full(tried.shape[1], 1 / tried.shape[1]))
    single = int(own.mean(axis=1).argmax())
    return np.asarray(tried[choose(values, tried, groups, single)])


def concat(task: Task) -> Candidate | None:
    """Features side by side; None where too few rows have all modalities."""
    complete: Mask = np.asarray(task.there.all(axis=1))
    learnable = complete & task.measured
    if len(task.names) > MOST_SIDE_BY_SIDE or len(np.unique(task.classes[learnable])) < 2:  # noqa: PLR2004
        return None
    cost, _ = cross_fit(task, side_by_side(task.views, task.names), complete)
    logits = np.zeros((len(complete), len(task.labels)))
    for fold in np.unique(task.fold):
        held = task.fold == fold
        head = _subsets(task, cost, ~held)
        if head is not None:
            logits[held] = head(rows_of(task.views, held))[0]
    sharp = sharpness_of(task, logits, task.measured)
    whole = _subsets(task, cost, np.ones(len(complete), np.bool_))
    if whole is None:
        return None
    models = tuple(one.sharpened(sharp) for one in whole.models)
    return Candidate(
        "concat", Concat(whole.names, whole.subsets, models), log_softmax(sharp * logits)
    )


def _subsets(task: Task, cost: float, at: Mask) -> Concat | None:
    """A model for each subset of modalities that the rows of a mask can teach."""
    subsets: list[Subset] = []
    models: list[Linear] = []
    for size in range(len(task.names), 0, -1):
        for subset in combinations(task.names, size):
            rows = side_by_side(task.views, subset)
            known = at & ~np.isnan(rows[:, 0])
            if len(np.unique(task.classes[known])) > 1:
                subsets.append(subset)
                models.append(
                    fit_linear(
                        rows[known],
                        task.classes[known],
                        task.weights[known],
                        cost,
                        len(task.labels),
                    )
                )
    return Concat(task.names, tuple(subsets), tuple(models)) if models else None


def network(task: Task, kind: str) -> Candidate:
    """A fusion network, held out fold by fold."""
    logits = np.zeros((len(task.classes), len(task.labels)))
    for fold in np.unique(task.fold):
        held = task.fold == fold
        logits[held] = _net(task, kind, ~held)(rows_of(task.views, held))[0]
    sharp = sharpness_of(task, logits, task.measured)
    whole = _net(task, kind, np.ones(len(logits), np.bool_))
    return Candidate(kind, sharpened(whole, sharp), log_softmax(sharp * logits))


def _net(task: Task, kind: str, at: Mask) -> Net:
    views = rows_of(task.views, at)
    return Net(
        kind,
        NETWORKS[kind].fit(
            views, task.classes[at], len(task.labels), weights=task.weights[at], seed=task.seed
        ),
    )
