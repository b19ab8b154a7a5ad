"""Kernel canonical correlations by landmarks.

With K the Gaussian kernel exp(-gamma |x - y|^2) between m of the rows, the landmarks, phi(x) =
K^-1/2 k(x) has phi(x)'phi(y) = k(x)' K^-1 k(y), which is the kernel itself between landmarks
(Williams and Seeger, Using the Nystroem method to speed up kernel machines, 2001). On phi,
canonical correlations (engine/align/cca.py) are those of the kernel. 1 / gamma is `width` times the
mean squared distance of two rows. Cost: n m (d + m), then O(m^3). Prefer it to random features
where rows lie in few places of a wide space, as landmarks lie where the rows do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.align import cca
from engine.align.bridge import Bridge
from engine.align.maps import Kernel, gaussian
from engine.align.moments import inverse_root, moments, single
from engine.align.pairs import Pairs, Wide
from engine.arrays import blocks
from engine.types import Vectors

LEAST_PAIRS = 100


@dataclass(frozen=True, slots=True)
class Nystroem:
    """Attributes.

    width: 1 / gamma, in mean squared distances.
    landmarks: m.
    ridge, rank, power: as of `cca`, in the features' space.
    """

    width: float = 1.0
    landmarks: int = 1_000
    ridge: float = cca.RIDGE
    rank: int = cca.RANK
    power: float = cca.POWER

    name = "nystroem"
    complexity = 4

    def variants(self, pairs: Pairs) -> Sequence["Nystroem"]:
        """A wide kernel, which is nearly linear, and a narrow one; none below 100 pairs."""
        if len(pairs) < LEAST_PAIRS:
            return ()
        return tuple(replace(self, width=width) for width in (4.0, 1.0))

    def fit(self, pairs: Pairs) -> Bridge:
        """Canonical correlations of the features of both sides."""
        moments(pairs)
        x, y = pairs.apart()
        marks = pairs.shown(single(x), single(y)).some(self.landmarks)
        left, right = Side.of(x, marks.left, self.width), Side.of(y, marks.right, self.width)
        shown = pairs.shown(left.features(x), right.features(y))
        found = cca.directions(shown, self.ridge, self.rank, self.power)
        (mean_x, mean_y), (own_x, own_y) = pairs.means, shown.means
        return Bridge(
            left.onto(mean_x, own_x, found.x),
            right.onto(mean_y, own_y, found.y),
            self.name,
            {"correlations": found.correlations.round(6).tolist()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The features of one side.

    Attributes:
        landmarks: (m, d), centred.
        gamma: of the kernel.
        root: K^-1/2, (m, m).
    """

    landmarks: Vectors
    gamma: float
    root: Wide

    @classmethod
    def of(cls, rows: Wide, landmarks: Vectors, width: float) -> "Side":
        """Those of centred rows (n, d)."""
        gamma = float(1 / (width * 2 * np.mean(rows**2) * rows.shape[1]))
        kernel = gaussian(landmarks.astype(np.float64), landmarks, gamma)
        return cls(landmarks, gamma, inverse_root(kernel))

    def features(self, rows: Wide) -> Wide:
        """phi, (n, m)."""
        found = np.empty((len(rows), len(self.landmarks)))
        for part in blocks(len(rows)):
            found[part] = gaussian(rows[part], self.landmarks, self.gamma) @ self.root
        return found

    def onto(self, mean: Vectors, own: Vectors, directions: Wide) -> Kernel:
        """The map of this side; `own` is the mean of its features."""
        matrix = self.root @ directions
        return Kernel(mean, self.landmarks, self.gamma, single(matrix), single(own @ directions))
