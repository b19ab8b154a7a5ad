"""Ridge regression: least squares from one space to the other, held back by an L2 penalty.

min ||X W - Y||_F^2 + lambda tr(X'X)/d ||W||_F^2, so W = (X'X + lambda tr(X'X)/d I)^-1 X'Y (Hoerl
and Kennard, Ridge Regression, 1970). Cost: one solve of (dl, dl). Prefer it with many pairs, or as
the plain thing that others must beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Centred, Linear
from engine.align.moments import moments, ridged, single
from engine.align.pairs import Pairs
from engine.align.span import in_span


@dataclass(frozen=True, slots=True)
class Ridge:
    """Attributes.

    penalty: lambda, a share of the mean variance of the left side; at least 0.
    """

    penalty: float = 0.1

    name = "ridge"
    complexity = 1

    def variants(self, pairs: Pairs) -> Sequence["Ridge"]:
        """Penalties over two decades; much is simpler than little."""
        del pairs
        return tuple(Ridge(one) for one in (1.0, 0.1, 0.01))

    @in_span
    def fit(self, pairs: Pairs) -> Bridge:
        """Predict the right side from the left."""
        known = moments(pairs)
        matrix = np.linalg.lstsq(ridged(known.xx, self.penalty), known.xy, rcond=None)[0]
        left, right = pairs.means
        return Bridge(Linear(left, single(matrix)), Centred(right), self.name)
