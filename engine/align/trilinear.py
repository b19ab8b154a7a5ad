"""Trilinear score by CP factors: pictures, sounds and texts scored three at a time.

s(x, y, z) = sum_r (a_r + u_r'x)(b_r + v_r'y)(c_r + w_r'z): with the constants, what two modalities
share without the third is a term too, and symmetric data has no other. Fitted to n [i = j = k] over
all triples of rows by alternating ridge regressions, each of them exact: X'X U (V'Y'YV * W'Z'ZW) +
lambda U = X'(YV * ZW), * by element. The form is CANDECOMP/PARAFAC of the weight tensor (Carroll
and Chang, Analysis of individual differences in multidimensional scaling, 1970; Kolda and Bader,
Tensor decompositions and applications, 2009); regression with it: Zhou et al., Tensor regression
with applications in neuroimaging data analysis, 2013. It starts at the canonical directions of
each two modalities, and at some that are drawn. Cost: O(n r k) a step after one pass of whitening.
Prefer it to `gcca` only where two modalities together say what neither says alone: for what all
three share, it is the worse of the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.align.bridge import Bridge
from engine.align.maps import Linear
from engine.align.moments import NEGLIGIBLE, leading, signs, single
from engine.align.pairs import Pairs, Wide
from engine.arrays import unit_rows
from engine.types import Vectors

STEPS = 30
_TWOS = ((0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One modality.

    Attributes:
        mean: (d,).
        matrix: (d, r), u_r.
        offset: (r,), a_r: the factors of a row that is the mean.
    """

    mean: Vectors
    matrix: Vectors
    offset: Vectors

    def factors(self, rows: Vectors) -> Vectors:
        """a_r + u_r'(x - mean), (n, r)."""
        return np.asarray((rows - self.mean) @ self.matrix + self.offset, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Trilinear:
    """The factors of three modalities, by their places 0, 1 and 2.

    What a query or an item scores with everything, its popularity, is left out of both.
    """

    sides: tuple[Side, Side, Side]

    def query(self, known: Mapping[int, Vectors], toward: int) -> Vectors:
        """What is looked for in one modality, by one or both of the others.

        Args:
            known: rows (n, d) of the modalities that are there; one that is missing counts as its
                mean.
            toward: the modality whose `items` are scored.

        Returns:
            Unit rows (n, r).

        Raises:
            ValueError: nothing is known, or what is looked for is.
        """
        if not known or toward in known:
            raise ValueError("a query has rows of other modalities than the one it is toward")
        found, usual = np.ones(1), np.ones(1)
        for place, side in enumerate(self.sides):
            if place != toward:
                usual = usual * side.offset
                found = found * (side.factors(known[place]) if place in known else side.offset)
        return unit_rows(found - usual)

    def items(self, side: int, rows: Vectors) -> Vectors:
        """Unit rows (n, r), whose inner products with those of queries are scores."""
        return unit_rows((rows - self.sides[side].mean) @ self.sides[side].matrix)

    def bridge(self, left: int, right: int) -> Bridge:
        """Between two of them, the third being missing."""
        third = self.sides[3 - left - right].offset
        first, second = self.sides[left], self.sides[right]
        return Bridge(
            Linear(first.mean, first.matrix * third),
            Linear(second.mean, second.matrix),
            "trilinear",
        )


def fit_three(
    first: Vectors,
    second: Vectors,
    third: Vectors,
    *,
    axes: int = 64,
    drawn: int = 32,
    penalty: float = 0.15,
) -> Trilinear:
    """Fit on rows of three modalities, row i of all about the same.

    Args:
        first: (n, d1).
        second: (n, d2).
        third: (n, d3).
        axes: how many principal axes of each are kept at most.
        drawn: terms beyond those that start at what two modalities share.
        penalty: lambda, on whitened axes; above 0.

    Raises:
        PairsError: not equally many rows, fewer than two, not finite, or one never varies.
    """
    views = (first, second, third)
    for left, right in _TWOS:
        Pairs.of(views[left], views[right])
    means = [view.mean(axis=0, dtype=np.float64) for view in views]
    white = [_whitening(v - m, axes) for v, m in zip(views, means, strict=True)]
    rows = [_shown(v - m, w) for v, m, w in zip(views, means, white, strict=True)]
    factors = _alternated(rows, _start(rows, drawn), penalty)
    sides = [
        Side(single(m), single(w @ one[1:]), single(one[0]))
        for m, w, one in zip(means, white, factors, strict=True)
    ]
    return Trilinear((sides[0], sides[1], sides[2]))


def _whitening(centred: Wide, axes: int) -> Wide:
    """The leading principal axes (d, k), each over its standard deviation."""
    variances, turned = np.linalg.eigh(centred.T @ centred / len(centred))
    variances, turned = variances[::-1][:axes], turned[:, ::-1][:, :axes]
    real = variances > NEGLIGIBLE * variances[0]
    turned = turned[:, real] / np.sqrt(variances[real])
    return np.asarray(turned * signs(turned))


def _shown(centred: Wide, white: Wide) -> Wide:
    """Whitened rows after a column of ones, (n, 1 + k)."""
    return np.concatenate([np.ones((len(centred), 1)), centred @ white], axis=1)


def _start(rows: Sequence[Wide], drawn: int) -> list[Wide]:
    """Factors (1 + k, r): for each two modalities their common axes, then drawn ones."""
    random = np.random.default_rng(0)
    terms: list[list[Wide]] = [[], [], []]
    for left, right in _TWOS:
        across = rows[left][:, 1:].T @ rows[right][:, 1:] / len(rows[left])
        found = dict(zip((left, right), _common(across), strict=True))
        count = next(iter(found.values())).shape[1]
        for side in range(3):
            alone = np.zeros((rows[side].shape[1], count))
            if side in found:
                alone[1:] = found[side]
            else:
                alone[0] = 1
            terms[side].append(alone)
    for side in range(3):
        width = rows[side].shape[1]
        terms[side].append(random.normal(size=(width, drawn)) / np.sqrt(width))
    return [np.concatenate(one, axis=1) for one in terms]


def _common(across: Wide) -> tuple[Wide, Wide]:
    """Canonical directions of two whitened modalities, each by the root of its correlation."""
    left, sizes, right = leading(across, min(across.shape))
    return left * np.sqrt(sizes), right * np.sqrt(sizes)


def _alternated(rows: Sequence[Wide], factors: list[Wide], penalty: float) -> list[Wide]:
    """The factors after some rounds over the three sides."""
    moments = [one.T @ one / len(one) for one in rows]
    axes = [np.linalg.eigh(one) for one in moments]
    for _ in range(STEPS):
        for side in range(3):
            others = [one for one in range(3) if one != side]
            first, second = (factors[one].T @ moments[one] @ factors[one] for one in others)
            seen = [rows[one] @ factors[one] for one in others]
            across = rows[side].T @ (seen[0] * seen[1]) / len(rows[side])
            factors[side] = _solved(axes[side], first * second, across, penalty)
    return factors


def _solved(axes: tuple[Wide, Wide], inner: Wide, across: Wide, penalty: float) -> Wide:
    """U with C U S + lambda U = B, for C by its axes, S (r, r) and B (1 + k, r)."""
    variances, turn = axes
    sizes, mix = np.linalg.eigh(inner)
    found = turn.T @ across @ mix
    found /= np.maximum(variances, 0)[:, None] * np.maximum(sizes, 0) + penalty
    return np.asarray(turn @ found @ mix.T)
