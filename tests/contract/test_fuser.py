"""The laws of a fuser, over every one there is, and the numbers of each by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import fuse
from engine.fuse import scalar
from engine.fuse.normalise import Normalise
from engine.fuse.scalar import Scalar
from engine.ports import Fuser
from engine.types import Ranking, Source
from making import ranking
from strategies import rankings

CURVE = fuse.isotonic([-4.0, -1.0, 0.5, 1.0, 4.0], [False, False, True, False, True])

NORMALISE: dict[str, Normalise] = {
    "min-max": fuse.min_max,
    "z": fuse.z,
    "rank": fuse.rank,
    "isotonic": CURVE,
}


def learnt_scalar() -> Scalar:
    """What was chosen on a few answers in two galleries."""
    column = np.array([[3.0], [1.0], [2.0], [2.5]], np.float32)
    views = {"image": column, "audio": column[::-1].copy()}
    relevant, queries = np.array([True, False, True, False]), np.array([0, 0, 1, 1])
    return scalar.fit(fuse.Answers(views, relevant, queries))


FUSERS: dict[str, Callable[[], Fuser]] = {
    "comb_max": lambda: fuse.comb_max,
    "comb_sum": lambda: fuse.comb_sum,
    "comb_mnz": lambda: fuse.comb_mnz,
    "rrf": lambda: fuse.rrf,
    "scalar": learnt_scalar,
    **{
        f"convex of {name}": lambda way=way: fuse.Convex({"image": 0.7}, {"image": way})
        for name, way in NORMALISE.items()
    },
}
"""Every fuser there is."""


@pytest.fixture(params=FUSERS)
def fuser(request: pytest.FixtureRequest) -> Fuser:
    return FUSERS[request.param]()


@given(one=rankings())
def test_one_ranking_in_the_same_order_out(fuser: Fuser, one: Ranking) -> None:
    """A curve with steps, and floats that end somewhere, may make equals; nothing overtakes."""
    fused = fuser([one])
    scores = dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))
    kept = [scores[each] for each in one.ids.tolist()]

    assert len(scores) == len(one)
    assert kept == sorted(kept, reverse=True)


@pytest.mark.parametrize("name", [name for name in FUSERS if "isotonic" not in name])
def test_scores_that_differ_stay_so(name: str) -> None:
    one = ranking({4: 2.0, 1: 1.5, 3: 1.0, 2: -0.25})

    assert FUSERS[name]()([one]).ids.tolist() == [4, 1, 3, 2]


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


def test_comb_mnz_counts_the_rankings_that_found_an_id() -> None:
    fused = fuse.comb_mnz([ranking({1: 3.0, 2: 1.5}), ranking({2: 2.0, 3: 1.0})])

    assert fused.ids.tolist() == [2, 1, 3]
    assert fused.scores.tolist() == [2 * (1.5 + 2.0), 3.0, 1.0]


def test_reciprocal_ranks_look_at_places_alone() -> None:
    fused = fuse.rrf([ranking({1: 9.0, 2: 1.0}), ranking({2: 0.1, 3: -7.0})])

    expected = [1 / 62 + 1 / 61, 1 / 61, 1 / 62]
    assert fused.ids.tolist() == [2, 1, 3]
    assert fused.scores.tolist() == np.array(expected, np.float32).tolist()


TWO = (
    ranking({1: 4.0, 2: 3.0, 3: 2.0}, Source("q", "toy", "image")),
    ranking({3: 9.0, 1: 5.0, 2: 1.0}, Source("q", "toy", "audio")),
)


def test_a_weighted_mean_of_normalised_scores() -> None:
    fused = fuse.Convex({"image": 0.75, "audio": 0.25})(TWO)

    expected = {1: 0.75 + 0.25 * 0.5, 2: 0.75 * 0.5, 3: 0.25}
    assert dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True)) == expected


def test_weights_count_over_the_galleries_that_answered() -> None:
    alone = fuse.Convex({"image": 0.75, "audio": 0.25})(TWO[:1])
    beside_nothing = fuse.Convex({"image": 0.75, "audio": 0.25})([TWO[0], _empty("audio")])

    assert alone.scores.tolist() == beside_nothing.scores.tolist() == [1.0, 0.5, 0.0]


def test_what_one_gallery_did_not_find_gets_its_least() -> None:
    found = ranking({1: 4.0, 2: 2.0}, Source("q", "toy", "image"))
    other = ranking({2: 3.0, 1: -1.0, 5: 1.0}, Source("q", "toy", "audio"))

    fused = fuse.Convex({"image": 0.5, "audio": 0.5}, {"audio": fuse.z})([found, other])
    scores = dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True))

    assert scores[5] == 0.0  # z of its score is 0, and the pictures say 0 of it


def test_a_gallery_of_weight_0_that_stands_alone_is_all_there_is() -> None:
    fused = fuse.Convex({"image": 1.0, "audio": 0.0})(TWO[1:])

    assert fused.ids.tolist() == [3, 1, 2]


def test_a_gallery_without_a_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="no weight is known for audio"):
        fuse.Convex({"image": 1.0})(TWO)
    with pytest.raises(ValueError, match="at least 0"):
        fuse.Convex({"image": -1.0})


def test_a_learnt_scalar_fuses_rankings_by_the_scores_that_it_knows() -> None:
    known = Scalar(("audio", "image"), np.array([0.25, 0.75]), np.array([1.0, 2.0]), np.ones(2))

    fused = known(TWO)

    expected = {1: 0.75 * 2 + 0.25 * 4, 2: 0.75 * 1 + 0.0, 3: 0.0 + 0.25 * 8}
    assert dict(zip(fused.ids.tolist(), fused.scores.tolist(), strict=True)) == expected


def _empty(gallery: str) -> Ranking:
    return ranking({}, Source("q", "toy", gallery))
