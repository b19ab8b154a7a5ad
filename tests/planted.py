"""Pairs whose relation is known, because it was put there."""

import numpy as np

from engine.align.bridge import Bridge
from engine.align.pairs import Pairs
from engine.types import Vectors

CAUSES = 6


def turned(
    seed: int, count: int, widths: tuple[int, ...] = (12, 9), noise: float = 0.1
) -> list[Vectors]:
    """Six causes, turned into each side's axes; noise; and a mean of each side's own."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(count, CAUSES)) * np.linspace(2, 1, CAUSES)
    sides = []
    for width in widths:
        frame = np.linalg.qr(random.normal(size=(width, CAUSES)))[0].T
        rows = causes @ frame + noise * random.normal(size=(count, width))
        sides.append((rows + random.normal(size=width)).astype(np.float32))
    return sides


def bent(seed: int, count: int) -> list[Vectors]:
    """The right side shows squares of what the left one shows: no line leads across."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(count, 3))
    squares = causes**2
    sides = []
    for rows, width in ((causes, 5), (squares, 6)):
        frame = np.linalg.qr(random.normal(size=(width, 3)))[0].T
        sides.append((rows @ frame + 0.02 * random.normal(size=(count, width))).astype(np.float32))
    return sides


def correlated(seed: int, count: int, correlations: list[float]) -> list[Vectors]:
    """The model of canonical correlations: variates of unit variance, mixed on both sides."""
    random = np.random.default_rng(seed)
    known = np.array(correlations)
    first = random.normal(size=(count, len(known)))
    second = known * first + np.sqrt(1 - known**2) * random.normal(size=first.shape)
    size = (len(known), len(known))
    return [(one @ random.normal(size=size)).astype(np.float32) for one in (first, second)]


def recall(scores: Vectors) -> float:
    """Share of rows and of columns whose own partner scores best, for scores (n, n)."""
    own = np.arange(len(scores))
    return float((np.mean(scores.argmax(1) == own) + np.mean(scores.argmax(0) == own)) / 2)


def held_out(bridge: Bridge, left: Vectors, right: Vectors) -> float:
    """R@1 of a bridge, both directions."""
    return recall(bridge.score(left, right))


def weighed(pairs: Pairs, weights: Vectors) -> Pairs:
    """The same pairs, counting otherwise."""
    return Pairs(pairs.left, pairs.right, pairs.groups, weights, pairs.blocks)
