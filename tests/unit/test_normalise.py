"""Scores on a common scale, by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from engine import fuse

SCORES = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=30)
WAYS = [fuse.min_max, fuse.z, fuse.rank]


def test_min_max_goes_from_0_to_1() -> None:
    assert fuse.min_max([2.0, 4.0, 3.0]).tolist() == [0.0, 1.0, 0.5]


def test_z_has_mean_0_and_deviation_1() -> None:
    found = fuse.z([2.0, 4.0, 9.0])

    assert (found.mean(), found.std()) == pytest.approx((0.0, 1.0))


def test_ranks_go_down_to_one_over_n_and_equals_share() -> None:
    assert fuse.rank([5.0, 1.0, 3.0, 3.0]).tolist() == [1.0, 0.25, 0.625, 0.625]


def test_equal_scores_and_none_are_no_division_by_nought() -> None:
    assert fuse.min_max([2.0, 2.0]).tolist() == [1.0, 1.0]
    assert fuse.z([2.0, 2.0]).tolist() == [0.0, 0.0]
    assert [len(way([])) for way in WAYS] == [0, 0, 0]


@pytest.mark.parametrize("way", WAYS)
def test_a_missing_score_stays_missing_and_does_not_count(way: fuse.normalise.Normalise) -> None:
    with_one = way([1.0, np.nan, 4.0, 2.0])

    assert np.isnan(with_one).tolist() == [False, True, False, False]
    assert with_one[[0, 2, 3]].tolist() == way([1.0, 4.0, 2.0]).tolist()


@pytest.mark.parametrize("way", WAYS)
@given(scores=SCORES)
def test_the_order_stays(way: fuse.normalise.Normalise, scores: list[float]) -> None:
    found = way(scores)

    assert (
        np.sign(np.subtract.outer(found, found)) == np.sign(np.subtract.outer(scores, scores))
    ).all()


@given(scores=SCORES, data=st.data())
def test_the_curve_is_that_of_scikit_learn(scores: list[float], data: st.DataObject) -> None:
    right = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    theirs = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right)
    asked = np.linspace(-60, 60, 41)

    assert np.allclose(fuse.isotonic(scores, right)(asked), theirs.predict(asked), atol=1e-12)


def test_a_curve_needs_scores() -> None:
    with pytest.raises(ValueError, match="needs scores"):
        fuse.isotonic([np.nan], [True])
