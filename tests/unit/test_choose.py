"""The choice of a bridge: it finds what was planted, keeps what was good, and does not cheat."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from engine.align import bridge as codec
from engine.align import choose as choosing
from engine.align.aligner import METHODS
from engine.align.bridge import Bridge
from engine.align.choose import Chosen, simplest
from engine.align.outcome import unlinked
from engine.align.pairs import Pairs, PairsError
from engine.align.ranks import both_ways, ranks, relevant
from engine.align.ridge import Ridge
from engine.align.trial import Candidate, Ground, Tried
from engine.arrays import unit_rows
from engine.errors import UsageError
from engine.types import Vectors

SHARED, WIDTH = 8, 24
QUICK = ("procrustes", "ridge", "cca")

Rows = tuple[Vectors, Vectors]


def normal(seed: int, *shape: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def linear(count: int, seed: int = 0, noise: float = 0.6) -> Rows:
    """Rows of two spaces with a common cause, each from its own linear map and its own mean."""
    cause = normal(seed, count, SHARED)
    return (
        unit_rows(cause @ normal(901, SHARED, WIDTH) + noise * normal(seed + 1, count, WIDTH) + 1),
        unit_rows(cause @ normal(902, SHARED, WIDTH) + noise * normal(seed + 2, count, WIDTH) - 1),
    )


def noise(count: int, seed: int = 0) -> Rows:
    """Rows that have nothing to do with each other."""
    return linear(count, seed)[0], linear(count, seed + 50)[1]


def known(count: int, spread: float, seed: int = 70) -> Rows:
    """Rows of a way there was; the larger the spread, the worse it is."""
    rows = normal(seed, count, WIDTH)
    return unit_rows(rows), unit_rows(rows + spread * normal(seed + 1, count, WIDTH))


def choose(
    pairs: Pairs,
    anchors: Pairs | None = None,
    base: Rows | None = None,
    methods: str | Sequence[str] = QUICK,
    **more: Any,
) -> Chosen:
    """As the real one, among a few quick methods."""
    return choosing.choose(pairs, anchors, base, methods, **more)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A map that knows the rows that it was fitted on, and no others."""

    rows: Vectors

    @property
    def dim(self) -> int:
        return len(self.rows) + 1

    def apply(self, rows: Vectors) -> Vectors:
        same = (rows[:, None] == self.rows).all(axis=2)
        unknown = ~same.any(axis=1, keepdims=True)
        return unit_rows(np.concatenate([same, unknown], axis=1).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Memory:
    """Learns all pairs by heart and nothing else: held-out pairs are all alike to it."""

    name = "memory"
    complexity = 1

    def variants(self, pairs: Pairs) -> Sequence["Memory"]:
        del pairs
        return (self,)

    def fit(self, pairs: Pairs) -> Bridge:
        return Bridge(Seen(pairs.left), Seen(pairs.right), self.name)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(METHODS, "memory", f"{__name__}:Memory")
    return "memory"


# What is chosen


def test_pairs_that_teach_something_help_with_an_interval_above_nothing() -> None:
    chosen = choose(Pairs.of(*linear(100)), base=known(100, 3.0))

    assert chosen.report.verdict == "helps"
    assert chosen.report.difference.low > 0.1
    assert chosen.blend > 0
    assert not chosen.report.kept


def test_a_way_that_finds_everything_is_kept() -> None:
    chosen = choose(Pairs.of(*linear(60)), base=known(60, 0.0))

    assert chosen.report.verdict == "no difference shown"
    assert chosen.report.kept
    assert chosen.blend == 0
    assert "is kept" in chosen.report.sentence


def test_pairs_that_were_mixed_up_change_nothing() -> None:
    chosen = choose(Pairs.of(*noise(60)), base=known(60, 0.8))

    assert chosen.report.verdict == "no difference shown"
    assert chosen.blend == 0


def test_in_a_turned_world_the_rotation_is_enough() -> None:
    turn, _ = np.linalg.qr(normal(5, WIDTH, WIDTH))
    rows = unit_rows(normal(6, 80, WIDTH))
    other = unit_rows(rows @ turn + 0.08 * normal(7, 80, WIDTH))

    assert choose(Pairs.of(rows, other)).bridge.method == "procrustes"


def test_in_a_stretched_world_with_many_pairs_the_regression_is_chosen() -> None:
    rows = normal(6, 200, 12)
    stretched = rows @ (normal(5, 12, 12) * np.geomspace(0.05, 4, 12).astype(np.float32))

    assert choose(Pairs.of(rows, stretched)).bridge.method == "ridge"


def test_anchors_help_pairs_that_are_too_few_alone() -> None:
    pairs = Pairs.of(*linear(30, noise=2.0))

    alone = choose(pairs).report
    pooled = choose(pairs, Pairs.of(*linear(600, seed=20, noise=2.0))).report

    assert pooled.chosen["weight"] is not None
    assert pooled.anchors == 600
    assert after(pooled) > after(alone) + 0.05


def test_with_anchors_every_weight_is_tried_and_the_pairs_alone() -> None:
    anchors = Pairs.of(*linear(300, seed=20))

    report = choose(Pairs.of(*linear(30)), anchors, known(30, 0.8), "procrustes").report

    assert {(one.weight, one.blend) for one in report.candidates if one.method} == {
        (weight, blend) for weight in (0.0, 0.5, 1.0, 4.0, None) for blend in (0.25, 0.5, 0.75, 1.0)
    }
    assert sum(one.method is None for one in report.candidates) == 1


def test_anchors_do_not_make_a_method_worth_trying_that_wants_many_pairs() -> None:
    anchors = Pairs.of(*linear(300, seed=20))

    report = choose(Pairs.of(*linear(30)), anchors, methods=["ridge", "nystroem"]).report

    assert {one.method for one in report.candidates} == {"ridge"}


def test_a_weight_of_nothing_sees_the_anchors_from_where_the_pairs_lie() -> None:
    pairs, anchors = Pairs.of(*linear(30)), Pairs.of(*linear(300, seed=20))
    shifted = Pairs.of(pairs.left + 3, pairs.right - 3)

    here = Ridge().fit(Ground(pairs, anchors).pool(0.0))
    there = Ridge().fit(Ground(shifted, anchors).pool(0.0))
    alone = Ridge().fit(anchors)

    assert np.allclose(here.left.matrix, alone.left.matrix, atol=1e-4)
    assert np.allclose(here.left.apply(pairs.left), there.left.apply(shifted.left), atol=1e-3)


def test_one_method_by_name_is_all_that_is_tried() -> None:
    chosen = choose(Pairs.of(*linear(40)), methods="ridge")

    assert {one.method for one in chosen.report.candidates} == {"ridge"}
    with pytest.raises(UsageError, match="no method 'magic'"):
        choose(Pairs.of(*linear(40)), methods=["ridge", "magic"])


def test_auto_looks_at_many_methods_and_tries_the_most_promising_in_full() -> None:
    """A world that is bent: a sign is lost, so what is linear sees nothing."""
    cause = normal(3, 180, 2)
    rows = cause + 0.05 * normal(4, 180, 2)
    bent = np.concatenate([cause**2, np.abs(cause)], axis=1) + 0.05 * normal(5, 180, 4)

    report = choose(Pairs.of(rows, bent), methods="auto").report

    assert {"ridge", "cca", "nystroem", "mlp"} <= report.glanced.keys() < METHODS.keys()
    assert len({one.method for one in report.candidates}) == choosing.FINALISTS
    assert report.chosen["method"] == "nystroem"
    assert report.correlations[0] > 0.9


def test_within_one_standard_error_the_simpler_is_taken() -> None:
    groups = np.arange(100)
    better = np.tile([0.5, 0.52], 50)
    plain = Tried(None, better - np.tile([0.0, 0.01], 50) * np.linspace(-10, 11, 100))
    bridge = Tried(Candidate(Ridge(), None, 1.0), better)

    assert simplest([bridge, plain], groups) is plain
    assert simplest([bridge, Tried(None, better - 0.1)], groups) is bridge


def test_groups_make_the_error_larger_as_their_pairs_say_the_same() -> None:
    values = np.repeat(normal(3, 20).astype(np.float64), 5)
    alone = choosing.standard_error(values, np.arange(100))
    grouped = choosing.standard_error(values, np.repeat(np.arange(20), 5))

    assert alone == pytest.approx(values.std(ddof=1) / 10)
    assert grouped == pytest.approx(values[::5].std(ddof=1) / 20**0.5)


# What is reported of it


def after(report: choosing.Report) -> float:
    """MRR, mean of both directions."""
    return float(
        np.mean(
            [
                one.after.value
                for each in report.directions
                for one in each.figures
                if one.name == "MRR"
            ]
        )
    )


def test_a_method_that_learns_by_heart_finds_no_held_out_pair(memory: str) -> None:
    """Every pair is there twice; both of a kind are one group, so neither is ever seen before."""
    left, right = (np.repeat(rows, 2, axis=0) for rows in noise(30))

    report = choose(
        Pairs.of(left, right, groups=np.repeat(np.arange(30), 2).tolist()), methods=memory
    ).report

    # All scores of a gallery of 12 are tied, and 2 are right: place (12 + 1) / (2 + 1).
    assert after(report) == pytest.approx(3 / 13)
    assert report.candidates[0].mrr == pytest.approx(3 / 21)
    assert report.verdict == "no difference shown"


def test_the_same_duplicates_without_their_groups_would_look_like_success(memory: str) -> None:
    left, right = (np.repeat(rows, 2, axis=0) for rows in noise(30))

    assert after(choose(Pairs.of(left, right), methods=memory).report) > 0.8


def test_a_real_method_gains_by_near_duplicates_only_where_they_are_parted() -> None:
    left, right = (np.repeat(rows, 3, axis=0) for rows in noise(40))
    left, right = left + 0.01 * normal(1, 120, WIDTH), right + 0.01 * normal(2, 120, WIDTH)
    groups = np.repeat(np.arange(40), 3).tolist()

    grouped = choose(Pairs.of(left, right, groups), methods="ridge").report
    parted = choose(Pairs.of(left, right), methods="ridge").report

    assert parted.verdict == "helps"
    assert grouped.verdict == "no difference shown"
    assert after(parted) > after(grouped) + 0.1


@pytest.mark.parametrize("seed", [0, 10, 20])
def test_noise_is_found_as_often_as_chance_says(seed: int) -> None:
    report = choose(Pairs.of(*noise(80, seed))).report

    assert report.verdict == "no difference shown"
    assert report.difference.low < 0.02
    for direction in report.directions:
        figure = next(one for one in direction.figures if one.name == "MRR")
        assert figure.after.low - 0.03 <= figure.chance <= figure.after.high + 0.03
        assert abs(figure.shuffled - figure.chance) < 0.1


def test_chance_and_shuffled_are_what_a_random_order_would_score() -> None:
    report = choose(Pairs.of(*linear(100))).report

    assert report.gallery == (20, 20)
    figures = {one.name: one for one in report.directions[0].figures}
    assert figures["R@5"].chance == pytest.approx(5 / 20)
    assert figures["MRR"].chance == pytest.approx(sum(1 / k for k in range(1, 21)) / 20)
    assert abs(figures["MRR"].shuffled - figures["MRR"].chance) < 0.1
    assert figures["MRR"].before is None
    assert report.compared_with == "chance"


def test_the_report_reads_back_from_json_and_from_the_bridge() -> None:
    chosen = choose(Pairs.of(*linear(40)), base=known(40, 0.8))
    told = chosen.report.told()

    assert json.loads(json.dumps(told)) == told
    assert codec.read(*codec.write(chosen.bridge)).report == told
    assert {"verdict", "sentence", "directions", "candidates", "chosen", "seed"} <= told.keys()


def test_the_same_pairs_are_served_alike_each_time() -> None:
    once, again = (choose(Pairs.of(*linear(40)), base=known(40, 0.8), seed=3) for _ in range(2))

    assert {**once.report.told(), "seconds": 0} == {**again.report.told(), "seconds": 0}
    assert (
        once.bridge.left.apply(linear(5)[0]).tobytes()
        == again.bridge.left.apply(linear(5)[0]).tobytes()
    )


def test_a_way_that_is_worse_than_before_is_called_harmful(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice would never take it, so it is made to."""
    monkeypatch.setattr(choosing, "simplest", lambda tried, _: tried[-1])

    report = choose(Pairs.of(*noise(60)), base=known(60, 0.3), methods=memory).report

    assert report.verdict == "harms"
    assert report.kept
    assert report.chosen["blend"] == 0
    assert "It harms" in report.sentence


def test_examples_are_held_out_pairs_with_their_neighbours() -> None:
    report = choose(Pairs.of(*linear(60)), base=known(60, 6.0)).report

    assert len(report.examples) == 6
    assert any(one.rank_before != one.rank_after for one in report.examples)
    for one in report.examples:
        assert len(one.before) == len(one.after) == 3
        assert (one.rank_before == 1) == (one.before[0] == one.pair)
        assert (one.rank_after == 1) == (one.after[0] == one.pair)


def test_progress_ends_where_it_said_it_would() -> None:
    seen: list[tuple[int, int]] = []

    choose(
        Pairs.of(*linear(40)), methods=["ridge", "procrustes"], saw=lambda *now: seen.append(now)
    )

    assert seen == [(done, 12) for done in range(1, 13)]


def test_many_pairs_are_judged_once_by_a_part_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NESTED_MOST", 100), ("TRIED_MOST", 60), ("JUDGED_MOST", 20)):
        monkeypatch.setattr(choosing, name, value)

    report = choose(Pairs.of(*linear(150)), base=known(150, 4.0)).report

    assert report.protocol == "hold-out"
    assert (report.folds, report.judged, report.tried_on) == (1, 20, 60)
    assert report.verdict == "helps"


def test_of_many_pairs_a_huge_group_is_not_all_that_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "NESTED_MOST", 50)
    groups = [0] * 60 + list(range(1, 81))

    report = choose(Pairs.of(*linear(140), groups)).report

    assert report.judged == 20


# Too little


@pytest.mark.parametrize(
    ("count", "groups", "told"),
    [
        (2, None, "2 pairs are too few"),
        (9, None, "9 pairs are too few"),
        (12, [0] * 12, "of one source"),
        (12, [0, 1, 2, 3] * 3, "of 4 different things only"),
    ],
)
def test_too_few_pairs_are_told_how_many_are_needed(
    count: int, groups: list[int] | None, told: str
) -> None:
    with pytest.raises(PairsError, match=told) as error:
        choose(Pairs.of(*linear(count), groups))

    assert "10 pairs of 6 different things" in error.value.hint


def test_ten_classes_with_one_example_each_are_judged() -> None:
    report = choose(Pairs.of(*linear(10)), base=known(10, 0.8)).report

    assert report.judged == 10
    assert report.verdict in {"helps", "no difference shown"}


def test_one_huge_group_among_small_ones_is_judged() -> None:
    report = choose(Pairs.of(*linear(40), groups=[0] * 35 + [1, 2, 3, 4, 5])).report

    assert report.judged == 40


# Ranks


def test_ties_are_ranked_where_luck_would_put_them_on_average() -> None:
    scores = np.array([[0.5, 0.9, 0.5, 0.5]], np.float32)

    assert ranks(scores, np.array([[True, False, False, False]])).tolist() == [3.0]
    assert ranks(scores, np.array([[True, False, True, True]])).tolist() == [2.0]
    assert ranks(scores, np.array([[False, True, True, False]])).tolist() == [1.0]


def test_both_directions_are_ranked_by_their_own_scores() -> None:
    scores = np.array([[0.9, 0.8], [0.95, 0.1]], np.float32)

    assert both_ways(scores, np.eye(2, dtype=bool)).tolist() == [[1.0, 2.0], [2.0, 2.0]]


def test_what_is_equal_on_either_side_answers() -> None:
    left = np.array([[1.0], [1.0], [2.0]], np.float32)
    right = np.array([[5.0], [6.0], [6.0]], np.float32)

    assert relevant(Pairs.of(left, right)).tolist() == [
        [True, True, False],
        [True, True, True],
        [False, True, True],
    ]


def test_no_shuffled_pair_keeps_an_answer_of_its_group() -> None:
    groups = np.repeat(np.arange(8), 3)
    pairs = Pairs.of(*linear(24), groups.tolist())
    of = {row.tobytes(): group for row, group in zip(pairs.right, groups, strict=True)}

    cut = unlinked(pairs)

    assert sorted(of[row.tobytes()] for row in cut.right) == groups.tolist()
    assert all(of[row.tobytes()] != group for row, group in zip(cut.right, groups, strict=True))
