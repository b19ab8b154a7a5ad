"""The laws of learned fusers, over every kind there is."""

import numpy as np
import pytest

from engine import fuse
from engine.errors import UsageError
from engine.fuse import scalar
from engine.fuse.answers import reciprocal_ranks
from engine.fuse.views import Vectors, Views, without

PER_QUERY = 10


def answers(*gains: float, queries: int = 60, missing: float = 0.15, seed: int = 0) -> fuse.Answers:
    """Of ten answers to a query one is right, which modality m tells by so many deviations."""
    random = np.random.default_rng(seed)
    right = np.zeros((queries, PER_QUERY), bool)
    right[np.arange(queries), random.integers(0, PER_QUERY, queries)] = True
    relevant = right.ravel()
    views: dict[str, Vectors] = {}
    for name, gain in zip("abc", gains, strict=False):
        scores = random.normal(size=relevant.size) + gain * relevant
        scores[random.random(relevant.size) < missing] = np.nan
        views[name] = scores[:, None].astype(np.float32)
    return fuse.Answers(views, relevant, np.repeat(np.arange(queries), PER_QUERY))


ANSWERS = answers(2.0, 1.5, 0.0)


@pytest.fixture(params=fuse.KINDS, scope="module")
def fuser(request: pytest.FixtureRequest) -> fuse.Learned:
    return fuse.fit(ANSWERS, request.param)


def some(views: Views, at: slice) -> dict[str, Vectors]:
    return {name: rows[at] for name, rows in views.items()}


def test_weights_sum_to_1_over_what_is_there_and_are_0_elsewhere(fuser: fuse.Learned) -> None:
    found = fuser.fuse(ANSWERS.views)
    there = np.concatenate([~np.isnan(ANSWERS.views[name]) for name in found.names], axis=1)

    assert (found.weights >= 0).all()
    assert (found.weights[~there] == 0).all()
    assert np.allclose(found.weights.sum(axis=1), there.any(axis=1))
    assert not there.any(axis=1).all()  # there is a row of which nothing is known


def test_a_row_of_which_nothing_is_known_comes_last(fuser: fuse.Learned) -> None:
    found = fuser.fuse({"a": np.array([[np.nan], [-9.0]], np.float32)})

    assert found.scores[0] == -np.inf < found.scores[1]
    assert found.weights[0].tolist() == [0.0, 0.0, 0.0]


def test_a_row_fuses_alike_alone_and_in_a_batch(fuser: fuse.Learned) -> None:
    batch = fuser.fuse(ANSWERS.views)
    alone = [fuser.fuse(some(ANSWERS.views, slice(at, at + 1))) for at in range(20)]

    assert np.allclose(batch.scores[:20], [one.scores[0] for one in alone], atol=1e-5)
    assert np.allclose(batch.weights[:20], [one.weights[0] for one in alone], atol=1e-5)


@pytest.mark.parametrize("kind", fuse.KINDS)
def test_the_order_of_modalities_is_irrelevant_and_a_fit_repeats_itself(kind: str) -> None:
    turned = dict(reversed(ANSWERS.views.items()))
    first = fuse.fit(ANSWERS, kind).fuse(ANSWERS.views)
    second = fuse.fit(fuse.Answers(turned, ANSWERS.relevant, ANSWERS.queries), kind).fuse(turned)

    assert first.names == second.names
    assert np.array_equal(first.scores, second.scores)
    assert np.array_equal(first.weights, second.weights)


def test_a_modality_that_is_not_given_counts_as_missing(fuser: fuse.Learned) -> None:
    left_out = fuser.fuse({name: rows for name, rows in ANSWERS.views.items() if name != "b"})
    emptied = fuser.fuse(without(ANSWERS.views, "b"))

    assert np.array_equal(left_out.scores, emptied.scores)
    assert (left_out.weights[:, 1] == 0).all()


def test_what_tells_right_from_wrong_ranks_first(fuser: fuse.Learned) -> None:
    fresh = answers(2.0, 1.5, 0.0, queries=200, seed=1)
    ranks, _ = reciprocal_ranks(fuser.fuse(fresh.views).scores, fresh)
    alone, _ = reciprocal_ranks(np.nan_to_num(fresh.views["a"][:, 0], nan=-9).astype(float), fresh)

    assert ranks.mean() > alone.mean() - 0.02 > 0.6


def test_a_scalar_takes_the_only_modality_that_tells_anything() -> None:
    found = fuse.fit(answers(2.0, 0.0))

    assert found.fuse({"a": np.ones((1, 1), np.float32), "b": np.ones((1, 1), np.float32)}).weights[
        0
    ].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("kind", ["gated", "attention"])
def test_networks_lean_on_the_modality_that_tells_something(kind: str) -> None:
    given = answers(2.5, 0.0, queries=150, missing=0.0)
    weights = fuse.fit(given, kind).fuse(given.views).weights

    assert weights[:, 0].mean() > 0.6


