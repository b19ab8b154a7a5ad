"""The laws of every method of alignment."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from engine.align.aligner import METHODS, Aligner, aligner
from engine.align.bridge import Bridge, read, write
from engine.align.gcca import fit_many
from engine.align.maps import KINDS
from engine.align.mlp import Perceptron, _Training
from engine.align.pairs import Pairs, PairsError
from engine.align.trilinear import fit_three
from engine.arrays import unit_rows
from engine.errors import UsageError
from engine.types import Vectors
from planted import bent, correlated, held_out, recall, turned, weighed

FITTED, ASKED = 400, 100

SMALL: dict[str, dict[str, Any]] = {
    "kernel-gauss": {"features": 256},
    "kernel-laplace": {"features": 256},
    "mlp": {"epochs": 3, "hidden": 32},
}
"""Settings that make a method quick; its own are what it is for many more pairs."""

LEAST = {"whitened": 0.6, "kernel-laplace": 0.75, "conse": 0.8}
"""R@1 among 100 on the planted turn; whitened counts the axes of the noise alike, and 256 of the
Laplacian's heavy-tailed waves are few."""

LINEAR = ("procrustes", "ridge", "whitened", "cca", "gcca", "joint", "lasso", "bilinear")
KERNELS = ("nystroem", "kcca", "kernel-gauss")

every = pytest.mark.parametrize("name", METHODS)


def method(name: str) -> Aligner:
    return aligner(name, **SMALL.get(name, {}))


def split(sides: list[Vectors]) -> tuple[Pairs, Vectors, Vectors]:
    """Pairs to fit on, and both sides of those to ask for."""
    left, right = sides
    return Pairs.of(left[:-ASKED], right[:-ASKED]), left[-ASKED:], right[-ASKED:]


@cache
def fitted(name: str) -> Bridge:
    """Fitted once on the planted turn; a value, so it may be shared."""
    return method(name).fit(split(turned(0, FITTED + ASKED))[0])


def odd(kind: str) -> Pairs:
    """Pairs that are hard to compute with, but are pairs."""
    random = np.random.default_rng(0)
    x, y = turned(1, 120)
    if kind == "fewer rows than axes":
        x, y = turned(1, 120, (150, 140))
    if kind == "constant columns":
        x[:, 3], y[:, :2] = 1.0, 0.0
    if kind == "repeated columns":
        x[:, 4], y[:, 1] = x[:, 5], y[:, 2]
    if kind == "repeated rows":
        x, y = np.repeat(x[:60], 2, axis=0), np.repeat(y[:60], 2, axis=0)
    if kind == "one direction":
        x = (random.normal(size=(120, 1)) * np.ones((1, 12))).astype(np.float32)
    if kind == "one component":
        x, y = x[:, :1], y[:, :1]
    if kind == "tiny numbers":
        x, y = x * np.float32(1e-3), y * np.float32(1e-3)
    return Pairs.of(x, y)


ODD = (
    "fewer rows than axes",
    "constant columns",
    "repeated columns",
    "repeated rows",
    "one direction",
    "one component",
    "tiny numbers",
)


def check_rows(rows: Vectors, count: int, dim: int) -> None:
    assert rows.shape == (count, dim)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max(initial=0) < 1e-5


@every
def test_a_planted_turn_is_found(name: str) -> None:
    _, left, right = split(turned(0, FITTED + ASKED))

    assert held_out(fitted(name), left, right) >= LEAST.get(name, 0.9)


@every
def test_shuffling_one_side_leaves_chance(name: str) -> None:
    pairs, left, right = split(turned(0, FITTED + ASKED))
    order = np.random.default_rng(2).permutation(FITTED)

    broken = method(name).fit(Pairs.of(pairs.left, pairs.right[order]))

    assert held_out(broken, left, right) < 0.08


