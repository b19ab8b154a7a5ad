"""Measures by hand, by enumeration and by ranx; intervals, comparisons and decisions."""

import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluate import (
    METRICS,
    Metric,
    by_chance,
    interval,
    intervals,
    judge,
    operating_point,
    paired,
    roc,
    shuffled,
    values,
)
from engine.evaluate.intervals import _median_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ranx.json").read_text())
BY_NAME = {one.name: one for one in METRICS}
MEDIAN = BY_NAME["median rank"]
RECALL = BY_NAME["R@1"]


def test_measures_of_a_ranking_as_computed_by_hand() -> None:
    judged = judge(["a", "b", "c", "d"], {"b": 1, "d": 2, "x": 1})

    found = dict(zip(BY_NAME, values([judged])[0], strict=True))
    ideal = 3 / 1 + 1 / np.log2(3) + 1 / 2
    assert found == pytest.approx(
        {
            "R@1": 0,
            "R@5": 1,
            "R@10": 1,
            "P@10": 0.2,
            "MRR": 1 / 2,
            "mAP@10": (1 / 2 + 2 / 4) / 3,
            "nDCG@10": (1 / np.log2(3) + 3 / np.log2(5)) / ideal,
            "median rank": 2,
        },
        abs=1e-12,
    )


def test_what_is_not_found_comes_after_all_that_was_looked_at() -> None:
    judged = judge(["a", "b"], {"x": 1})

    assert values([judged])[0].tolist() == [0, 0, 0, 0, 0, 0, 0, 3]


@pytest.mark.parametrize("number", range(len(GOLDEN)))
def test_measures_equal_those_of_ranx(number: int) -> None:
    """Values of ranx 0.3.21, which divides AP by R alone; ours by what k allows."""
    case = GOLDEN[number]
    judged = judge(case["ranked"], case["relevant"])
    relevant = len(case["relevant"])

    for name, theirs in case["values"].items():
        share = min(10, relevant) / relevant if name == "mAP@10" else 1
        assert BY_NAME[name].of(judged) * share == pytest.approx(theirs, abs=1e-9), name


@pytest.mark.parametrize("relevant", [{}, {"a": 0}, {"a": -1}])
def test_nothing_relevant_is_no_question(relevant: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="relevant ids"):
        judge(["a"], relevant)


def test_an_id_is_ranked_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        judge(["a", "a"], {"a": 1})


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.data())
def test_chance_is_the_mean_over_all_orders(sizes: tuple[int, int], data: st.DataObject) -> None:
    gallery, count = sizes
    grades = sorted(data.draw(st.lists(st.integers(1, 3), min_size=count, max_size=count)))[::-1]
    relevant = dict(enumerate(map(float, grades)))
    table = values([judge(order, relevant) for order in permutations(range(gallery))])

    chance = by_chance([(np.array(grades, dtype=np.float64), gallery)])

    for name, column in zip(BY_NAME, table.T, strict=True):
        if name != "median rank":
            assert chance[name] == pytest.approx(column.mean(), abs=1e-12), name
    lower = np.percentile(table[:, -1], 50, method="lower")
    assert chance["median rank"] == lower


def test_chance_needs_the_relevant_in_the_gallery() -> None:
    with pytest.raises(ValueError, match="in the gallery"):
        by_chance([(np.ones(3), 2)])


def test_shuffled_answers_leave_nothing_of_a_perfect_run() -> None:
    count = 30
    places = [{one: (one - n) % count + 1 for one in range(count)} for n in range(count)]
    relevant = [{n: 1.0} for n in range(count)]

    found = shuffled(places, relevant, seed=3)

    assert found is not None
    assert found["R@1"] == 0
    assert found == shuffled(places, relevant, seed=3)
    assert shuffled(places[:1], relevant[:1]) is None


def test_what_always_comes_first_survives_the_shuffle() -> None:
    found = shuffled([{"hub": 1, "b": 2}] * 4, [{"hub": 1.0}] * 4)

    assert found is not None
    assert found["R@1"] == 1


