"""What learned fusers take and give: the modalities of each row side by side, some missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.errors import UsageError
from engine.fuse.normalise import Floats
from engine.types import Vectors

Views: TypeAlias = Mapping[str, Vectors]
"""For each modality or space by name, a row (d,) for each thing: float32 (n, d).

A row of NaN says that the thing has no such modality. A score is a row of one number.
"""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""Which modality of which row is there: (n, m), modalities in the order of their names."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """Scores, and what each modality had to say in them.

    Attributes:
        names: the modalities, (m,).
        scores: (n,), higher is better; -inf where no modality is there.
        weights: (n, m), at least 0; a row sums to 1, or is all 0 where no modality is there.
    """

    names: tuple[str, ...]
    scores: Floats
    weights: Floats


class Learned(Protocol):
    """A fuser that was fitted on judged answers; a value.

    Laws:
        a row fuses alike alone and in a batch; the order of the modalities is irrelevant; what a
        missing modality would have been has no influence, and its weight is 0.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities that it knows, sorted."""
        ...

    def fuse(self, views: Views) -> Fused:
        """Fuse rows; a modality that is not in `views` counts as missing from every row.

        Raises:
            UsageError: a modality is unknown, or of another width than when this was fitted.
        """
        ...


def checked(views: Views) -> int:
    """How many rows there are.

    Raises:
        UsageError: no modality, not two-dimensional, of different lengths, infinite, or NaN in
            parts of a row.
    """
    if not views:
        raise UsageError("There are no vectors to work on.", hint="Give at least one modality.")
    count = len(next(iter(views.values())))
    for name, rows in views.items():
        _check(name, rows, count)
    return count


def _check(name: str, rows: Vectors, count: int) -> None:
    if rows.ndim != 2 or rows.shape[1] < 1:  # noqa: PLR2004
        raise UsageError(f"'{name}' needs rows and columns, not the shape {rows.shape}.")
    if len(rows) != count:
        raise UsageError(f"'{name}' has {len(rows)} rows, others have {count}.")
    missing = np.isnan(rows)
    torn = np.flatnonzero(missing.any(axis=1) & ~missing.all(axis=1))
    if torn.size:
        raise UsageError(
            f"Row {torn[0]} of '{name}' is NaN in parts.",
            hint="A row is either there or missing: fill it, or make all of it NaN.",
        )
    if np.isinf(rows).any():
        at = np.flatnonzero(np.isinf(rows).any(axis=1))[0]
        raise UsageError(f"Row {at} of '{name}' holds an infinite number.")


def aligned(views: Views, widths: Mapping[str, int]) -> dict[str, Vectors]:
    """The modalities of `widths`, in its order; one that is not in `views` is missing throughout.

    Raises:
        UsageError: as `checked`, or a modality is unknown or of another width.
    """
    count = checked(views)
    unknown = sorted(set(views) - set(widths))
    if unknown:
        raise UsageError(
            f"'{unknown[0]}' is not a modality that was learnt.",
            hint=f"Known: {', '.join(widths)}.",
        )
    for name, rows in views.items():
        if rows.shape[1] != widths[name]:
            raise UsageError(f"'{name}' has {rows.shape[1]} columns, learnt were {widths[name]}.")
    absent = {name: np.full((count, width), np.nan, np.float32) for name, width in widths.items()}
    return {name: views.get(name, rows) for name, rows in absent.items()}


def present(views: Views, names: Sequence[str]) -> Mask:
    """Which modality of which row is there, (n, m)."""
    there: Mask = np.stack([~np.isnan(views[name][:, 0]) for name in names], axis=1)
    return there


def shares(weights: npt.ArrayLike, there: Mask) -> Floats:
    """Weights scaled to sum to 1 over the modalities that are there.

    Args:
        weights: at least 0, (m,) for all rows alike or (n, m).
        there: (n, m).

    Returns:
        (n, m); 0 where a modality is missing. Where all that is there weighs nothing, all of it
        counts alike: it is all there is to go by.
    """
    held = np.where(there, np.asarray(weights, np.float64), 0.0)
    held = np.where(held.sum(axis=1, keepdims=True) > 0, held, there.astype(np.float64))
    total = held.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(held, total, out=np.zeros_like(held), where=total > 0))


def without(views: Views, name: str) -> dict[str, Vectors]:
    """The same rows, with one modality missing from each."""
    return {key: np.full_like(rows, np.nan) if key == name else rows for key, rows in views.items()}


def rows_of(views: Views, at: npt.NDArray[np.int64] | Mask) -> dict[str, Vectors]:
    """Some of the rows: those at these places, or where a mask (n,) holds."""
    return {name: rows[at] for name, rows in views.items()}