@every
def test_shuffling_both_sides_together_changes_nothing(name: str) -> None:
    pairs, left, right = split(turned(0, FITTED + ASKED))

    again = method(name).fit(pairs.take(np.random.default_rng(1).permutation(FITTED)))

    assert np.abs(again.score(left, right) - fitted(name).score(left, right)).max() < 1e-4


@every
def test_a_fit_leaves_pairs_and_chance_as_they_are(name: str) -> None:
    pairs, left, right = split(turned(0, FITTED + ASKED))
    before = pairs.left.copy(), pairs.right.copy(), pairs.weights.copy()
    expected = fitted(name).score(left, right)

    np.random.seed(7)  # noqa: NPY002  (that nobody draws from it is what is checked)
    again = method(name).fit(pairs)
    drawn = np.random.random()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002

    assert np.array_equal(again.score(left, right), expected)
    assert drawn == np.random.random()  # noqa: NPY002
    for one, was in zip((pairs.left, pairs.right, pairs.weights), before, strict=True):
        assert np.array_equal(one, was)


@every
def test_a_row_maps_alike_alone_and_in_a_batch(name: str) -> None:
    _, left, right = split(turned(0, FITTED + ASKED))
    bridge = fitted(name)

    for side, rows in (("left", left), ("right", right)):
        together = bridge.apply(**{side: rows})
        alone = np.concatenate([bridge.apply(**{side: row[None]}) for row in rows])
        assert np.abs(together - alone).max() < 1e-5


@every
def test_written_and_read_back_it_maps_alike(name: str) -> None:
    _, left, right = split(turned(0, FITTED + ASKED))

    again = read(*write(fitted(name)))

    assert again.method == name
    assert dict(again.report) == dict(fitted(name).report)
    assert np.array_equal(again.score(left, right), fitted(name).score(left, right))


@every
@pytest.mark.parametrize("kind", ODD)
def test_odd_pairs_give_finite_unit_rows(name: str, kind: str) -> None:
    pairs = odd(kind)

    bridge = method(name).fit(pairs)

    check_rows(bridge.apply(left=pairs.left), len(pairs), bridge.left.dim)
    check_rows(bridge.apply(right=pairs.right), len(pairs), bridge.right.dim)


@every
def test_odd_rows_are_mapped_to_finite_unit_rows(name: str) -> None:
    bridge = fitted(name)
    pairs = split(turned(0, FITTED + ASKED))[0]
    for side, mean in zip(("left", "right"), pairs.means, strict=True):
        rows = np.stack([mean, np.zeros_like(mean), mean + 1e6, mean - 1e6]).astype(np.float32)
        check_rows(bridge.apply(**{side: rows}), 4, bridge.left.dim)
        check_rows(bridge.apply(**{side: rows[:0]}), 0, bridge.left.dim)


@every
@pytest.mark.parametrize("rows", [1, 2])
def test_pairs_that_teach_nothing_are_refused_with_a_sentence(name: str, rows: int) -> None:
    """One pair, or one that is there twice: what a fold may leave of pairs that were well."""
    pairs = split(turned(0, FITTED + ASKED))[0].take(np.zeros(rows, np.int64))

    with pytest.raises(PairsError, match=r"\.$|\. "):
        method(name).fit(pairs)


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), "3 rows on one side and 4 on the other"),
        (np.eye(1, 2), np.eye(1, 2), "1 pair is too few"),
        (np.empty((0, 2)), np.empty((0, 2)), "no pairs"),
        (np.eye(3), np.array([[1, 0], [np.nan, 0], [0, 1]]), "right side of pair 2"),
        (np.array([[1, 0], [0, np.inf]]), np.eye(2), "left side of pair 2"),
        (np.eye(3), np.ones((3, 4)), "right side is the same in every pair"),
    ],
)
def test_what_are_no_pairs_is_refused_with_a_sentence(
    left: Vectors, right: Vectors, said: str
) -> None:
    with pytest.raises(PairsError, match=said):
        Pairs.of(left.astype(np.float32), right.astype(np.float32))


