"""Made-up vectors that lie as those of real encoders do, for sizes that nobody has at hand.

Pictures lie in a narrow cone, in clusters of few directions; texts lie in another cone, a gap
apart, and each asks for two scenes at once, so that what answers it is spread over many clusters.
That is what makes text queries hard for indexes that are tuned on pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.arrays import unit_rows
from engine.types import Vectors

BLOCK = 50_000


@dataclass(slots=True)
class World:
    """A world of scenes, pictured and told of.

    Attributes:
        seed: of everything.
        dim: of the vectors.
        scenes: clusters.
        directions: in which scenes differ, with a falling spectrum.
    """

    seed: int = 0
    dim: int = 512
    scenes: int = 4_000
    directions: int = 160
    _basis: Vectors = field(init=False)
    _centres: Vectors = field(init=False)
    _cones: Vectors = field(init=False)
    _spectrum: Vectors = field(init=False)

    def __post_init__(self) -> None:
        dice = np.random.default_rng([self.seed, 0])
        square = np.linalg.qr(dice.standard_normal((self.dim, self.directions + 3)))[0]
        self._cones = square[:, :3].T.astype(np.float32)
        self._basis = square[:, 3:].T.astype(np.float32)
        self._spectrum = (np.arange(1, self.directions + 1) ** -0.45).astype(np.float32)
        self._spectrum /= np.linalg.norm(self._spectrum)
        self._centres = self._latent(dice, self.scenes)

    def _latent(self, dice: np.random.Generator, count: int) -> Vectors:
        return (dice.standard_normal((count, self.directions)) * self._spectrum).astype(np.float32)

    def pictures(self, count: int, kind: int = 1) -> Iterator[Vectors]:
        """So many unit rows, a block at a time; another kind gives others of the same scenes."""
        for number, start in enumerate(range(0, count, BLOCK)):
            dice = np.random.default_rng([self.seed, kind, number])
            size = min(BLOCK, count - start)
            scene = self._centres[dice.integers(0, self.scenes, size)]
            latent = 0.80 * scene + 0.60 * self._latent(dice, size)
            noise = dice.standard_normal((size, self.dim)).astype(np.float32) / self.dim**0.5
            yield unit_rows(self._cones[0] + 0.92 * latent @ self._basis + 0.45 * noise)

    def texts(self, count: int) -> Vectors:
        """So many unit rows that ask for pictures."""
        dice = np.random.default_rng([self.seed, 9])
        first, second = (self._centres[dice.integers(0, self.scenes, count)] for _ in range(2))
        flat = (first + second) / self._spectrum**0.5
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        noise = dice.standard_normal((count, self.dim)).astype(np.float32) / self.dim**0.5
        cone = 0.25 * self._cones[0] + 0.80 * self._cones[1]
        return unit_rows(cone + 0.55 * flat @ self._basis + 0.25 * noise)
