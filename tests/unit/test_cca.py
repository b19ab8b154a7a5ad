"""The laws of the text-anchored bridge, on planted pairs and on made-up worlds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.bridge import recall
from engine.align import cca
from engine.align.cca import CCA
from engine.types import Vectors

SEEDS = st.integers(0, 2**16)
few = settings(max_examples=25)


def planted(
    seed: int, count: int = 400, noise: float = 0.1, wide: int = 12, narrow: int = 9
) -> tuple[Vectors, Vectors]:
    """Rows of both sides: six causes, turned into each side's axes, and noise."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(count, 6)) * np.linspace(2, 1, 6)
    sides = []
    for dim in (wide, narrow):
        frame = np.linalg.qr(random.normal(size=(dim, 6)))[0].T
        rows = causes @ frame + noise * random.normal(size=(count, dim)) + random.normal(size=dim)
        sides.append(rows.astype(np.float32))
    return sides[0], sides[1]


def carried(fitted: CCA, x: Vectors, y: Vectors) -> tuple[Vectors, Vectors]:
    """Both sides in the common space, centred by the means of the texts."""
    return fitted.carry_x(x), fitted.carry_y(y)


def held_out(x: Vectors, y: Vectors) -> float:
    """R@1 on the last hundred pairs after fitting on the others."""
    fitted = cca.fit(x[:-100], y[:-100])
    return recall(*carried(fitted, x[-100:], y[-100:]))


@few
@given(seed=SEEDS)
def test_a_planted_rotation_is_found_again(seed: int) -> None:
    x, _ = planted(seed, wide=8, noise=0.5)
    turn = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(8, 8)))[0]
    y = (x @ turn + 3).astype(np.float32)

    fitted = cca.fit(x, y, ridge=0.01)

    left, right = carried(fitted, x, y)
    assert np.abs(left - right).max() < 1e-3
    assert fitted.correlations.shape == (8,)
    assert fitted.correlations.min() > 0.9


@few
@given(seed=SEEDS)
def test_held_out_partners_are_found_and_shuffling_one_side_ruins_it(seed: int) -> None:
    x, y = planted(seed, count=500)
    order = np.random.default_rng(seed).permutation(400)

    broken = np.concatenate([y[:400][order], y[400:]])

    assert held_out(x, y) > 0.9
    assert held_out(x, broken) < 0.2


@few
@given(seed=SEEDS)
def test_shuffling_both_sides_together_changes_nothing(seed: int) -> None:
    x, y = planted(seed)
    order = np.random.default_rng(seed).permutation(len(x))

    fitted, again = cca.fit(x, y, rank=6), cca.fit(x[order], y[order], rank=6)

    scores, same = (left @ right.T for left, right in (carried(f, x, y) for f in (fitted, again)))
    assert np.abs(scores - same).max() < 1e-4
    assert np.abs(fitted.correlations - again.correlations).max() < 1e-5


@few
@given(seed=SEEDS)
def test_exchanging_the_sides_exchanges_the_maps(seed: int) -> None:
    x, y = planted(seed)

    left, right = carried(cca.fit(x, y, rank=6), x, y)
    other_right, other_left = carried(cca.fit(y, x, rank=6), y, x)

    assert np.abs(left @ right.T - other_left @ other_right.T).max() < 1e-4


@few
@given(seed=SEEDS)
def test_rows_come_out_with_unit_length_and_alike_alone_and_in_a_batch(seed: int) -> None:
    x, y = planted(seed, count=40)
    fitted = cca.fit(x, y)

    for carry, rows in ((fitted.carry_x, x), (fitted.carry_y, y)):
        together = carry(rows)
        alone = np.concatenate([carry(rows[n : n + 1]) for n in range(len(rows))])
        assert together.dtype == np.float32
        assert together.shape == (40, len(fitted.correlations))
        assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
        assert np.abs(together - alone).max() < 1e-6


def test_no_rows_give_no_rows() -> None:
    fitted = cca.fit(*planted(0))

    assert fitted.carry_x(np.empty((0, 12), np.float32)).shape == (0, 9)


def test_the_same_rows_give_the_same_maps_with_fixed_signs() -> None:
    x, y = planted(0)

    fitted, again = cca.fit(x, y), cca.fit(x.copy(), y.copy())

    assert np.array_equal(fitted.map_x, again.map_x)
    assert np.array_equal(fitted.map_y, again.map_y)
    largest = np.abs(fitted.map_x).argmax(axis=0)
    assert (fitted.map_x[largest, np.arange(9)] > 0).all()
    assert {m.dtype for m in (fitted.map_x, fitted.map_y, fitted.mean_x)} == {np.dtype("f4")}


def test_signs_do_not_hang_on_the_sign_of_a_side() -> None:
    """A mirrored first side has the mirrored directions, and the convention turns them back."""
    x, y = planted(0)

    fitted, mirrored = cca.fit(x, y, rank=6), cca.fit(-x, y, rank=6)

    assert np.allclose(fitted.map_x, mirrored.map_x, atol=1e-5)
    assert np.allclose(fitted.map_y, -mirrored.map_y, atol=1e-5)