def test_an_interval_has_the_spread_of_the_mean() -> None:
    hits = np.repeat([0.0, 1.0], 200)

    found = interval(RECALL, hits, seed=1)

    error = 1.96 * 0.5 / np.sqrt(len(hits))
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - error, 0.5 + error), abs=0.006)
    assert found == interval(RECALL, hits, seed=1)
    assert found != interval(RECALL, hits, seed=2)


def test_queries_of_one_source_are_drawn_together() -> None:
    """Four copies of each query are no four queries: the interval is that of the sources."""
    hits = np.repeat([0.0, 1.0] * 25, 4)
    sources = np.repeat(np.arange(50), 4).tolist()

    alone, together = interval(RECALL, hits), interval(RECALL, hits, sources)

    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(2, abs=0.15)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_median_of_a_draw_is_that_of_the_values_drawn(drawn: list[tuple[int, int]]) -> None:
    ranks = np.array([rank for rank, _ in drawn], dtype=np.float64)
    times = np.array([[often for _, often in drawn]], dtype=np.float64)
    times[0, 0] += 1

    found = _median_of(ranks, np.arange(len(ranks)))(times)

    assert found[0] == np.median(np.repeat(ranks, times[0].astype(int)))


def test_measures_share_their_draws() -> None:
    table = np.random.default_rng(0).random((20, 2))
    pair: list[Metric] = [RECALL, MEDIAN]

    both = intervals(pair, table, seed=4)

    alone = [interval(one, column, seed=4) for one, column in zip(pair, table.T, strict=True)]
    assert list(both) == alone


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        interval(RECALL, np.array([]))
    with pytest.raises(ValueError, match="2 queries but 1 groups"):
        interval(RECALL, np.ones(2), ["a"])


def test_a_comparison_says_which_is_better() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(200)
    noise = rng.normal(0, 0.1, 200)

    assert paired(before, before + 0.05 + noise).verdict == "helps"
    assert paired(before, before - 0.05 + noise).verdict == "harms"
    assert paired(before, before + noise - noise.mean()).verdict == "no difference shown"
    same = paired(before, before)
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="200 queries before"):
        paired(before, before[:1])


def test_the_p_of_a_comparison_is_the_share_of_flips_that_go_as_far() -> None:
    gains = np.array([0.3, 0.2, 0.4, -0.1, 0.25, 0.15])
    flips = np.array([np.dot(s, gains) for s in product((1, -1), repeat=len(gains))])
    exact = (np.abs(flips) >= gains.sum() - 1e-9).mean()

    found = paired(np.zeros(6), gains)

    assert found.p == pytest.approx(exact, abs=0.01)


def test_groups_that_move_together_prove_less() -> None:
    rng = np.random.default_rng(1)
    gains = np.repeat(rng.normal(0.3, 1, 12), 20)
    groups = np.repeat(np.arange(12), 20).tolist()

    alone = paired(np.zeros(240), gains)
    together = paired(np.zeros(240), gains, groups)

    assert alone.mean == together.mean
    assert alone.p < 0.01 < together.p


scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=15)


@given(scores, scores)
def test_the_area_is_the_chance_that_a_right_one_scores_higher(
    right: list[float], wrong: list[float]
) -> None:
    wins = [(a > b) + (a == b) / 2 for a in right for b in wrong]

    curve = roc(right, wrong)

    assert curve.area == pytest.approx(np.mean(wins), abs=1e-12)
    for threshold in (-9.0, -1.0, 0.5, 4.0, 9.0):
        missed, alarms = curve.at(threshold)
        assert missed == pytest.approx(np.mean([a < threshold for a in right]))
        assert alarms == pytest.approx(np.mean([b >= threshold for b in wrong]))


@given(scores, scores, st.floats(0, 1))
def test_an_operating_point_is_the_lowest_that_keeps_its_promise(
    right: list[float], wrong: list[float], most: float
) -> None:
    threshold = operating_point(right, wrong, most)

    assert np.mean(np.array(wrong) >= threshold) <= most
    lower = [one for one in {*right, *wrong} if one < threshold]
    if lower:
        assert np.mean(np.array(wrong) >= max(lower)) > most


@pytest.mark.parametrize(("right", "wrong"), [([], [1]), ([1], []), ([np.nan], [1])])
def test_a_decision_needs_scores_of_both_sides(right: list[float], wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="finite scores of both"):
        roc(right, wrong)
