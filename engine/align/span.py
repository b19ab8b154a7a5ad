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
from engine.align.maps import Centred, Linear, Map, Within
from engine.align.moments import signs
from engine.align.pairs import Pairs, Wide
from engine.types import Vectors

Method = TypeVar("Method")

NARROW = 512

Axes = tuple[Wide | None, Wide | None]
"""Those of the left and the right side; None where rows stay as they are."""

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
        return _with_lengths(fit(self, pairs.shown(left, right)), *axes)

    return fitted


def axes_of(rows: Vectors | Wide) -> Wide | None:
    """Orthonormal axes (d, r) that span all rows (n, d); None where they would spare nothing."""
    if len(rows) >= rows.shape[1]:
        return None
    _, sizes, axes = np.linalg.svd(np.asarray(rows, dtype=np.float64), full_matrices=False)
    axes = axes[sizes > _NEGLIGIBLE * max(sizes[0], np.finfo(np.float64).tiny)].T
    return np.asarray(axes * signs(axes))


def narrowed(pairs: Pairs, anchors: Pairs | None) -> tuple[Pairs, Pairs | None, Axes]:
    """The rows of wide spaces along their leading principal axes, and these axes.

    Hundreds of fits on 1,600 components take an hour, on `NARROW` a minute; what is left out varies
    least. The axes are those of all rows and know nothing of which belong together.
    """
    whole = pairs if anchors is None else pairs.pooled(anchors, 1.0)
    left, right = (_principal(side) for side in whole.apart())
    return _along(pairs, left, right), anchors and _along(anchors, left, right), (left, right)


def _principal(rows: Wide) -> Wide | None:
    """The leading axes (d, `NARROW`) of centred rows (n, d); None where there are no more."""
    from sklearn.utils.extmath import randomized_svd

    if min(rows.shape) <= NARROW:
        return None
    _, _, axes = randomized_svd(rows, NARROW, random_state=0)
    return np.asarray(axes.T * signs(axes.T))


def _along(pairs: Pairs, left: Wide | None, right: Wide | None) -> Pairs:
    sides = zip((pairs.left, pairs.right), (left, right), strict=True)
    return pairs.shown(*(side if axes is None else _single(side @ axes) for side, axes in sides))


def taken_back(bridge: Bridge, left: Wide | None, right: Wide | None) -> Bridge:
    """The bridge for rows as they were, of one fitted along these axes: the same scores."""
    return replace(bridge, left=_back(bridge.left, left), right=_back(bridge.right, right))


def _with_lengths(bridge: Bridge, left: Wide | None, right: Wide | None) -> Bridge:
    """The same, but a row that is not mapped keeps its length, outside the span too."""
    first, second = bridge.left, bridge.right
    if right is None or not (isinstance(second, Centred) and isinstance(first, Linear)):
        return taken_back(bridge, left, right)
    first = replace(first, matrix=_single(first.matrix @ right.T))
    return Bridge(
        _back(first, left), Centred(_single(right @ second.mean)), bridge.method, bridge.report
    )


def _back(side: Map, axes: Wide | None) -> Map:
    if axes is None:
        return side
    if isinstance(side, Centred):
        return Linear(_single(axes @ side.mean), _single(axes))
    if isinstance(side, Linear):
        return Linear(_single(axes @ side.mean), _single(axes @ side.matrix))
    return Within(_single(axes), side)


def _single(values: Wide) -> Vectors:
    return np.asarray(values, dtype=np.float32)
