"""Background: what plain queries find at best in a gallery, so that chance can be told from sense.

Any query has a nearest file. Whether that file is what was asked for is told by comparing the
evidence with that of plain queries, most of which ask for things that are not there: how high the
file scores, and how high the best few score together, for what is in a library is seldom there
once. The share of plain queries with as much evidence is a p-value (Davison and Hinkley, Bootstrap
Methods, 1997, section 4.2), computed on the library itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.types import Scores

NEAR = 3
"""How many of the best segments speak for a query together."""


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Evidence of plain queries: `top` the best score of each, `near` the mean of its best few.

    Both of shape (m,), m >= 1, inner products as they are.
    """

    top: Scores
    near: Scores

    def chance(self, scores: Scores, near: float) -> npt.NDArray[np.float64]:
        """The share of plain queries that find something with as much evidence, shape (n,).

        Args:
            scores: inner products of one query with some rows, shape (n,).
            near: mean of that query's best `NEAR` inner products in the whole gallery.
        """
        known = np.sort(_standard(self.top, self.top) + _standard(self.near, self.near))
        asked = _standard(scores, self.top) + _standard(np.array([near], np.float32), self.near)
        as_much = len(known) - np.searchsorted(known, asked, side="left")
        return np.asarray((1 + as_much) / (1 + len(known)), dtype=np.float64)


def _standard(scores: Scores, known: Scores) -> Scores:
    deviation = max(float(known.std()), 1e-6)
    return np.asarray((scores - known.mean()) / deviation, dtype=np.float32)
