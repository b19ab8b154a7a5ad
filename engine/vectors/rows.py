"""The rows of a gallery: kept as float16 where they lie, read as float32 where they are wanted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

from engine.arrays import blocks
from engine.bundle import RowsOnDisk
from engine.errors import SnapshotDamagedError
from engine.types import Ids, Scores, Vectors

Halves = npt.NDArray[np.float16]
Digests = npt.NDArray[np.uint32]

_BITS = 0xFFFFFFFF


class Rows:
    """Rows (n, dim) that are read by slices and by places; with a bias, it is one component more.

    Attributes:
        dim: number of components, the bias among them.
        plain: how many components are as an encoder made them.
    """

    def __init__(
        self,
        halves: Halves | RowsOnDisk,
        bias: Scores | None = None,
        digests: Digests | None = None,
        file: Path | None = None,
    ) -> None:
        """Rows of these halves (n, plain).

        Args:
            halves: in memory or in a file.
            bias: what is the last component of each row, (n,); None for none.
            digests: of each row, (n,): whatever is read is compared with them.
            file: to be blamed for a row that differs.
        """
        # FAISS keeps a bias as float16, so that everyone does.
        self._halves = halves
        self._bias = None if bias is None else bias.astype(np.float16).astype(np.float32)
        self._digests, self._file = digests, file
        self.plain = int(halves.shape[1])
        self.dim = self.plain + (bias is not None)

    def __len__(self) -> int:
        return len(self._halves)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, dim)."""
        return len(self), self.dim

    @property
    def biased(self) -> bool:
        """Whether there is a bias."""
        return self._bias is not None

    def bias(self, which: slice | Ids) -> Scores | None:
        """The bias of some rows."""
        return None if self._bias is None else self._bias[which]

    def __getitem__(self, which: slice | Ids) -> Vectors:
        """Some rows, float32 (m, dim); SnapshotDamagedError for one that is not as written."""
        try:
            halves = self._halves[which]
        except OSError as error:
            raise SnapshotDamagedError(self._file or Path(), error.strerror or "") from error
        if self._digests is not None:
            self._check(halves, self._digests[which])
        rows = np.empty((len(halves), self.dim), dtype=np.float32)
        rows[:, : self.plain] = halves
        if self._bias is not None:
            rows[:, self.plain] = self._bias[which]
        return rows

    def by_blocks(self) -> Iterator[tuple[slice, Vectors]]:
        """All rows, a few at a time, with where they stand."""
        for block in blocks(len(self)):
            yield block, self[block]

    def without_bias(self) -> "Rows":
        """The same rows as an encoder made them."""
        return Rows(self._halves, None, self._digests, self._file)

    def with_bias(self, bias: Scores) -> "Rows":
        """The same rows with one component more."""
        return Rows(self._halves, bias, self._digests, self._file)

    def _check(self, halves: Halves, wanted: Digests) -> None:
        differing = int((digests_of(halves) != wanted).sum())
        if differing:
            raise SnapshotDamagedError(self._file or Path(), f"{differing} rows fail their digests")


def digests_of(halves: Halves) -> Digests:
    """What tells a damaged row from a good one, (n,): the lower half of its XXH3."""
    rows = np.ascontiguousarray(halves)
    return np.fromiter((xxh3_64_intdigest(row) & _BITS for row in rows), np.uint32, len(rows))
