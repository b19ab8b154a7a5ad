"""Unit rows and top-k, against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.arrays import through_half, top_k, unit_rows
from engine.types import Ids, Scores
from making import ids

WIDE = st.floats(-(2.0**100), 2.0**100, width=32)


@st.composite
def scored(draw: st.DrawFn) -> tuple[Ids, Scores]:
    """Ids in any order with few distinct scores."""
    known = draw(st.lists(st.integers(-(2**62), 2**62), max_size=40, unique=True))
    values = draw(hnp.arrays("float32", len(known), elements=st.integers(-3, 3).map(float)))
    return ids(*known), values


@given(case=scored(), k=st.integers(0, 50))
def test_top_k_takes_the_highest_scores_and_then_the_lowest_ids(
    case: tuple[Ids, Scores], k: int
) -> None:
    known, values = case
    best = sorted(zip((-values).tolist(), known.tolist(), strict=True))[:k]

    found, scores = top_k(known, values, k)

    assert found.tolist() == [one for _, one in best]
    assert scores.tolist() == [-negative for negative, _ in best]


@given(case=scored(), k=st.integers(0, 50), data=st.data())
def test_top_k_does_not_depend_on_the_order_of_its_input(
    case: tuple[Ids, Scores], k: int, data: st.DataObject
) -> None:
    known, values = case
    order = np.array(data.draw(st.permutations(range(len(known)))), dtype=np.intp)
    found, _ = top_k(known, values, k)

    assert top_k(known[order], values[order], k)[0].tolist() == found.tolist()


@given(
    given_rows=hnp.arrays("float32", st.tuples(st.integers(0, 9), st.integers(1, 9)), elements=WIDE)
)
def test_unit_rows_have_length_one_whatever_they_were(given_rows: Scores) -> None:
    lengths = np.linalg.norm(unit_rows(given_rows).astype(np.float64), axis=1)

    assert np.allclose(lengths, 1, atol=1e-6)


@given(row=hnp.arrays("float32", 5, elements=st.integers(-9, 9).map(float)), scale=WIDE)
def test_unit_rows_keep_only_the_direction(row: Scores, scale: float) -> None:
    scale = abs(scale) + 1e-3

    assert np.allclose(unit_rows(row[None] * np.float32(scale)), unit_rows(row[None]), atol=1e-5)


def test_a_row_of_three_and_four_has_length_five() -> None:
    assert np.array_equal(unit_rows(np.float32([[3, 4]])), np.float32([[3 / 5, 4 / 5]]))


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_row_that_is_not_finite_becomes_one_of_nan(odd: float) -> None:
    unit = unit_rows(np.float32([[3, 4], [3, odd]]))

    assert np.array_equal(unit, np.float32([[3 / 5, 4 / 5], [np.nan] * 2]), equal_nan=True)


def test_a_row_of_zeros_becomes_the_first_axis() -> None:
    assert unit_rows(np.zeros((2, 3), np.float32)).tolist() == [[1, 0, 0], [1, 0, 0]]


def test_unit_rows_leave_their_input_as_it_is() -> None:
    given_rows = np.float32([[3, 4], [0, 0]])
    unit_rows(given_rows)

    assert given_rows.tolist() == [[3, 4], [0, 0]]


@given(value=st.floats(-1, 1, width=32))
def test_rounding_to_half_a_second_time_changes_nothing(value: float) -> None:
    once = through_half(np.float32([[value]]))

    assert np.array_equal(through_half(once), once)
    assert once[0, 0] == pytest.approx(value, rel=1e-3, abs=1e-7)
