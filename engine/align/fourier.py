"""Kernel canonical correlations by random Fourier features.

A shift-invariant kernel is k(x, y) = E cos(w'(x - y)) over frequencies w of its own distribution,
so phi(x) = sqrt(2 / D) cos(W'x + b), b uniform, has phi(x)'phi(y) near k(x, y) (Rahimi and Recht,
Random features for large-scale kernel machines, 2007). On phi, canonical correlations
(engine/align/cca.py) are those of the kernel. Gaussian exp(-|x - y|^2 / s): normal frequencies of
variance 2 / s. Laplacian exp(-|x - y|_1 / s): Cauchy frequencies of scale 1 / s. s is `width`
times the mean of its distance between two rows. Cost: n D (d + D) once, then O(D^3). Prefer it to
`cca` where the relation bends and pairs are many; to `nystroem` where rows fill all their space.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from engine.align import cca
from engine.align.bridge import Bridge
from engine.align.maps import Waves
from engine.align.moments import moments, single
from engine.align.pairs import Pairs, Wide
from engine.arrays import blocks
from engine.types import Vectors

LEAST_PAIRS = 100


@dataclass(frozen=True, slots=True)
class Fourier:
    """What both kernels share.

    Attributes:
        width: s, in mean distances.
        features: D.
        ridge: as of `cca`, in the features' space.
        rank: as of `cca`.
        power: as of `cca`.
        seed: that of the frequencies.
    """

    width: float = 1.0
    features: int = 2048
    ridge: float = cca.RIDGE
    rank: int = cca.RANK
    power: float = cca.POWER
    seed: int = 0

    name: ClassVar[str]
    complexity: ClassVar[int] = 4

    def variants(self, pairs: Pairs) -> Sequence[Self]:
        """A wide kernel, which is nearly linear, and a narrow one; none below 100 pairs."""
        if len(pairs) < LEAST_PAIRS:
            return ()
        return tuple(replace(self, width=width) for width in (4.0, 1.0))

    def fit(self, pairs: Pairs) -> Bridge:
        """Canonical correlations of the features of both sides."""
        moments(pairs)
        drawn = np.random.default_rng(self.seed)
        x, y = pairs.apart()
        waves_x, waves_y = self._waves(x, drawn), self._waves(y, drawn)
        shown = pairs.shown(_features(x, *waves_x), _features(y, *waves_y))
        found = cca.directions(shown, self.ridge, self.rank, self.power)
        (left, right), (own_x, own_y) = pairs.means, shown.means
        return Bridge(
            Waves(left, *waves_x, single(found.x), single(own_x @ found.x)),
            Waves(right, *waves_y, single(found.y), single(own_y @ found.y)),
            self.name,
            {"correlations": found.correlations.round(6).tolist()},
        )

    def _waves(self, rows: Wide, drawn: np.random.Generator) -> tuple[Vectors, Vectors]:
        """Frequencies (d, D) and phases (D,)."""
        frequencies = self.frequencies(rows, drawn)
        return single(frequencies), single(drawn.uniform(0, 2 * np.pi, self.features))

    def frequencies(self, rows: Wide, drawn: np.random.Generator) -> Wide:
        """Those of the kernel, (d, D), for centred rows (n, d)."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Gauss(Fourier):
    """The Gaussian kernel: smooth."""

    name = "kernel-gauss"

    def frequencies(self, rows: Wide, drawn: np.random.Generator) -> Wide:
        """Normal."""
        distance = 2 * np.mean(rows**2) * rows.shape[1]
        spread = np.sqrt(2 / (self.width * distance))
        return np.asarray(drawn.normal(scale=spread, size=(rows.shape[1], self.features)))


@dataclass(frozen=True, slots=True)
class Laplace(Fourier):
    """The Laplacian kernel: sharp, and calm far away."""

    name = "kernel-laplace"

    def frequencies(self, rows: Wide, drawn: np.random.Generator) -> Wide:
        """Cauchy; two draws from a normal distribution differ by 2 / sqrt(pi) deviations."""
        distance = 2 / np.sqrt(np.pi) * np.sqrt((rows**2).mean(axis=0)).sum()
        drawn_to = rows.shape[1], self.features
        return np.asarray(drawn.standard_cauchy(drawn_to) / (self.width * distance))


def _features(rows: Wide, frequencies: Vectors, phases: Vectors) -> Vectors:
    """cos(x W + b), (n, D), all times the same number; float32 keeps 50,000 rows below 0.5 GB."""
    found = np.empty((len(rows), len(phases)), np.float32)
    for part in blocks(len(rows)):
        found[part] = np.cos(single(rows[part]) @ frequencies + phases)
    return found
