"""Orthogonal Procrustes: the rotation that lays one space over the other.

min ||X R - Y||_F with R'R = I has the solution R = U V' for X'Y = U S V' (Schoenemann, A
generalized solution of the orthogonal Procrustes problem, 1966). With dl != dr, R has orthonormal
rows or columns. Cost: one SVD of (dl, dr). Prefer it with few pairs: it can only turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Centred, Linear
from engine.align.moments import moments, single
from engine.align.pairs import Pairs
from engine.align.span import in_span


@dataclass(frozen=True, slots=True)
class Procrustes:
    """Nothing to set."""

    name = "procrustes"
    complexity = 1

    def variants(self, pairs: Pairs) -> Sequence["Procrustes"]:
        """Itself."""
        del pairs
        return (self,)

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Turn the left space onto the right one."""
        left, _, right = np.linalg.svd(moments(pairs).xy, full_matrices=False)
        mean_x, mean_y = pairs.means
        return Bridge(Linear(mean_x, single(left @ right)), Centred(mean_y), self.name)