@every
def test_variants_are_few_and_all_can_be_fitted(name: str) -> None:
    pairs = Pairs.of(*turned(3, 150))

    variants = method(name).variants(pairs)

    assert len(set(variants)) == len(variants) <= 4
    assert bool(variants) == (name != "mlp")
    for one in variants:
        assert one.name == name
        assert one.fit(pairs).method == name


@every
def test_names_and_ranks_are_those_of_the_register(name: str) -> None:
    assert method(name).name == name
    assert 1 <= method(name).complexity <= 5
    assert not hasattr(method(name), "__dict__")


def test_methods_that_cannot_work_are_not_tried() -> None:
    few, many = (Pairs.of(*turned(0, count)) for count in (50, 2_100))

    assert not any(aligner(name).variants(few) for name in ("mlp", *KERNELS))
    assert not aligner("kcca").variants(many)
    assert aligner("mlp").variants(many)
    with pytest.raises(PairsError, match="2100 pairs are too many for kcca"):
        aligner("kcca").fit(many)
    with pytest.raises(PairsError, match="49 pairs of different things are too few for mlp"):
        aligner("mlp").fit(few.take(np.arange(49)))


def test_an_unknown_method_is_named_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"no method 'magic'.*procrustes, ridge"):
        aligner("magic")


@pytest.mark.parametrize("name", [*LINEAR, "kernel-gauss"])
def test_a_row_of_weight_three_is_three_rows(name: str) -> None:
    pairs, left, right = split(turned(4, 160))
    weights = np.where(np.arange(len(pairs)) % 3, 1, 3).astype(np.float32)
    repeated = pairs.take(np.repeat(np.arange(len(pairs)), weights.astype(np.int64)))
    # Distances, and the width of a kernel with them, know no weights.
    settings = {"width": 1e3} if name == "kernel-gauss" else {}

    once = aligner(name, **SMALL.get(name, {}), **settings).fit(weighed(pairs, weights))
    thrice = aligner(name, **SMALL.get(name, {}), **settings).fit(repeated)

    assert np.abs(once.score(left, right) - thrice.score(left, right)).max() < 1e-2
    if name != "kernel-gauss":
        assert np.abs(once.score(left, right) - thrice.score(left, right)).max() < 1e-4


@every
def test_pairs_without_a_say_change_only_where_rows_are_seen_from(name: str) -> None:
    """Pooled at weight 0 with anchors, pairs whose partners are wrong do no harm."""
    anchors, left, right = split(turned(0, FITTED + ASKED))
    order = np.random.default_rng(0).permutation(ASKED)
    wrong = Pairs.of(left + np.float32(1), right[order] - np.float32(1))

    bridge = method(name).fit(wrong.pooled(anchors, 0))

    assert held_out(bridge, left + np.float32(1), right - np.float32(1)) >= LEAST.get(name, 0.9)


@every
def test_pooled_pairs_are_seen_from_their_own_mean(name: str) -> None:
    """Anchors that lie elsewhere than the pairs would otherwise swamp what they share."""
    anchors, left, right = split(turned(0, FITTED + ASKED))
    shift = np.float32(3)
    pairs = Pairs.of(left[:50] + shift, right[:50] - shift)

    bridge = method(name).fit(pairs.pooled(anchors, 1))

    assert held_out(bridge, left[50:] + shift, right[50:] - shift) >= LEAST.get(name, 0.9)


def test_planted_correlations_are_recovered() -> None:
    planted = [0.9, 0.7, 0.5, 0.3]
    pairs = Pairs.of(*correlated(0, 20_000, planted))

    found = aligner("cca", ridge=0.0).fit(pairs).report["correlations"]

    assert found == pytest.approx(planted, abs=0.02)


@pytest.mark.parametrize("seed", [0, 1])
def test_kernels_find_what_is_bent_and_lines_do_not(seed: int) -> None:
    pairs, left, right = split(bent(seed, 1_000))

    curved = {name: held_out(method(name).fit(pairs), left, right) for name in KERNELS}
    straight = {name: held_out(method(name).fit(pairs), left, right) for name in LINEAR}

    assert min(curved.values()) > 0.25
    assert max(straight.values()) < 0.1


