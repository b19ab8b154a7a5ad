"""Pairs, and bridges as they are written and read back."""

import json

import numpy as np
import pytest

from engine.align.bridge import Bridge, BridgeDamagedError, read, write
from engine.align.maps import Centred, Linear, likeliest
from engine.align.pairs import Pairs, PairsError
from planted import turned, weighed


def some(count: int = 40) -> Pairs:
    return Pairs.of(*turned(0, count))


def test_pairs_of_one_group_keep_one_number() -> None:
    pairs = Pairs.of(*turned(0, 4), groups=["b", "a", "b", "c"])

    assert pairs.groups.tolist() == [0, 1, 0, 2]
    assert pairs.take(np.array([2, 3])).groups.tolist() == [0, 2]
    assert len(pairs.take(pairs.groups == 0)) == 2


def test_every_pair_needs_a_group_a_weight_and_a_block() -> None:
    one = some(4)

    with pytest.raises(ValueError, match="every pair needs"):
        Pairs(one.left, one.right, one.groups[:3], one.weights, one.blocks)


def test_blocks_are_centred_apart_and_weighed() -> None:
    anchors, pairs = some(30), some(10)
    moved = Pairs.of(pairs.left + 5, pairs.right - 5)

    pooled = moved.pooled(anchors, 4.0)
    x, _ = pooled.apart()
    heavy, _ = pooled.centred()

    assert pooled.blocks.tolist() == [0] * 10 + [1] * 30
    assert pooled.weights.tolist() == [4] * 10 + [1] * 30
    assert len(set(pooled.groups.tolist())) == 40
    assert np.abs(x[:10].mean(axis=0)).max() < 1e-6
    assert np.abs(x[10:].mean(axis=0)).max() < 1e-6
    assert np.allclose(heavy, x * np.sqrt(pooled.weights)[:, None])
    assert np.allclose(pooled.means[0], moved.left.mean(axis=0), atol=1e-5)


def test_a_mean_knows_weights() -> None:
    pairs = some(3)
    heavy = weighed(pairs, np.array([2, 1, 1], np.float32))

    assert np.allclose(heavy.means[0], (2 * pairs.left[0] + pairs.left[1] + pairs.left[2]) / 4)


def test_some_of_them_are_the_same_in_any_order_and_all_have_a_say() -> None:
    pairs = some().pooled(Pairs.of(*turned(1, 60)), 0)
    order = np.random.default_rng(0).permutation(100)

    chosen, again = pairs.some(20), pairs.take(order).some(20)

    assert np.array_equal(chosen.left, again.left)
    assert np.array_equal(chosen.right, again.right)
    assert len(np.unique(chosen.groups)) == 20
    assert set(chosen.blocks.tolist()) == {1}
    assert len(pairs.some(500)) == 60


def test_directions_are_unit_rows_from_the_mean() -> None:
    pairs = some()

    found = pairs.directions().left

    expected = pairs.left - pairs.left.mean(axis=0)
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_one_pair_that_is_there_five_times_is_refused() -> None:
    with pytest.raises(PairsError, match="same in every pair"):
        Pairs.of(*(np.repeat(side, 5, axis=0) for side in turned(0, 1)))


def bridge() -> Bridge:
    mean = np.array([1, 2], np.float32)
    return Bridge(Linear(mean, np.eye(2, 3, dtype=np.float32)), Centred(np.ones(3, "f4")), "ridge")


def test_sides_that_arrive_apart_are_no_bridge() -> None:
    one = bridge()

    with pytest.raises(ValueError, match="3 and 2"):
        Bridge(one.left, Centred(np.ones(2, np.float32)), "ridge")


def test_a_bridge_is_asked_for_one_side_at_a_time() -> None:
    with pytest.raises(ValueError, match="left side or of the right"):
        bridge().apply()
    with pytest.raises(ValueError, match="left side or of the right"):
        bridge().apply(left=np.ones((1, 2), "f4"), right=np.ones((1, 3), "f4"))


def test_scores_are_cosines_of_what_both_sides_become() -> None:
    found = bridge().score(np.array([[2, 2]], "f4"), np.array([[3, 1, 1], [1, 1, 4]], "f4"))

    assert found.tolist() == [[1.0, 0.0]]


def test_a_written_bridge_is_numbers_and_words() -> None:
    numbers, told = write(bridge())

    known = json.loads(told)
    assert known == {
        "format": 1,
        "method": "ridge",
        "left": {"map": "linear"},
        "right": {"map": "centred"},
        "report": {},
    }
    assert isinstance(read(numbers, told).left, Linear)


@pytest.mark.parametrize(
    ("numbers", "told", "said"),
    [
        (b"", None, "cannot be read"),
        (None, "{", "cannot be read"),
        (None, "[]", "cannot be read"),
        (None, '{"format": 1}', "cannot be read"),
        (None, '{"format": 99}', "has format 99"),
        (
            None,
            '{"format": 1, "method": "x", "report": {}, "left": {"map": "magic"}, "right": {}}',
            "cannot be read",
        ),
    ],
)
def test_a_bridge_that_does_not_read_back_says_so(
    numbers: bytes | None, told: str | None, said: str
) -> None:
    good = write(bridge())

    with pytest.raises(BridgeDamagedError, match=said):
        read(good[0] if numbers is None else numbers, good[1] if told is None else told)


def test_a_bridge_cut_short_anywhere_says_so() -> None:
    numbers, told = write(bridge())

    for end in range(0, len(numbers), 7):
        with pytest.raises(BridgeDamagedError):
            read(numbers[:end], told)


def test_probabilities_sum_to_one_over_the_likeliest() -> None:
    found = likeliest(np.array([[0.0, np.log(3), -9.0], [5.0, 5.0, 5.0]]), temperature=1.0, top=2)

    assert np.allclose(found[0], [0.25, 0.75, 0])
    assert np.allclose(found[1], 1 / 3)
