"""A bridge that a user taught: fitted on pairs, kept in the library, and used as any other.

What is searched is what was judged: of the score, one part is that of the way that was there
before, the other that of the fitted maps. Both parts of a row are joined, so that one inner product
is their weighted sum.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Map
from engine.arrays import unit_rows
from engine.errors import EngineError
from engine.ports import Alignment, Encoder
from engine.types import Modality, Space, Vectors

PREFERRED = -1.0
"""Its loss: who taught a bridge wants it to be used wherever it leads."""

_ALL_ROWS = 10**9
"""What was judged had the means of the pairs taken away, so no other mean is."""

NATIVE = ""
"""Stands for no bridge, where a side is compared as its encoder made it."""


class BridgeMismatchError(EngineError):
    """A bridge was fitted between other encoders than the library's."""

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(
            f"The bridge '{name}' was fitted on {wanted}, which this library's profile has not.",
            hint="Fit it anew with: seehear align fit, or choose its profile: seehear profile use",
        )


@dataclass(frozen=True, slots=True)
class End:
    """What one side of a taught bridge carries: vectors of a modality in a space."""

    space: Space
    modality: Modality

    def __str__(self) -> str:
        return f"{self.modality} in {self.space.name} {self.space.fingerprint[:12]}"

    def takes(self, encoder: Encoder) -> bool:
        """Whether an encoder makes such vectors."""
        return (encoder.space, encoder.modality) == (self.space, self.modality)


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """How a side got to the other before the bridge was taught.

    Attributes:
        bridge: fingerprint of the alignment that it went over; `NATIVE` for none.
        mean: where its rows arrived on average, (k,).
    """

    bridge: str
    mean: Vectors


@dataclass(frozen=True, eq=False)
class Taught:
    """A fitted bridge with what it was fitted between.

    Attributes:
        name: as its user calls it.
        ends: of its left and its right side.
        bridge: the fitted maps.
        share: of the fitted maps in the score, above 0 and at most 1; the rest is the way before.
        before: of the left and the right side; None where there was no way, and `share` is 1.
        digest: of everything above, as it is kept; SHA-256 in hex.
    """

    name: str
    ends: tuple[End, End]
    bridge: Bridge
    share: float
    before: tuple[Before, Before] | None
    digest: str

    @property
    def space(self) -> Space:
        """Where both sides arrive."""
        width = len(self.before[0].mean) if self.before is not None and self.share < 1 else 0
        return Space(f"taught-{self.name}", width + self.bridge.left.dim, self.digest)

    def sides(
        self, encoders: Iterable[Encoder], bridges: Iterable[Alignment]
    ) -> tuple["Side", "Side"]:
        """Both sides, among the encoders and bridges of a profile.

        Raises:
            BridgeMismatchError: it was fitted between others.
        """
        known = list(encoders)
        for end in self.ends:
            if not any(end.takes(one) for one in known):
                raise BridgeMismatchError(self.name, str(end))
        by_print = {one.fingerprint: one for one in bridges}
        first, second = (self._side(at, by_print) for at in (0, 1))
        return first, second

    def _side(self, at: int, bridges: dict[str, Alignment]) -> "Side":
        before = self.before[at] if self.before is not None and self.share < 1 else None
        over = None
        if before is not None and before.bridge != NATIVE:
            over = bridges.get(before.bridge)
            if over is None:
                raise BridgeMismatchError(self.name, "another bridge as its base")
        fitted = (self.bridge.left, self.bridge.right)[at]
        return Side(self, self.ends[at], fitted, before, over)


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a taught bridge: an `Alignment` into the space where both arrive."""

    taught: Taught
    end: End
    fitted: Map
    before: Before | None
    over: Alignment | None
    loss: float = PREFERRED
    prior_rows: int = _ALL_ROWS

    @property
    def source(self) -> Space:
        """The space of this side."""
        return self.end.space

    @property
    def modality(self) -> Modality:
        """The only one that is carried: others in the same space lie elsewhere."""
        return self.end.modality

    @property
    def target(self) -> Space:
        """Where both sides arrive."""
        return self.taught.space

    @property
    def fingerprint(self) -> str:
        """Digest of the bridge, and which side."""
        return f"{self.taught.digest}:{self.taught.ends.index(self.end)}"

    @cached_property
    def prior_mean(self) -> Vectors:
        """Nought: each part was taken from its own mean."""
        return np.zeros(self.target.dim, np.float32)

    @property
    def query_mean(self) -> Vectors:
        """Nought, as nothing is made in the shared space itself."""
        return self.prior_mean

    @property
    def weights(self) -> tuple[str, ...]:
        """Those of the bridge that led here before."""
        return self.over.weights if self.over is not None else ()

    def prepare(self, saw: Callable[[int, int], None]) -> None:
        """Have the bridge that led here before at hand."""
        if self.over is not None:
            self.over.prepare(saw)

    def arrival(self, _count: int, _mean: Vectors | None) -> Vectors:
        """Nought: rows were judged as they were fitted, from the means of the pairs."""
        return self.prior_mean

    def apply(self, vectors: Vectors) -> Vectors:
        """Unit rows (n, target.dim) for rows (n, source.dim)."""
        fitted = self.fitted.apply(vectors)
        if self.before is None:
            return fitted
        arrived = arrived_before(vectors, self.over, self.before.mean)
        share = np.float32(self.taught.share)
        return np.concatenate([np.sqrt(1 - share) * arrived, np.sqrt(share) * fitted], axis=1)


def arrived_before(vectors: Vectors, over: Alignment | None, mean: Vectors) -> Vectors:
    """Unit rows (n, k) as the way before brings them: over its bridge, from their mean."""
    rows = vectors if over is None else over.apply(vectors)
    return unit_rows(rows - mean)


def digest_of(*parts: bytes) -> str:
    """SHA-256 in hex of several strings of bytes, each with its length."""
    whole = hashlib.sha256()
    for one in parts:
        whole.update(len(one).to_bytes(8, "little") + one)
    return whole.hexdigest()