def test_training_finds_what_is_bent_too() -> None:
    pairs, left, right = split(bent(0, 1_600))
    trained = aligner("mlp", hidden=128, batch=128, rate=3e-3, dropout=0.0).fit(pairs)

    assert held_out(trained, left, right) > 0.5
    assert held_out(aligner("cca").fit(pairs), left, right) < 0.1


def test_training_keeps_the_best_epoch_and_so_never_falls_below_its_start() -> None:
    pairs, left, right = split(turned(0, FITTED + ASKED, noise=0.5))

    kept = aligner("mlp", epochs=4, rate=1.0).fit(pairs)

    found = kept.report["held_out_mrr"]
    assert found[0] == max(found)
    start = held_out(aligner("cca").fit(pairs), left, right)
    assert held_out(kept, left, right) >= start - 0.05


def test_training_holds_whole_groups_out() -> None:
    """With every pair there ten times, a split by rows would judge what was taught."""
    x, y = turned(0, 60)
    order = np.random.default_rng(0).permutation(60)
    rows = np.repeat(np.arange(60), 10)
    pairs = Pairs.of(x[rows], y[order][rows], groups=rows.tolist())

    eager = {"rate": 3e-3, "dropout": 0.0, "batch": 128, "epochs": 30, "patience": 30}
    found = aligner("mlp", hidden=256, **eager).fit(pairs).report["held_out_mrr"]

    assert max(found) < 0.5


def test_rows_of_one_group_are_not_told_apart_in_training() -> None:
    import torch

    left, right = turned(0, 60)
    pairs = Pairs.of(left, right[::-1], groups=[0, 0, 0, *range(1, 58)])
    start = aligner("cca").fit(pairs)
    run = _Training(Perceptron(dropout=0.0), start, pairs, np.arange(60) < 6)

    alike, other = (run._loss(torch.tensor(rows)).item() for rows in ([0, 1, 2], [0, 1, 9]))

    assert alike == pytest.approx(0, abs=1e-6)
    assert other > 1e-3


def three(seed: int) -> tuple[list[Vectors], list[Vectors]]:
    """Three modalities of the same causes: those to fit on, and those to ask for."""
    sides = turned(seed, FITTED + ASKED, (12, 10, 9))
    return [one[:-ASKED] for one in sides], [one[-ASKED:] for one in sides]


TWOS = ((0, 1), (0, 2), (1, 2))


def test_three_modalities_meet_in_one_space() -> None:
    taught, asked = three(0)

    maps = fit_many(taught)

    rows = [one.apply(side) for one, side in zip(maps, asked, strict=True)]
    for one in rows:
        check_rows(one, ASKED, maps[0].dim)
    assert min(recall(rows[a] @ rows[b].T) for a, b in TWOS) > 0.9


def test_three_modalities_one_of_them_shuffled_leave_it_alone_and_keep_the_others() -> None:
    taught, asked = three(0)
    taught[2] = taught[2][np.random.default_rng(0).permutation(FITTED)]

    rows = [one.apply(side) for one, side in zip(fit_many(taught), asked, strict=True)]

    assert recall(rows[0] @ rows[1].T) > 0.7
    assert recall(rows[0] @ rows[2].T) < 0.08


def test_three_modalities_shuffled_together_meet_alike() -> None:
    taught, asked = three(0)
    order = np.random.default_rng(0).permutation(FITTED)

    maps, again = fit_many(taught), fit_many([one[order] for one in taught])

    for a, b in TWOS:
        scores, same = (m[a].apply(asked[a]) @ m[b].apply(asked[b]).T for m in (maps, again))
        assert np.abs(scores - same).max() < 1e-4


