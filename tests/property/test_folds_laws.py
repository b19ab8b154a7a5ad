"""Grouped folds: whatever the groups, none is parted, and no fold is much larger than another."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.align.folds import folds, rest, sample

groupings = st.lists(st.integers(0, 12), min_size=2, max_size=80).filter(lambda g: len(set(g)) > 1)
counts = st.integers(2, 7)


@given(groupings, counts, st.integers(0, 3))
def test_no_group_is_on_both_sides_of_a_fold_and_every_row_is_held_out_once(
    groups: list[int], most: int, seed: int
) -> None:
    numbers = np.array(groups)

    held = folds(numbers, most, seed)

    assert sorted(np.concatenate(held).tolist()) == list(range(len(groups)))
    for rows in held:
        others = rest(rows, len(groups))
        assert not set(numbers[rows]) & set(numbers[others])
        assert len(rows)
        assert len(others)


@given(groupings, counts)
def test_folds_differ_by_no_more_than_the_largest_group(groups: list[int], most: int) -> None:
    sizes = [len(rows) for rows in folds(np.array(groups), most)]

    assert max(sizes) - min(sizes) <= np.bincount(groups).max()


@given(groupings, counts, st.integers(0, 3))
def test_the_same_groups_give_the_same_folds_whatever_they_are_called(
    groups: list[int], most: int, seed: int
) -> None:
    once = folds(np.array(groups), most, seed)
    again = folds(np.array(groups) * 7 + 3, most, seed)

    assert [rows.tolist() for rows in once] == [rows.tolist() for rows in again]


@given(groupings, st.integers(1, 90), st.integers(0, 3))
def test_a_sample_has_rows_of_as_many_groups_as_it_can(
    groups: list[int], most: int, seed: int
) -> None:
    numbers = np.array(groups)

    rows = sample(numbers, most, seed)

    assert len(set(rows.tolist())) == len(rows) == min(most, len(groups))
    assert rows.tolist() == sorted(rows.tolist())
    assert len(set(numbers[rows])) == min(most, len(set(groups)))
