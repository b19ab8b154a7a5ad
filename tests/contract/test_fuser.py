"""The laws of a fuser, over every one there is, and the numbers of each by hand."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import fuse
from engine.ports import Fuser
from engine.types import Ranking, Source
from making import ranking
from strategies import rankings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture(params=fuse.__all__)
def fuser(request: pytest.FixtureRequest) -> Fuser:
    found: Callable[[Sequence[Ranking]], Ranking] = getattr(fuse, request.param)
    return found


@given(one=rankings())
def test_one_ranking_in_the_same_order_out(fuser: Fuser, one: Ranking) -> None:
    assert fuser([one]).ids.tolist() == one.ids.tolist()


@given(several=st.lists(rankings(), min_size=1, max_size=4))
def test_ids_lie_within_the_union(fuser: Fuser, several: list[Ranking]) -> None:
    union = {one for r in several for one in r.ids.tolist()}
    found = fuser(several).ids.tolist()

    assert set(found) <= union
    assert len(set(found)) == len(found)


@given(data=st.data(), several=st.lists(rankings(), min_size=2, max_size=5))
def test_the_order_of_the_rankings_is_irrelevant(
    fuser: Fuser, several: list[Ranking], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(several))
    first, second = fuser(several), fuser(shuffled)

    assert first.ids.tolist() == second.ids.tolist()
    assert first.scores.tolist() == second.scores.tolist()
    assert first.source == second.source


@given(several=st.lists(rankings(), min_size=1, max_size=4))
def test_the_result_is_a_ranking_with_ties_in_the_order_of_ids(
    fuser: Fuser, several: list[Ranking]
) -> None:
    fused = fuser(several)
    assume(len(fused) > 1)
    pairs = list(zip((-fused.scores).tolist(), fused.ids.tolist(), strict=True))

    assert pairs == sorted(pairs)
    assert (fused.ids.dtype, fused.scores.dtype) == (np.int64, np.float32)


def test_nothing_cannot_be_fused(fuser: Fuser) -> None:
    with pytest.raises(ValueError, match="nothing to fuse"):
        fuser([])


def test_empty_rankings_fuse_to_an_empty_one(fuser: Fuser) -> None:
    assert len(fuser([ranking({}), ranking({})])) == 0


def test_comb_max_takes_the_best_score_of_each_id() -> None:
    fused = fuse.comb_max([ranking({1: 3.0, 2: 1.0}), ranking({2: 2.0, 3: -1.0})])

    assert fused.ids.tolist() == [1, 2, 3]
    assert fused.scores.tolist() == [3.0, max(1.0, 2.0), -1.0]


def test_comb_sum_adds_the_scores_and_counts_a_missing_one_as_nothing() -> None:
    fused = fuse.comb_sum([ranking({1: 3.0, 2: 1.5}), ranking({2: 2.0, 3: -1.0})])

    assert fused.ids.tolist() == [2, 1, 3]
    assert fused.scores.tolist() == [1.5 + 2.0, 3.0 + 0, 0 - 1.0]


def test_comb_sum_does_not_depend_on_how_floats_round() -> None:
    """1e8 swallows a single 1 in float32 if they are added one after the other."""
    big, small, minus = ranking({1: 1e8}), ranking({1: 1.0}), ranking({1: -1e8})

    orders = [[big, small, minus], [small, big, minus], [minus, big, small]]

    assert [fuse.comb_sum(order).scores.tolist() for order in orders] == [[1.0]] * 3


def test_the_source_of_a_fusion_names_every_part_once() -> None:
    sources = [Source("b", "toy", "image"), Source("a", "toy", "audio")]

    fused = fuse.comb_max([ranking({1: 1.0}, one) for one in sources])

    assert fused.source == Source("a + b", "toy", "audio + image")
