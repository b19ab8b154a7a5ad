"""Maps: how rows of one space become unit rows of another; numbers that are written and read back.

A map is a frozen dataclass whose fields are arrays, whole numbers, floats and words: `codec` writes
any of them without knowing which.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.arrays import unit_rows
from engine.types import Vectors


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


KINDS: dict[str, type] = {one.__name__.lower(): one for one in (Centred, Linear)}
"""Every kind of map, by the name that a written bridge has for it."""
