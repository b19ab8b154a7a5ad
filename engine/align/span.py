"""Fewer pairs than components: linear methods then need no more axes than there are pairs.

A row's part outside the span of all rows meets nothing that was fitted, so a linear bridge can be
fitted on coordinates within the span and taken back, exactly: 100 pairs of 1,600 components cost
100^3 instead of 1,600^3. A ridge, which is a share of the mean variance, is then one of the mean
over the axes along which the pairs vary at all.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Centred, Linear, Map
from engine.align.moments import signs
from engine.align.pairs import Pairs, Wide
from engine.types import Vectors

Method = TypeVar("Method")

_NEGLIGIBLE = 1e-7
"""Rows are float32: an axis along which they reach less of the longest is rounding."""


def in_span(fit: Callable[[Method, Pairs], Bridge]) -> Callable[[Method, Pairs], Bridge]:
    """Fit within the span of the pairs where that is smaller; for maps that are linear."""

    @wraps(fit)
    def fitted(self: Method, pairs: Pairs) -> Bridge:
        axes = axes_of(pairs.left), axes_of(pairs.right)
        if axes[0] is None and axes[1] is None:
            return fit(self, pairs)
        left, right = (
            side if onto is None else side @ onto
            for side, onto in zip((pairs.left, pairs.right), axes, strict=True)
        )
        return _taken_back(fit(self, pairs.shown(left, right)), *axes)

    return fitted


def axes_of(rows: Vectors | Wide) -> Wide | None:
    """Orthonormal axes (d, r) that span all rows (n, d); None where they would spare nothing."""
    if len(rows) >= rows.shape[1]:
        return None
    _, sizes, axes = np.linalg.svd(np.asarray(rows, dtype=np.float64), full_matrices=False)
    axes = axes[sizes > _NEGLIGIBLE * max(sizes[0], np.finfo(np.float64).tiny)].T
    return np.asarray(axes * signs(axes))


def _taken_back(bridge: Bridge, left: Wide | None, right: Wide | None) -> Bridge:
    """The same bridge for rows as they were."""
    first, second = bridge.left, bridge.right
    if isinstance(second, Centred) and isinstance(first, Linear) and right is not None:
        # What lies outside the span still belongs to the length of a row that is not mapped.
        first = replace(first, matrix=_single(first.matrix @ right.T))
    return replace(bridge, left=_back(first, left), right=_back(second, right))


def _back(side: Map, axes: Wide | None) -> Map:
    if axes is None:
        return side
    if isinstance(side, Centred):
        return Centred(_single(axes @ side.mean))
    if isinstance(side, Linear):
        return Linear(_single(axes @ side.mean), _single(axes @ side.matrix))
    raise TypeError(f"a {type(side).__name__} is not linear")


def _single(values: Wide) -> Vectors:
    return np.asarray(values, dtype=np.float32)
