"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): places count, scores do not.

The choice where nothing is known of the scores and nothing is judged.
"""

from collections.abc import Sequence

import numpy as np

from engine.fuse.comb import combine, exact_sum
from engine.types import Ranking

RANK = 60
"""The k of the paper: how little the first places stand out from those that follow."""


def rrf(rankings: Sequence[Ranking]) -> Ranking:
    """Each id with the sum of 1 / (60 + its place, from 1) over the rankings that hold it.

    Raises:
        ValueError: there is no ranking.
    """
    places = [1.0 / (RANK + np.arange(1, len(one) + 1)) for one in rankings]
    return combine(rankings, exact_sum, places)
