"""A bridge in one call: rows in, a fitted and judged bridge out."""

from collections.abc import Hashable, Sequence

from engine.align.aligner import aligner
from engine.align.bridge import Bridge
from engine.align.choose import AUTO, choose
from engine.align.pairs import Pairs
from engine.types import Vectors


def fit(
    left: Vectors,
    right: Vectors,
    *,
    method: str = AUTO,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Bridge:
    """Fit a bridge between rows that belong together.

    Args:
        left: (n, dl), row i about the same thing as row i of `right`.
        right: (n, dr).
        method: a name of `engine.align.aligner.METHODS`, fitted with its own settings; or ``auto``,
            which chooses by nested cross-validation and reports what held-out pairs show.
        groups: of the pairs; those of one group (one patient, one recording) are never parted
            between fitting and judging. Each pair is a group of its own where none are given.
        seed: of folds and resampling.

    Raises:
        PairsError: too few pairs, rows that are not finite, or a side that never varies.
        UsageError: there is no such method.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> sounds = rng.normal(size=(200, 8)).astype("f")
        >>> turned = sounds @ np.linalg.qr(rng.normal(size=(8, 8)))[0].astype("f")
        >>> bridge = fit(sounds, turned, method="procrustes")
        >>> bool((bridge.score(sounds, turned).argmax(axis=1) == np.arange(200)).all())
        True
    """
    pairs = Pairs.of(left, right, groups)
    if method == AUTO:
        return choose(pairs, seed=seed).bridge
    return aligner(method).fit(pairs)
