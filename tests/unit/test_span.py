"""Few pairs are fitted in their span and wide rows along their leading axes, and taken back."""

import numpy as np
import pytest

from engine.align import bridge as bridges
from engine.align import span
from engine.align.aligner import METHODS, aligner
from engine.align.pairs import Pairs
from engine.types import Vectors


def worlds(count: int, left: int, right: int, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Rows of both sides from eight causes that they share, with some noise."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(count, 8))
    turns = (np.random.default_rng(9).normal(size=(8, width)) for width in (left, right))
    first, second = (
        np.asarray(causes @ turn + 0.3 * rng.normal(size=(count, turn.shape[1])) + 1, "f")
        for turn in turns
    )
    return first, second


@pytest.mark.parametrize("name", ["procrustes", "whitened"])
def test_a_linear_bridge_is_the_same_within_the_span(name: str) -> None:
    """Of these no setting is a share of the spread, so nothing at all may differ."""
    left, right = worlds(30, 200, 90)
    asked = worlds(12, 200, 90, seed=1)
    method = aligner(name) if name == "procrustes" else aligner(name, rank=6)
    pairs = Pairs.of(left, right)

    within = method.fit(pairs).score(*asked)
    whole = type(method).fit.__wrapped__(method, pairs).score(*asked)

    if name == "procrustes":  # the whole turns what no pair says anything of by rounding alone
        assert np.corrcoef(within.ravel(), whole.ravel())[0, 1] > 0.9
    else:
        np.testing.assert_allclose(within, whole, atol=2e-3)


def test_axes_span_the_rows_and_no_more() -> None:
    rows = worlds(20, 60, 9)[0]
    axes = span.axes_of(np.concatenate([rows, rows[:5]]))

    assert axes is not None
    assert axes.shape == (60, 20)
    np.testing.assert_allclose(axes.T @ axes, np.eye(20), atol=1e-9)
    np.testing.assert_allclose(rows @ axes @ axes.T, rows, atol=1e-4)
    assert span.axes_of(worlds(60, 60, 9)[0]) is None


@pytest.mark.parametrize("widths", [(620, 40), (40, 620), (560, 540)])
@pytest.mark.parametrize("name", sorted(set(METHODS) - {"kernel-laplace", "mlp", "bilinear"}))
def test_what_was_fitted_along_leading_axes_reads_rows_as_they_were(
    name: str, widths: tuple[int, int]
) -> None:
    pairs, _, axes = span.narrowed(Pairs.of(*worlds(700, *widths)), None)
    asked = worlds(50, *widths, seed=1)

    assert max(pairs.left.shape[1], pairs.right.shape[1]) <= span.NARROW
    fitted = aligner(name).fit(pairs)
    whole = span.taken_back(fitted, *axes)

    narrow = [
        side if onto is None else np.asarray(side @ onto, dtype=np.float32)
        for side, onto in zip(asked, axes, strict=True)
    ]
    np.testing.assert_allclose(whole.score(*asked), fitted.score(*narrow), atol=1e-4)
    again = bridges.read(*bridges.write(whole))
    np.testing.assert_allclose(again.score(*asked), whole.score(*asked), atol=1e-5)


def test_narrow_rows_stay_as_they_are() -> None:
    pairs = Pairs.of(*worlds(700, 60, 40))

    same, _, axes = span.narrowed(pairs, None)

    assert axes == (None, None)
    np.testing.assert_array_equal(same.left, pairs.left)
