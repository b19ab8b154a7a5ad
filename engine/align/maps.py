"""Maps: how rows of one space become unit rows of another; numbers that are written and read back.

A map is a frozen dataclass whose fields are arrays, whole numbers, floats and words: `codec` writes
any of them without knowing which.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from engine.align.pairs import Wide
from engine.arrays import blocks, unit_rows
from engine.types import Vectors

Floats = TypeVar("Floats", np.float32, np.float64)


class Map(Protocol):
    """One side of a bridge.

    Laws:
        rows come out finite and of unit length; a row maps alike alone and in a batch; written and
        read back it maps alike.
    """

    @property
    def dim(self) -> int:
        """Components of a mapped row."""
        ...

    def apply(self, rows: Vectors) -> Vectors:
        """Map rows (n, d) to unit rows (n, dim)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Centred:
    """Rows stay where they are, but for the mean of their kind.

    Attributes:
        mean: (d,).
    """

    mean: Vectors

    @property
    def dim(self) -> int:
        """That of the rows."""
        return len(self.mean)

    def apply(self, rows: Vectors) -> Vectors:
        """unit(x - mean)."""
        return unit_rows(rows - self.mean)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """One matrix.

    Attributes:
        mean: (d,).
        matrix: (d, k).
    """

    mean: Vectors
    matrix: Vectors

    @property
    def dim(self) -> int:
        """Columns of the matrix."""
        return int(self.matrix.shape[1])

    def apply(self, rows: Vectors) -> Vectors:
        """unit((x - mean) A)."""
        return unit_rows(np.asarray((rows - self.mean) @ self.matrix, dtype=np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """Random Fourier features, and one matrix.

    Attributes:
        mean: (d,).
        frequencies: (d, D).
        phases: (D,).
        matrix: (D, k).
        offset: (k,), the image of the features' own mean.
    """

    mean: Vectors
    frequencies: Vectors
    phases: Vectors
    matrix: Vectors
    offset: Vectors

    @property
    def dim(self) -> int:
        """Columns of the matrix."""
        return int(self.matrix.shape[1])

    def apply(self, rows: Vectors) -> Vectors:
        """unit(cos((x - mean) W + b) A - offset)."""

        def mapped(some: Vectors) -> Wide:
            waves = np.cos((some - self.mean) @ self.frequencies + self.phases)
            return np.asarray(waves.astype(np.float64) @ self.matrix - self.offset)

        return _in_blocks(rows, self.dim, mapped)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Gaussian similarities to landmarks, and one matrix.

    Attributes:
        mean: (d,).
        landmarks: (m, d), centred.
        gamma: 1 over a squared distance.
        matrix: (m, k).
        offset: (k,), the image of the similarities' own mean.
    """

    mean: Vectors
    landmarks: Vectors
    gamma: float
    matrix: Vectors
    offset: Vectors

    @property
    def dim(self) -> int:
        """Columns of the matrix."""
        return int(self.matrix.shape[1])

    def apply(self, rows: Vectors) -> Vectors:
        """unit(exp(-gamma |x - mean - l|^2) A - offset)."""

        def mapped(some: Vectors) -> Wide:
            # Weak axes of the kernel are blown up by the matrix, and float32's rounding with them.
            near = gaussian(some.astype(np.float64) - self.mean, self.landmarks, self.gamma)
            return np.asarray(near @ self.matrix - self.offset)

        return _in_blocks(rows, self.dim, mapped)


@dataclass(frozen=True, slots=True, eq=False)
class Relative:
    """Cosines to anchors: the largest of them, to a power.

    Attributes:
        mean: (d,).
        anchors: (n, d), unit.
        top: how many count.
        power: above 1, the near ones count for more.
    """

    mean: Vectors
    anchors: Vectors
    top: int
    power: float

    @property
    def dim(self) -> int:
        """How many anchors there are."""
        return len(self.anchors)

    def apply(self, rows: Vectors) -> Vectors:
        """unit(s^power) for the `top` largest cosines s above 0, and 0 for all others."""

        def mapped(some: Vectors) -> Wide:
            near = np.maximum(_cosines(some, self.mean, self.anchors), 0)
            return np.asarray(np.where(near >= _floor(near, self.top), near, 0) ** self.power)

        return _in_blocks(rows, self.dim, mapped)


@dataclass(frozen=True, slots=True, eq=False)
class Exponential:
    """Exponentials of cosines to anchors.

    Attributes:
        mean: (d,).
        anchors: (n, d), unit.
        temperature: difference of two cosines at which one counts e times the other.
    """

    mean: Vectors
    anchors: Vectors
    temperature: float

    @property
    def dim(self) -> int:
        """How many anchors there are."""
        return len(self.anchors)

    def apply(self, rows: Vectors) -> Vectors:
        """unit(exp(s / temperature))."""

        def mapped(some: Vectors) -> Wide:
            return _softly(_cosines(some, self.mean, self.anchors), self.temperature)

        return _in_blocks(rows, self.dim, mapped)


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """What the likeliest anchors stand for, by their probability.

    Attributes:
        mean: (d,).
        anchors: (n, d), unit.
        values: (n, k), the other side of each anchor.
        temperature: above 0; high, the lesser ones weigh more.
        top: how many count.
    """

    mean: Vectors
    anchors: Vectors
    values: Vectors
    temperature: float
    top: int

    @property
    def dim(self) -> int:
        """Components of the other side."""
        return int(self.values.shape[1])

    def apply(self, rows: Vectors) -> Vectors:
        """unit(sum p_t value_t), p the softmax over the `top` largest cosines."""

        def mapped(some: Vectors) -> Wide:
            near = _cosines(some, self.mean, self.anchors)
            return np.asarray(likeliest(near, self.temperature, self.top) @ self.values)

        return _in_blocks(rows, self.dim, mapped)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A straight path and a bent one beside it.

    Attributes:
        mean: (d,).
        straight: (d, k).
        inner: (d, h).
        bias: (h,).
        outer: (h, k).
    """

    mean: Vectors
    straight: Vectors
    inner: Vectors
    bias: Vectors
    outer: Vectors

    @property
    def dim(self) -> int:
        """Columns of both paths."""
        return int(self.straight.shape[1])

    def apply(self, rows: Vectors) -> Vectors:
        """unit(z A + max(0, z W + b) V), z = x - mean."""

        def mapped(some: Vectors) -> Wide:
            centred = some - self.mean
            bent = np.maximum(centred @ self.inner + self.bias, 0) @ self.outer
            return np.asarray(centred @ self.straight + bent, dtype=np.float64)

        return _in_blocks(rows, self.dim, mapped)


KINDS: dict[str, type] = {
    one.__name__.lower(): one
    for one in (Centred, Linear, Waves, Kernel, Relative, Exponential, Mixed, Head)
}
"""Every kind of map, by the name that a written bridge has for it."""


def gaussian(rows: Wide, landmarks: npt.NDArray[np.floating], gamma: float) -> Wide:
    """exp(-gamma |x - l|^2): (n, m) for rows (n, d) and landmarks (m, d)."""
    others = landmarks.astype(np.float64)
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * rows @ others.T
    return np.asarray(np.exp(-gamma * np.maximum(squares, 0)))


def likeliest(logits: npt.NDArray[Floats], temperature: float, top: int) -> npt.NDArray[Floats]:
    """Probabilities (n, c) of logits (n, c): 0 but for the `top` largest of each row."""
    likely = np.where(logits >= _floor(logits, top), _softly(logits, temperature), 0)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), dtype=logits.dtype)


def _in_blocks(rows: Vectors, dim: int, mapped: Callable[[Vectors], Wide]) -> Vectors:
    """Unit rows (n, dim); what they become on the way stays small."""
    found = np.empty((len(rows), dim), np.float32)
    for part in blocks(len(rows)):
        found[part] = unit_rows(mapped(rows[part]))
    return found


def _cosines(rows: Vectors, mean: Vectors, anchors: Vectors) -> Wide:
    """(n, anchors), in float64: the order of near equals must not hang on the batch."""
    return np.asarray(unit_rows(rows - mean).astype(np.float64) @ anchors.T)


def _floor(near: npt.NDArray[Floats], top: int) -> npt.NDArray[Floats]:
    """The `top`-largest of each row, (n, 1)."""
    least = max(near.shape[1] - top, 0)
    return np.partition(near, least, axis=1)[:, least, None]


def _softly(near: npt.NDArray[Floats], temperature: float) -> npt.NDArray[Floats]:
    """exp(s / temperature), the largest of each row being 1."""
    return np.asarray(np.exp((near - near.max(axis=1, keepdims=True)) / temperature))
