"""How well classes are told apart on groups not learnt from, beside what means nothing."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.classify.classifier import Classifier
from engine.classify.figures import NAMES, Figures, confusions, figures, measures
from engine.classify.fitting import balanced, fit
from engine.classify.task import Numbers, Task, part, task
from engine.errors import UsageError
from engine.evaluate import Difference, numbered, paired
from engine.fuse.normalise import Floats
from engine.fuse.views import Views, rows_of, without

SHUFFLES = 3
"""So many times the labels are shuffled; each time all is fitted again."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassReport:
    """Figures on held-out groups, each with its 95 % interval over groups.

    Attributes:
        kind: as it was asked for.
        kinds: what was taken in each fold.
        labels: the classes, (c,).
        rows: how many were measured.
        groups: of these rows.
        figures: UAR, macro-F1 and accuracy.
        confusion: rows of each class (first) by what they were taken for, int64 (c, c).
        chance: the same three of guesses that know nothing, each class alike.
        majority: of always saying the most common class.
        shuffled: of the whole procedure on shuffled labels, mean of some shuffles; None if not run.
        without: the figures with each modality missing when predicting; empty for one modality.
        weights: mean weight of each modality.
        values: what each measured row adds to the UAR, float64 (rows,); to compare reports with.
        of: the group of each of these rows.
        notes: sentences on what was left out or could not be measured.
    """

    kind: str
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    rows: int
    groups: int
    figures: Figures
    confusion: Numbers
    chance: Mapping[str, float]
    majority: Mapping[str, float]
    shuffled: Mapping[str, float] | None
    without: Mapping[str, Figures]
    weights: Mapping[str, float]
    values: Floats
    of: Numbers
    notes: tuple[str, ...]

    def gain_over(self, other: "ClassReport", seed: int = 0) -> Difference:
        """UAR of this less that of another report on the same rows, paired by group.

        Raises:
            UsageError: the reports are not on the same rows.
        """
        if not np.array_equal(self.of, other.of):
            raise UsageError("Reports on different rows cannot be compared.")
        return paired(other.values, self.values, self.of.tolist(), seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What was said of each row when it was held out: classes (n,) and weights (n, m)."""

    found: Numbers
    without: Mapping[str, Numbers]
    weights: Floats
    kinds: tuple[str, ...]


def evaluate(
    views: Views,
    labels: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    kind: str = "auto",
    seed: int = 0,
    *,
    balance: str = "full",
    shuffles: int = SHUFFLES,
) -> ClassReport:
    """Cross-validate by group; everything, the choice of kind, C and weights too, is fitted anew.

    Args:
        views: as in `fit`.
        labels: likewise.
        groups: likewise.
        kind: likewise.
        seed: of splits, fits, shuffles and intervals.
        balance: as in `fit`.
        shuffles: how often labels are shuffled and all is done again; 0 leaves that out.

    Raises:
        UsageError: as `fit`; also when a fold leaves one class only to learn from.
    """
    whole = task(views, labels, groups, seed, balance)
    held = _held_out(whole, kind, balance)
    at = whole.measured
    of = numbered(int(at.sum()), whole.groups[at].tolist())
    classes = whole.classes[at]

    def own(found: Numbers) -> Floats:
        return confusions(classes, found[at], of, len(whole.labels))

    each = own(held.found)
    return ClassReport(
        kind,
        held.kinds,
        whole.labels,
        len(classes),
        len(each),
        figures(each, seed),
        each.sum(axis=0).astype(np.int64),
        _named(_chance(classes, len(whole.labels))),
        _named(_majority(classes, len(whole.labels))),
        _shuffled(whole, kind, balance, shuffles),
        {name: figures(own(found), seed) for name, found in held.without.items()},
        dict(zip(whole.names, held.weights[at].mean(axis=0).tolist(), strict=True)),
        balanced(classes, held.found[at]),
        of,
        whole.notes,
    )


def _held_out(whole: Task, kind: str, balance: str) -> Held:
    """Fit without each fold in turn, and predict it."""
    found = np.zeros(len(whole.classes), np.int64)
    left = {name: found.copy() for name in whole.names} if len(whole.names) > 1 else {}
    weights = np.zeros((len(found), len(whole.names)))
    kinds: list[str] = []
    for fold in np.unique(whole.fold):
        out = np.flatnonzero(whole.fold == fold)
        taught = part(whole, np.flatnonzero(whole.fold != fold))
        fitted = fit(*taught, kind, whole.seed, balance=balance)
        kinds.append(fitted.kind)
        rows = {
            name: one for name, one in rows_of(whole.views, out).items() if name in fitted.widths
        }
        found[out], held = _predicted(whole, fitted, rows)
        columns = np.array([whole.names.index(name) for name in fitted.widths])
        weights[np.ix_(out, columns)] = held
        for name, column in left.items():
            column[out] = _predicted(whole, fitted, without(rows, name))[0]
    return Held(found, left, weights, tuple(kinds))


def _predicted(whole: Task, fitted: Classifier, rows: Views) -> tuple[Numbers, Floats]:
    told = fitted.predict(rows)
    return np.array([whole.labels.index(one) for one in told.labels], np.int64), told.weights


def _shuffled(whole: Task, kind: str, balance: str, count: int) -> Mapping[str, float] | None:
    """The measures of the same procedure after the labels were dealt out anew."""
    if not count:
        return None
    means = []
    for one in range(count):
        order = np.random.default_rng((whole.seed, one)).permutation(len(whole.classes))
        named = [whole.labels[place] for place in whole.classes[order]]
        dealt = task(whole.views, named, whole.groups.tolist(), whole.seed, balance)
        found = _held_out(dealt, kind, balance).found
        alone = np.zeros(len(found), np.int64)
        means.append(measures(confusions(dealt.classes, found, alone, len(dealt.labels))[0]))
    return _named(np.mean(means, axis=0))


def _chance(classes: Numbers, count: int) -> Floats:
    """Expected measures of guessing each class alike, as if in exact proportion."""
    rows = np.bincount(classes, minlength=count).astype(np.float64)
    return measures(np.repeat(rows[:, None] / count, count, axis=1))


def _majority(classes: Numbers, count: int) -> Floats:
    most = int(np.bincount(classes, minlength=count).argmax())
    found = np.full(len(classes), most)
    return measures(confusions(classes, found, np.zeros(len(classes), np.int64), count)[0])


def _named(values: Floats) -> Mapping[str, float]:
    return dict(zip(NAMES, values.tolist(), strict=True))
