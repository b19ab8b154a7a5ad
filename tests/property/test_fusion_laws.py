"""Judged answers, splits and shares keep their laws, against definitions written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluate import METRICS, judge
from engine.fuse import Answers
from engine.fuse.answers import reciprocal_ranks
from engine.fuse.folds import folds
from engine.fuse.views import shares

MRR = next(one for one in METRICS if one.name == "MRR")


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40
    )
)
def test_reciprocal_ranks_are_those_of_the_judge(rows: list[tuple[int, bool, int]]) -> None:
    rows += [(9, True, 0), (9, False, 1)]
    queries, relevant, scores = (np.array(column) for column in zip(*rows, strict=True))
    views = {"a": scores[:, None].astype(np.float32)}

    found, _ = reciprocal_ranks(scores.astype(float), Answers(views, relevant, queries))

    expected = []
    for query in np.unique(queries[relevant]):
        at = np.flatnonzero(queries == query)
        ranked = at[np.argsort(-scores[at], kind="stable")].tolist()
        expected.append(MRR.of(judge(ranked, {n: 1.0 for n in ranked if relevant[n]})))
    assert found.tolist() == pytest.approx(expected)


@given(
    groups=st.lists(st.integers(0, 9), min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1),
    data=st.data(),
)
def test_a_split_never_parts_a_group(groups: list[int], data: st.DataObject) -> None:
    classes = data.draw(st.lists(st.integers(0, 2), min_size=len(groups), max_size=len(groups)))
    found = folds(np.array(classes), np.array(groups), seed=1)
    again = folds(np.array(classes), np.array(groups), seed=1)

    assert len({(g, f) for g, f in zip(groups, found.tolist(), strict=True)}) == len(set(groups))
    assert len(set(found.tolist())) > 1
    assert found.tolist() == again.tolist()


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="two groups"):
        folds(np.zeros(4, int), np.zeros(4, int))


@given(data=st.data(), modalities=st.integers(1, 5))
def test_shares_sum_to_1_over_what_is_there(data: st.DataObject, modalities: int) -> None:
    weights = data.draw(st.lists(st.floats(0, 9), min_size=modalities, max_size=modalities))
    there = np.array(data.draw(st.lists(st.booleans(), min_size=modalities, max_size=modalities)))[
        None
    ]
    found = shares(weights, there)

    assert (found[~there] == 0).all()
    assert found.sum() == pytest.approx(float(there.any()))
    assert (found >= 0).all()


def test_shares_keep_the_proportions_of_what_is_there() -> None:
    found = shares([0.5, 0.3, 0.2], np.array([[True, False, True], [False, True, False]]))

    assert found.tolist() == [[pytest.approx(0.5 / 0.7), 0, pytest.approx(0.2 / 0.7)], [0, 1, 0]]
