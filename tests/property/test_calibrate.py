"""Calibrated scores, against the mean and deviation of every score of the gallery."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rank.calibrate import PRIOR_DEVIATION, SHRINKAGE_ROWS, Moments
from engine.types import Ids, Vectors
from making import rows
from strategies import asked


@given(case=asked(least=1))
def test_it_agrees_with_the_brute_force_mean_and_shrunk_deviation(
    case: tuple[Ids, Vectors, Vectors],
) -> None:
    _, added, query = case
    scores = added @ query
    count = len(added)
    prior = SHRINKAGE_ROWS * PRIOR_DEVIATION**2
    deviation = np.sqrt((count * scores.var() + prior) / (count + SHRINKAGE_ROWS))

    calibrated = Moments.of(added).calibrate(query, scores)

    assert calibrated.dtype == np.float32
    assert np.allclose(calibrated, (scores - scores.mean()) / deviation, atol=1e-3)


@given(case=asked(least=2))
def test_it_keeps_the_order(case: tuple[Ids, Vectors, Vectors]) -> None:
    _, added, query = case
    scores = np.sort(added @ query)[::-1]

    assert (np.diff(Moments.of(added).calibrate(query, scores)) <= 0).all()


def test_two_rows_by_hand() -> None:
    """Scores 1 and 0: mean 1/2, variance 1/4, shrunk to (2/4 + 20 * 0.05 ** 2) / 22."""
    moments = Moments.of(rows([1, 0], [0, 1]))
    shrunk = (2 * 0.25 + 20 * 0.0025) / (2 + 20)

    calibrated = moments.calibrate(rows([1, 0])[0], np.float32([1, 0]))

    assert calibrated.tolist() == pytest.approx([0.5 / shrunk**0.5, -0.5 / shrunk**0.5])


@pytest.mark.parametrize("count", [0, 1])
def test_a_gallery_without_deviation_uses_the_prior(count: int) -> None:
    """Variance 0: the shrunk one is 20 * 0.05 ** 2 / (count + 20)."""
    moments = Moments.of(rows([1, 0])[:count])
    deviation = (20 * 0.0025 / (count + 20)) ** 0.5

    calibrated = moments.calibrate(rows([1, 0])[0], np.float32([1.0]))

    assert calibrated[0] == pytest.approx((1.0 - count) / deviation)


@given(seed=st.integers(0, 99))
def test_scores_of_a_large_gallery_have_mean_zero_and_deviation_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    added = rows(*generator.normal(size=(5_000, 6)))
    query = rows(generator.normal(size=6))[0]

    calibrated = Moments.of(added).calibrate(query, added @ query)

    assert calibrated.mean() == pytest.approx(0, abs=1e-3)
    assert calibrated.std() == pytest.approx(1, abs=0.02)
