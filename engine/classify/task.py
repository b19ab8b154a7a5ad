"""Labelled rows before anything is fitted: checked, cleaned, and split into folds."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.errors import UsageError
from engine.fuse.folds import folds
from engine.fuse.normalise import Floats
from engine.fuse.views import Mask, Views, checked, present, rows_of
from engine.types import Vectors

Numbers: TypeAlias = npt.NDArray[np.int64]

BALANCE: Mapping[str, float] = {"full": 1.0, "root": 0.5, "none": 0.0}
"""How much rows of rare classes weigh: n^-power, n the rows of the class."""

TWO = 2
"""Groups that a class needs, to be in both parts of a split."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is to be learnt.

    Attributes:
        views: rows (n, d) of each modality, by sorted name.
        labels: the classes, sorted, (c,).
        classes: the class of each row, (n,).
        groups: the group of each row, (n,).
        fold: in which fold each row is held out, (n,).
        weights: what each row weighs, mean 1, (n,).
        seed: of whatever is drawn.
        notes: sentences on what was left out or cannot be measured.
    """

    views: Mapping[str, Vectors]
    labels: tuple[str, ...]
    classes: Numbers
    groups: Numbers
    fold: Numbers
    weights: Floats
    seed: int
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities."""
        return tuple(self.views)

    @property
    def widths(self) -> dict[str, int]:
        """How many numbers a row of each modality has."""
        return {name: rows.shape[1] for name, rows in self.views.items()}

    @property
    def there(self) -> Mask:
        """Which modality of which row is there, (n, m)."""
        return present(self.views, self.names)

    @property
    def measured(self) -> Mask:
        """Rows whose class can be in both parts of a split, (n,)."""
        return measurable(self.classes, self.groups)


def task(
    views: Views,
    labels: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    balance: str = "full",
) -> Task:
    """Check labelled rows and make a task of them.

    Raises:
        UsageError: no rows, too few labels or groups, torn or infinite rows, nothing that carries
            anything, one class only, or no class of which one can be held out and the rest learnt.
    """
    count = checked(views)
    if not count:
        raise UsageError("There are no labelled rows.", hint="Label some, two classes at least.")
    if len(labels) != count or (groups is not None and len(groups) != count):
        raise UsageError(f"{count} rows need as many labels and groups.")
    if balance not in BALANCE:
        raise UsageError(f"'{balance}' is no balance.", hint=f"Choose of: {', '.join(BALANCE)}.")
    known, classes = _classes(labels)
    kept, notes = _worth_it(views, classes)
    number = np.arange(count) if groups is None else _numbered(groups)
    notes += _lonely(known, classes, number)
    fold = folds(classes, number, seed)
    return Task(kept, known, classes, number, fold, weigh(classes, balance), seed, notes)


def weigh(classes: Numbers, balance: str) -> Floats:
    """n^-power of each row's class, scaled to mean 1, (n,)."""
    counts = np.bincount(classes).astype(np.float64)
    weights = counts[classes] ** -BALANCE[balance]
    return np.asarray(weights / weights.mean())


def measurable(classes: Numbers, groups: Numbers) -> Mask:
    """Rows whose class has two groups or more, (n,)."""
    pairs = np.unique(np.stack([classes, groups]), axis=1)
    return np.asarray(np.bincount(pairs[0])[classes] >= TWO)


def part(whole: Task, at: Numbers) -> tuple[dict[str, Vectors], list[str], list[int]]:
    """Rows, labels and groups of some places, as `task` takes them."""
    views = rows_of(whole.views, at)
    return views, [whole.labels[one] for one in whole.classes[at]], whole.groups[at].tolist()


def _classes(labels: Sequence[str]) -> tuple[tuple[str, ...], Numbers]:
    known = tuple(sorted(set(labels)))
    if len(known) < TWO:
        raise UsageError(
            f"All {len(labels)} rows have the label '{known[0]}': there is nothing to tell apart.",
            hint="Label rows of a second class.",
        )
    place = {label: at for at, label in enumerate(known)}
    return known, np.array([place[one] for one in labels], dtype=np.int64)


def _numbered(groups: Sequence[Hashable]) -> Numbers:
    known = {one: at for at, one in enumerate(dict.fromkeys(groups))}
    return np.array([known[one] for one in groups], dtype=np.int64)


def _lonely(labels: tuple[str, ...], classes: Numbers, groups: Numbers) -> tuple[str, ...]:
    """A note for each class that cannot be measured; an error when fewer than two can."""
    measured = measurable(classes, groups)
    if len(np.unique(classes[measured])) < TWO:
        raise UsageError(
            "Fewer than two classes have examples in two groups: what is learnt could not be "
            "measured.",
            hint="Label more examples, or start from label names (zero-shot).",
        )
    counts = Counter(classes.tolist())
    return tuple(
        f"'{labels[one]}' has {_examples(counts[one])}: it is learnt, but cannot be measured."
        for one in sorted(set(classes[~measured].tolist()))
    )


def _examples(count: int) -> str:
    return "one example" if count == 1 else f"{count} examples in one group"


def _worth_it(views: Views, classes: Numbers) -> tuple[dict[str, Vectors], tuple[str, ...]]:
    kept: dict[str, Vectors] = {}
    notes: list[str] = []
    for name in sorted(views):
        why = _nothing_in(views[name], classes)
        if why:
            notes.append(f"'{name}' is left out: {why}.")
        else:
            kept[name] = np.asarray(views[name], np.float32)
    if not kept:
        raise UsageError(f"Nothing can be learnt: {' '.join(notes)}")
    return kept, tuple(notes)


def _nothing_in(rows: Vectors, classes: Numbers) -> str:
    there = ~np.isnan(rows[:, 0])
    if not there.any():
        return "it is missing from every row"
    if len(np.unique(classes[there])) < TWO:
        return "rows of one class alone have it"
    return "" if np.ptp(rows[there], axis=0).any() else "all its rows are equal"