def test_two_modalities_without_a_ridge_meet_as_in_canonical_correlations() -> None:
    left, right = turned(0, 200)
    first, second = fit_many([left, right], ridge=0.0)
    plain = aligner("cca", ridge=0.0).fit(Pairs.of(left, right))

    found = first.apply(left) @ second.apply(right).T

    assert np.abs(found - plain.score(left, right)).max() < 1e-4


def products(seed: int, count: int) -> list[Vectors]:
    """The third modality shows the products of what the first and the second show."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, count, 4))
    found = []
    for rows, width in ((first, 8), (second, 7), (first * second, 6)):
        frame = np.linalg.qr(random.normal(size=(width, 4)))[0].T
        found.append((rows @ frame + 0.1 * random.normal(size=(count, width))).astype(np.float32))
    return found


def test_a_trilinear_score_finds_what_two_say_together_and_neither_alone() -> None:
    sides = products(0, 1_100)
    taught, asked = [one[:1_000] for one in sides], [one[1_000:] for one in sides]

    score = fit_three(*taught)
    maps = fit_many(taught)

    third = score.items(2, asked[2])
    together = recall(score.query({0: asked[0], 1: asked[1]}, toward=2) @ third.T)
    summed = unit_rows(maps[0].apply(asked[0]) + maps[1].apply(asked[1]))
    assert together > 0.4
    assert recall(score.query({0: asked[0]}, toward=2) @ third.T) < 0.15
    assert recall(summed @ maps[2].apply(asked[2]).T) < 0.08


def test_a_trilinear_score_works_with_a_modality_missing() -> None:
    taught, asked = three(0)

    score = fit_three(*taught)

    for a, b in TWOS:
        bridge = score.bridge(a, b)
        assert held_out(bridge, asked[a], asked[b]) > 0.85
        queried = score.query({a: asked[a]}, toward=b) @ score.items(b, asked[b]).T
        assert np.abs(queried - bridge.score(asked[a], asked[b])).max() < 1e-4
        alone = score.query({a: asked[a][:1]}, toward=b) @ score.items(b, asked[b]).T
        assert np.abs(queried[:1] - alone).max() < 1e-5


def test_a_trilinear_score_of_shuffled_rows_is_chance_and_of_rows_shuffled_together_the_same() -> (
    None
):
    taught, asked = three(0)
    order = np.random.default_rng(0).permutation(FITTED)

    score, again = fit_three(*taught), fit_three(*(one[order] for one in taught))
    broken = fit_three(taught[0], taught[1][order], taught[2][order[::-1]])

    scores, same = (one.bridge(0, 1).score(*asked[:2]) for one in (score, again))
    assert np.abs(scores - same).max() < 1e-3
    assert held_out(broken.bridge(0, 1), *asked[:2]) < 0.08


@pytest.mark.parametrize("fit", [fit_many, lambda views: fit_three(*views)], ids=["two", "three"])
def test_three_sides_that_are_no_pairs_are_refused(fit: Any) -> None:
    sides = turned(0, 50, (7, 8, 9))
    still = [sides[0], sides[1], np.ones_like(sides[2])]
    short = [sides[0], sides[1][:-1], sides[2]]
    unknown = [sides[0], sides[1], np.full_like(sides[2], np.nan)]

    for views in (still, short, unknown, [one[:1] for one in sides]):
        with pytest.raises(PairsError):
            fit(views)
    with pytest.raises(PairsError, match="nothing to be aligned with"):
        fit_many(sides[:1])


@pytest.mark.parametrize("known", [{}, {2: np.ones((1, 9), np.float32)}])
def test_a_trilinear_query_needs_something_else_than_what_it_looks_for(known: Any) -> None:
    with pytest.raises(ValueError, match="other modalities"):
        fit_three(*three(0)[0]).query(known, toward=2)


def test_every_kind_of_map_is_used_by_a_method() -> None:
    used = {type(side) for name in METHODS for side in (fitted(name).left, fitted(name).right)}

    assert used == set(KINDS.values())
