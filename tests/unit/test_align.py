"""The mathematics of the bridges, on numbers small enough to follow and on planted pairs."""

import numpy as np
import pytest

from engine.align import anchored
from engine.align.aligner import aligner
from engine.align.conse import ConSE
from engine.align.maps import Exponential, Mixed, Relative
from engine.align.pairs import Pairs
from engine.arrays import unit_rows
from engine.types import Vectors

PAIRS, CLASSES, FEATURES, DEPTHS, WORDS = 60, 12, 24, 8, 16


def normal(seed: int, *shape: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def planted(*, shuffled: bool) -> tuple[dict[str, Vectors], Vectors, Vectors]:
    """A bridge fitted on pairs that share a hidden cause, and its own pictures and words."""
    cause = normal(0, PAIRS + CLASSES, 6)
    features = unit_rows(np.abs(cause @ normal(1, 6, FEATURES + DEPTHS)) + 0.1)
    classes = features[:CLASSES, :FEATURES]
    words = unit_rows(cause @ normal(2, 6, WORDS))
    told = words.copy()
    if shuffled:
        told[CLASSES:] = told[CLASSES:][np.random.default_rng(3).permutation(PAIRS)]
    pictures = features[CLASSES:]
    anchors = anchored.Anchors(
        classes=unit_rows(classes - classes.mean(axis=0)),
        features=pictures,
        sources=np.zeros(PAIRS, np.int8),
        words=told,
        bank=unit_rows(normal(4, 300, WORDS)),
    )
    return anchored.fit(anchors, rank=40), pictures, words[CLASSES:]


def found_first(fitted: dict[str, Vectors], pictures: Vectors, words: Vectors) -> float:
    """Share of words whose own picture scores best."""
    scores = anchored.queries(fitted, words) @ anchored.pictures(fitted, pictures).T
    return float(np.mean(scores.argmax(axis=1) == np.arange(len(words))))


def test_conse_mixes_classes_by_their_probability() -> None:
    """Logits ln 3 and 0 at temperature 1 weigh the two classes 3 : 1."""
    bridge = ConSE(np.eye(2, dtype=np.float32), temperature=1.0, top=2)

    mixed = bridge.combine(np.array([[np.log(3), 0]], np.float32))

    assert mixed[0].tolist() == pytest.approx([3 / 10**0.5, 1 / 10**0.5])


def test_conse_counts_only_the_likeliest_classes() -> None:
    bridge = ConSE(np.eye(3, dtype=np.float32), temperature=1.0, top=1)

    mixed = bridge.combine(np.array([[0.0, 2.0, 1.0]], np.float32))

    assert mixed[0].tolist() == pytest.approx([0, 1, 0])


def test_a_high_temperature_makes_conse_undecided() -> None:
    logits = np.array([[5.0, 0.0]], np.float32)
    cold, warm = (ConSE(np.eye(2, dtype=np.float32), t, 2).combine(logits)[0] for t in (1.0, 50.0))

    assert cold[1] < 0.01
    assert warm[1] > 0.5


def test_planted_pairs_find_each_other() -> None:
    assert found_first(*planted(shuffled=False)) > 0.8


def test_shuffling_one_side_ruins_the_bridge() -> None:
    assert found_first(*planted(shuffled=True)) < 0.2


def test_earlier_stages_tell_pictures_apart_where_the_last_one_sees_no_difference() -> None:
    """With the first components alike, chance would be 1 in 60 if the others did not count."""
    fitted, pictures, words = planted(shuffled=False)
    pictures[:, :FEATURES] = pictures[0, :FEATURES]

    assert found_first(fitted, pictures, words) > 0.5


def test_pictures_map_alike_alone_and_together() -> None:
    fitted, pictures, _ = planted(shuffled=False)
    together = anchored.pictures(fitted, pictures)
    alone = np.concatenate([anchored.pictures(fitted, row[None]) for row in pictures])

    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5


def anchor_pairs(count: int) -> tuple[Pairs, Vectors, Vectors]:
    """Pairs, and the unit rows of both sides as seen from their means."""
    pairs = Pairs.of(normal(5, count, 6), normal(6, count, 4))
    return pairs, *(unit_rows(side) for side in pairs.apart())


def test_relative_rows_are_powers_of_the_largest_cosines() -> None:
    pairs, left, _ = anchor_pairs(30)
    bridge = aligner("relative", top=5, power=3.0).fit(pairs)

    found = np.sort(bridge.apply(left=pairs.left), axis=1)[:, ::-1]

    cosines = np.sort(np.maximum(left @ left.T, 0), axis=1)[:, ::-1][:, :5] ** 3
    assert np.abs(found[:, :5] - unit_rows(cosines)).max() < 1e-5
    assert not found[:, 5:].any()


def test_the_logsumexp_bridge_scores_by_every_anchor_at_once() -> None:
    """But for the length of each row, which is an item's popularity."""
    pairs, left, right = anchor_pairs(30)
    bridge = aligner("logsumexp", temperature=0.2).fit(pairs)

    found = bridge.score(pairs.left, pairs.right)

    first, second = left @ left.T, right @ right.T
    summed = np.exp((first[:, None, :] + second[None, :, :]) / 0.2).sum(axis=2)
    lengths = [np.sqrt(np.exp(2 * one / 0.2).sum(axis=1)) for one in (first, second)]
    assert np.abs(found - summed / np.outer(*lengths)).max() < 1e-5


def test_conse_as_a_method_gives_a_left_anchor_its_right_side() -> None:
    pairs, _, right = anchor_pairs(30)
    bridge = aligner("conse", top=1).fit(pairs)

    assert np.abs(bridge.apply(left=pairs.left) - right).max() < 1e-5


@pytest.mark.parametrize("name", ["relative", "logsumexp", "conse"])
def test_no_more_anchors_are_kept_than_were_asked_for(name: str) -> None:
    bridge = aligner(name, anchors=10).fit(anchor_pairs(30)[0])

    assert isinstance(bridge.left, (Relative, Exponential, Mixed))
    assert len(bridge.left.anchors) == 10