@pytest.mark.parametrize("kind", fuse.KINDS)
def test_two_that_tell_beat_either_with_an_interval(kind: str) -> None:
    given = answers(1.5, 1.5, queries=150, missing=0.0)
    found, groups = fuse.learned.held_out(given, kind)
    for name in "ab":
        alone, _ = reciprocal_ranks(given.views[name][:, 0].astype(float), given)
        gain = fuse.learned.paired(alone, found, groups.tolist())
        assert gain.low > 0


def test_equal_weights_lose_to_one_modality_where_another_tells_nothing() -> None:
    """SCIENCE: 12.61 for vision alone, 5.86 for the equal mean."""
    given = answers(2.0, 0.0, queries=150, missing=0.0)
    fitted = scalar.fit(given)
    chosen, _ = reciprocal_ranks(fitted.fuse(given.views).scores, given)
    mistaken, _ = reciprocal_ranks(scalar.equal(fitted).fuse(given.views).scores, given)

    assert fuse.learned.paired(chosen, mistaken).high < 0


def test_no_worse_than_the_best_single_modality_where_it_is_no_better() -> None:
    """Within one standard error of the best, the single modality is taken."""
    weights = scalar.lattice(2)
    values = np.zeros((len(weights), 40))
    values[:, 0] = weights[:, 0] * (1 - weights[:, 0])  # one query alone gains by mixing
    values[0, 1:] = values[-1, 1:] = 0.0

    assert weights[scalar.choose(values, weights, np.arange(40), 1)].max() == 1.0


def test_a_gain_that_is_sure_is_taken() -> None:
    weights = scalar.lattice(2)
    values = np.repeat((weights[:, :1] * (1 - weights[:, :1])), 40, axis=1)

    assert weights[scalar.choose(values, weights, np.arange(40), 1)].tolist() == [0.5, 0.5]


def test_a_modality_that_is_seldom_there_needs_a_sure_gain() -> None:
    """Twenty sounds beside a thousand pictures: three lucky ones do not outvote the pictures."""
    weights = scalar.lattice(2)
    values = np.full((len(weights), 1000), 0.5)
    values[weights[:, 1] > 0.5, :20] = np.tile([1.0, 0.0, 0.5, 0.5], 5)
    values[weights[:, 1] > 0.5, 1] = 0.6

    assert weights[scalar.choose(values, weights, np.arange(1000), 0)].tolist() == [1.0, 0.0]
    assert weights[scalar.choose(values, weights, np.arange(1000), 1)].tolist() == [0.0, 1.0]


def test_groups_make_a_gain_less_sure() -> None:
    values = np.random.default_rng(0).normal(size=12)
    doubled = np.repeat(values, 2)

    apart = scalar.standard_error(doubled, np.arange(24))
    together = scalar.standard_error(doubled, np.repeat(np.arange(12), 2))

    assert together == pytest.approx(values.std(ddof=1) / np.sqrt(12))
    assert together > apart


@pytest.mark.parametrize("modalities", [1, 2, 3, 5, 9])
def test_weights_that_are_tried_sum_to_1_and_hold_each_single(modalities: int) -> None:
    tried = scalar.lattice(modalities)

    assert np.allclose(tried.sum(axis=1), 1)
    assert {tuple(one) for one in np.eye(modalities)} <= {tuple(one) for one in tried}
    assert len({tuple(one) for one in tried}) == len(tried) <= scalar.MOST


def test_a_card_compares_with_the_scalar_on_queries_not_seen() -> None:
    card = fuse.report(ANSWERS, "gated")

    assert card.queries == 60
    assert card.gain.mean == pytest.approx(card.figure.value - card.scalar.value)
    assert card.gain.low <= card.gain.mean <= card.gain.high
    assert card.singles["c"].value < card.singles["a"].value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"a": np.full((600, 1), np.nan, np.float32)}, "'a' is missing from every answer"),
        ({"a": np.ones((600, 2), np.float32)}, "'a' has 2 columns"),
        ({"a": np.ones((599, 1), np.float32)}, "599"),
        ({"a": np.full((600, 1), np.inf, np.float32)}, "infinite"),
        ({"a": np.tile(np.float32([1, np.nan]), (600, 1))}, "NaN in parts"),
    ],
)
def test_answers_that_cannot_be_learnt_from_are_told_in_a_sentence(
    change: dict[str, Vectors], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        fuse.fit(fuse.Answers({**ANSWERS.views, **change}, ANSWERS.relevant, ANSWERS.queries))


def test_one_sided_judgements_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing to learn"):
        fuse.Answers(ANSWERS.views, np.zeros(600, bool), ANSWERS.queries)
    with pytest.raises(UsageError, match="no fuser 'gaited'"):
        fuse.fit(ANSWERS, "gaited")
    with pytest.raises(UsageError, match="one group"):
        fuse.report(
            fuse.Answers(ANSWERS.views, ANSWERS.relevant, ANSWERS.queries, np.zeros(600, int)),
            "scalar",
        )


def test_unknown_modalities_and_other_widths_are_refused(fuser: fuse.Learned) -> None:
    with pytest.raises(UsageError, match="'smell' is not a modality"):
        fuser.fuse({"smell": np.ones((1, 1), np.float32)})
    with pytest.raises(UsageError, match="'a' has 3 columns, learnt were 1"):
        fuser.fuse({"a": np.ones((1, 3), np.float32)})
