"""Exact kernel canonical correlations, for few pairs.

max a' K_x K_y b with a' K_x (K_x + r I) a = 1 and b' K_y (K_y + r I) b = 1, K the centred Gaussian
kernels between all pairs (Bach and Jordan, Kernel independent component analysis, 2002; Hardoon et
al., Canonical correlation analysis: an overview with application to learning methods, 2004). It is
`nystroem` with every pair a landmark, since K_x = phi phi'. r is `ridge` times tr(K_x) / n. Cost:
O(n^3), so at most 2,000 pairs. Prefer it to `cca` where the relation bends and pairs are few.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.align import cca
from engine.align.bridge import Bridge
from engine.align.nystroem import LEAST_PAIRS, Nystroem
from engine.align.pairs import Pairs, PairsError

MOST_PAIRS = 2_000


@dataclass(frozen=True, slots=True)
class Exact:
    """Attributes.

    width: 1 / gamma, in mean squared distances.
    ridge, rank, power: as of `cca`, in the features' space.
    """

    width: float = 1.0
    ridge: float = cca.RIDGE
    rank: int = cca.RANK
    power: float = cca.POWER

    name = "kcca"
    complexity = 4

    def variants(self, pairs: Pairs) -> Sequence["Exact"]:
        """A wide kernel, which is nearly linear, and a narrow one."""
        if not LEAST_PAIRS <= len(pairs) <= MOST_PAIRS:
            return ()
        return tuple(replace(self, width=width) for width in (4.0, 1.0))

    def fit(self, pairs: Pairs) -> Bridge:
        """Every pair a landmark; PairsError where they are too many for that."""
        if len(pairs) > MOST_PAIRS:
            raise PairsError(
                f"{len(pairs)} pairs are too many for kcca, which compares each with each.",
                hint=f"It takes {MOST_PAIRS}; nystroem does the same for more.",
            )
        settings = self.width, len(pairs), self.ridge, self.rank, self.power
        return replace(Nystroem(*settings).fit(pairs), method=self.name)
