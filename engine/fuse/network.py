"""What both fusion networks share: features in deviations, a formula, and numbers that were learnt.

The formula is written once. While it learns, torch computes it (`training.py`); after that numpy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.fuse.normalise import Floats
from engine.fuse.views import Mask, Views, aligned, present, shares
from engine.types import Vectors

Numbers: TypeAlias = npt.NDArray[np.int64]

Arrays: TypeAlias = dict[str, Vectors]
"""What is learnt, by name: float32 arrays."""

Tensor: TypeAlias = Any
"""An array of numpy, or a tensor of torch."""

Tensors: TypeAlias = Mapping[str, Tensor]

Formula: TypeAlias = Callable[
    [ModuleType, Tensors, Sequence[Tensor], Tensor], tuple[Tensor, Tensor]
]
"""From numpy or torch, the numbers, features (n, d) of each modality with 0 where it is missing,
and the mask (n, m) of 0 and 1: logits (n, c), and the weight of each modality (n, m)."""

Rows: TypeAlias = tuple[list[Vectors], Mask]
"""Features of each modality (n, d), and which are there (n, m)."""

Goals: TypeAlias = tuple[Numbers, Floats]
"""The class of each row and what the row is worth, (n,) each."""

HIDDEN = 32
"""Width in which modalities meet."""


@dataclass(frozen=True, slots=True, eq=False)
class Deviations:
    """Features less their mean, over their deviation; a feature that never changes becomes 0.

    Attributes:
        mean: (d,).
        by: (d,), above 0.
    """

    mean: Vectors
    by: Vectors

    def __call__(self, rows: Vectors) -> Vectors:
        """Rows (n, d) to rows (n, d); a missing row stays NaN."""
        return (rows - self.mean) / self.by


def deviations(rows: Vectors) -> Deviations:
    """Of the rows of (n, d) that are there; where none is, features stay as they are."""
    wide = rows[~np.isnan(rows[:, 0])].astype(np.float64)
    if not len(wide):
        return Deviations(np.zeros(rows.shape[1], np.float32), np.ones(rows.shape[1], np.float32))
    mean, spread = wide.mean(axis=0), wide.std(axis=0)
    by = np.where(spread > 1e-6 * np.abs(mean) + 1e-12, spread, 1.0)
    return Deviations(mean.astype(np.float32), by.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A fusion network after it has learnt; numpy float32 is all that it needs.

    Attributes:
        names: the modalities, sorted, (m,).
        formula: of the kind of network.
        scales: for each modality, in the order of `names`.
        arrays: what was learnt.
    """

    names: tuple[str, ...]
    formula: Formula
    scales: tuple[Deviations, ...]
    arrays: Arrays

    def __call__(self, views: Views) -> tuple[Floats, Floats]:
        """Log-probabilities (n, c) and the weight of each modality (n, m).

        Where no modality is there, all classes are equally likely and all weights 0.

        Raises:
            UsageError: a modality is unknown, or of another width than when it was fitted.
        """
        widths = {n: len(s.mean) for n, s in zip(self.names, self.scales, strict=True)}
        given = aligned(views, widths)
        there = present(given, self.names)
        blocks = blocks_of(given, self.names, self.scales)
        logits, weights = self.formula(np, self.arrays, blocks, there.astype(np.float32))
        logits = np.where(there.any(axis=1, keepdims=True), logits.astype(np.float64), 0.0)
        return log_softmax(logits), shares(weights, there)


def blocks_of(views: Views, names: Sequence[str], scales: Sequence[Deviations]) -> list[Vectors]:
    """The features of each modality, in deviations and with 0 where it is missing."""
    ways = zip(names, scales, strict=True)
    return [np.nan_to_num(scale(views[name])).astype(np.float32) for name, scale in ways]


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities of logits (n, c)."""
    moved = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(moved - np.log(np.exp(moved).sum(axis=1, keepdims=True)))


def masked_softmax(xp: ModuleType, logits: Tensor, there: Tensor) -> Tensor:
    """Shares (n, m) of logits (n, m) over what is there; all 0 where nothing is."""
    raised = xp.exp(logits - xp.amax(logits, axis=1, keepdims=True)) * there
    return raised / (raised.sum(axis=1, keepdims=True) + 1e-12)


def starting(shapes: Mapping[str, tuple[int, ...]], seed: int) -> Arrays:
    """Normal with variance 1 / rows for matrices (Glorot and Bengio, 2010), 0 for the rest."""
    random = np.random.default_rng(seed)
    return {
        name: np.asarray(
            random.normal(size=shape) / np.sqrt(shape[0]) if len(shape) > 1 else np.zeros(shape),
            np.float32,
        )
        for name, shape in shapes.items()
    }


def widths_of(views: Views) -> dict[str, int]:
    """How many columns each modality has."""
    return {name: rows.shape[1] for name, rows in views.items()}
