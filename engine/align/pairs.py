"""Pairs: rows of two spaces that mean the same, row by row, and which of them belong together."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import blocks, unit_rows
from engine.errors import UsageError
from engine.types import Vectors

Wide = npt.NDArray[np.float64]
"""Rows that are computed with, float64."""

Numbers = npt.NDArray[np.int64]

LEAST_PAIRS = 2

_NO_SAY = 1e-6
"""A weight that changes no fit."""

_LITTLE_SAY = 1e-3
"""A share of the largest weight; methods that know no weights leave out what has less."""

_VARIES = 1e-6
"""Standard deviation below which a side says the same of everything; unit rows have float32's
rounding, some 1e-7, even where all are equal."""


class PairsError(UsageError):
    """These pairs teach nothing; it says why, and nothing was changed."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What an aligner is fitted on.

    Attributes:
        left: rows of the one space, (n, dl), finite.
        right: rows of the other, (n, dr), row i about the same thing as row i of `left`.
        groups: (n,); rows of one group (of one source file, or of equal contents) are never parted
            between fitting and judging.
        weights: (n,), above 0: how much each row counts.
        blocks: (n,); rows of one block lie around a mean of their own, from which they are taken:
            0 for the pairs themselves, others for anchors that are pooled with them.
    """

    left: Vectors
    right: Vectors
    groups: Numbers
    weights: Vectors
    blocks: npt.NDArray[np.int8]

    def __post_init__(self) -> None:
        sizes = {len(getattr(self, name)) for name in self.__slots__}
        if len(sizes) > 1 or self.left.ndim != 2 or self.right.ndim != 2:  # noqa: PLR2004
            raise ValueError("every pair needs a row on both sides, a group, a weight and a block")

    @classmethod
    def of(cls, left: Vectors, right: Vectors, groups: Sequence[Hashable] | None = None) -> "Pairs":
        """Pairs that count alike; each is a group of its own where none are given.

        Raises:
            PairsError: not as many rows on both sides, fewer than two, not finite, or one side is
                the same in every pair.
        """
        _check(left, right)
        known = {one: at for at, one in enumerate(dict.fromkeys(groups or ()))}
        numbers = [known[one] for one in groups] if groups is not None else range(len(left))
        return cls(
            np.asarray(left, dtype=np.float32),
            np.asarray(right, dtype=np.float32),
            np.array(numbers, dtype=np.int64),
            np.ones(len(left), np.float32),
            np.zeros(len(left), np.int8),
        )

    def __len__(self) -> int:
        return len(self.left)

    def take(self, rows: npt.NDArray[np.bool_] | Numbers) -> "Pairs":
        """Some of the pairs."""
        return Pairs(*(getattr(self, name)[rows] for name in self.__slots__))

    def pooled(self, anchors: "Pairs | None", weight: float) -> "Pairs":
        """These pairs, each counting as `weight` of the anchors, with the anchors.

        Pairs and anchors are centred apart, so each may lie where its encoder puts it. Pairs of
        weight 0 only say where that is.
        """
        if anchors is None:
            return self
        weight = max(weight, _NO_SAY)
        both = (self, anchors)
        return Pairs(
            np.concatenate([one.left for one in both]),
            np.concatenate([one.right for one in both]),
            np.concatenate([self.groups, anchors.groups + self.groups.max() + 1]),
            np.concatenate([self.weights * np.float32(weight), anchors.weights]),
            np.concatenate([self.blocks, anchors.blocks + 1]).astype(np.int8),
        )

    @property
    def means(self) -> tuple[Vectors, Vectors]:
        """Where both sides lie, (dl,) and (dr,): the means of the pairs, else of the anchors."""
        mine = np.flatnonzero(self.blocks == self.blocks.min())
        weights = self.weights[mine].astype(np.float64)
        left, right = (mean_of(side, mine, weights) for side in (self.left, self.right))
        return _single(left), _single(right)

    def apart(self) -> tuple[Wide, Wide]:
        """Both sides from the means of their blocks, (n, dl) and (n, dr)."""
        x, y = self.left.astype(np.float64), self.right.astype(np.float64)
        for block in np.unique(self.blocks):
            mine = np.flatnonzero(self.blocks == block)
            weights = self.weights[mine].astype(np.float64)
            x[mine] -= mean_of(self.left, mine, weights)
            y[mine] -= mean_of(self.right, mine, weights)
        return x, y

    def centred(self) -> tuple[Wide, Wide]:
        """Both sides from the means of their blocks, each row times the root of its weight.

        Weighted least squares and weighted covariances are the plain ones of these rows.
        """
        x, y = self.apart()
        root = np.sqrt(self.weights.astype(np.float64))[:, None]
        return x * root, y * root

    def shown(self, left: npt.NDArray[np.floating], right: npt.NDArray[np.floating]) -> "Pairs":
        """The same pairs as other rows show them: features instead of vectors."""
        return Pairs(left, right, self.groups, self.weights, self.blocks)

    def directions(self) -> "Pairs":
        """The same pairs as unit rows, seen from the means of their blocks."""
        return self.shown(*(unit_rows(side) for side in self.apart()))

    def ordered(self) -> "Pairs":
        """The same pairs along a direction that is drawn once.

        What is fitted on them in turn, or on some of them, then does not hang on the order in
        which they were given.
        """
        along = np.random.default_rng(0)
        places = self.left @ along.normal(size=self.left.shape[1])
        places = places + self.right @ along.normal(size=self.right.shape[1])
        return self.take(np.argsort(places, kind="stable"))

    @property
    def telling(self) -> npt.NDArray[np.bool_]:
        """Which of them have a say, (n,): the others only tell where their block lies."""
        return np.asarray(self.weights > _LITTLE_SAY * self.weights.max())

    def some(self, count: int) -> "Pairs":
        """At most so many of those that have a say, spread evenly over `ordered`."""
        found = self.take(self.telling).ordered()
        places = np.linspace(0, len(found) - 1, min(count, len(found)))
        return found.take(places.round().astype(np.int64))


def mean_of(side: Vectors, mine: Numbers, weights: Wide) -> Wide:
    """Weighted mean (d,) of some rows of a side, without a float64 copy of all of them."""
    total = np.zeros(side.shape[1])
    for part in blocks(len(mine)):
        total += weights[part] @ side[mine[part]]
    return np.asarray(total / weights.sum())


def _check(left: Vectors, right: Vectors) -> None:
    if len(left) != len(right):
        raise PairsError(f"There are {len(left)} rows on one side and {len(right)} on the other.")
    if len(left) < LEAST_PAIRS:
        raise PairsError(
            f"{len(left)} pair is too few to learn from."
            if len(left) == 1
            else "There are no pairs to learn from.",
            hint="A few dozen are the least that shows something.",
        )
    for side, rows in (("left", left), ("right", right)):
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(wrong):
            raise PairsError(f"The {side} side of pair {wrong[0] + 1} is not a number.")
        if float(np.asarray(rows, dtype=np.float64).std(axis=0).max()) < _VARIES:
            raise PairsError(
                f"The {side} side is the same in every pair, so nothing can be learnt."
            )


def _single(rows: npt.NDArray[np.floating]) -> Vectors:
    return np.asarray(rows, dtype=np.float32)