def test_the_inputs_are_left_as_they_are() -> None:
    x, y = (side.astype(np.float64) for side in planted(0))
    before = x.copy(), y.copy()

    carried(cca.fit(x, y), x, y)  # type: ignore[arg-type]

    assert np.array_equal(x, before[0])
    assert np.array_equal(y, before[1])


@pytest.mark.parametrize(("asked", "given_back"), [(4, 4), (9, 9), (500, 9)])
def test_the_rank_is_what_was_asked_or_what_there_is(asked: int, given_back: int) -> None:
    fitted = cca.fit(*planted(0), rank=asked)

    assert fitted.map_x.shape == (12, given_back)
    assert fitted.map_y.shape == (9, given_back)
    assert fitted.correlations.shape == (given_back,)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_fewer_rows_than_axes_work_and_give_no_more_axes_than_they_span(count: int) -> None:
    x, y = planted(0, count=count, wide=40, narrow=30)

    fitted = cca.fit(x, y)

    assert len(fitted.correlations) == count - 1
    assert recall(*carried(fitted, x, y)) == 1.0


def test_correlations_fall_and_stay_within_0_and_1() -> None:
    found = cca.fit(*planted(0)).correlations

    assert (np.diff(found) <= 0).all()
    assert found[0] <= 1
    assert found[-1] > 0


def test_more_noise_gives_lower_correlations() -> None:
    heights = [cca.fit(*planted(0, noise=n)).correlations[:6].mean() for n in (0.1, 0.5, 1, 2)]

    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[-1] > 0.3


def test_the_power_weighs_the_directions_by_their_correlation() -> None:
    x, y = planted(0)
    plain, weighted = cca.fit(x, y, power=0), cca.fit(x, y, power=2)

    assert np.allclose(plain.map_x * plain.correlations, weighted.map_x, atol=1e-5)
    assert np.allclose(plain.map_y * plain.correlations, weighted.map_y, atol=1e-5)


def test_unridged_directions_are_the_canonical_ones() -> None:
    """Hotelling: variates of unit variance, uncorrelated but for each with its partner."""
    x, y = planted(0)
    fitted = cca.fit(x, y, ridge=0, power=0)
    left, right = (x - x.mean(axis=0)) @ fitted.map_x, (y - y.mean(axis=0)) @ fitted.map_y

    assert np.allclose(left.T @ left / len(x), np.eye(9), atol=1e-3)
    assert np.allclose(right.T @ right / len(x), np.eye(9), atol=1e-3)
    assert np.allclose(left.T @ right / len(x), np.diag(fitted.correlations), atol=1e-3)


def test_an_own_mean_undoes_a_shift_of_the_whole_kind() -> None:
    x, y = planted(0)
    fitted = cca.fit(x, y)

    for carry, rows in ((fitted.carry_x, x), (fitted.carry_y, y)):
        shifted = rows + np.float32(2)
        found = carry(shifted, shifted.mean(axis=0))
        assert np.abs(found - carry(rows)).max() < 1e-5
        assert np.abs(carry(shifted) - carry(rows)).max() > 0.1


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_flat_axes_and_repeated_rows_stay_finite(ridge: float) -> None:
    x, y = planted(0, count=50)
    x[:, 3] = 1.0
    y[:, 0] = y[:, 1]
    x, y = np.repeat(x, 3, axis=0), np.repeat(y, 3, axis=0)

    fitted = cca.fit(x, y, ridge=ridge)

    for values in (fitted.map_x, fitted.map_y, fitted.correlations, *carried(fitted, x, y)):
        assert np.isfinite(values).all()
    assert np.abs(fitted.map_x[3]).max() < 1e-5


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_a_side_that_never_varies_is_finite_and_has_nothing_in_common(ridge: float) -> None:
    x, y = planted(0)
    still = np.ones_like(y)

    fitted = cca.fit(x, still, ridge=ridge)

    assert fitted.correlations.tolist() == [0.0]
    assert np.isfinite(fitted.map_x).all()
    assert np.array_equal(fitted.carry_y(still), np.ones((len(y), 1), np.float32))


@pytest.mark.parametrize(
    ("x", "y", "rank"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), 1),
        (np.ones((1, 2)), np.ones((1, 2)), 1),
        (np.ones((3, 2)), np.ones((3, 2)), 0),
        (np.ones((3, 2)), np.full((3, 2), np.nan), 1),
    ],
)
def test_rows_that_are_no_pairs_are_refused(x: Vectors, y: Vectors, rank: int) -> None:
    with pytest.raises(ValueError, match=r"pairs|axis|finite"):
        cca.fit(x, y, rank=rank)


@given(count=st.integers(0, 500), seed=SEEDS)
def test_a_shrunk_mean_lies_between_the_prior_and_the_rows(count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    prior = np.array([1, 2, 3], np.float32)

    own = rows.mean(axis=0) if count else prior
    found = cca.shrunk_mean(count, own, prior, 200)

    assert found.dtype == np.float32
    assert np.allclose(found, prior + (own - prior) * count / (count + 200), atol=1e-5)


def test_a_mean_of_nothing_needs_a_prior() -> None:
    with pytest.raises(ValueError, match="prior"):
        cca.shrunk_mean(0, np.zeros(3, np.float32), np.zeros(3, np.float32), weight=0)
