"""The way of sounds to words, on random heads and planted names."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from engine.align import heard
from engine.arrays import unit_rows
from engine.types import Vectors

SOUNDS, FEATURES, WORDS = 80, 16, 12
OUTPUTS = (9, 8, 7)


def normal(seed: int, *shape: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def layers() -> dict[str, Vectors]:
    """Three heads whose logits tell features apart."""
    found = {}
    for head, outputs in enumerate(OUTPUTS):
        widths = (FEATURES, 32, 24, outputs)
        for layer, (before, after) in zip(heard.LAYERS, pairwise(widths), strict=True):
            seed = 10 * head + layer
            found[f"head_{head}.{layer}.weight"] = normal(seed, after, before) / np.sqrt(before)
            found[f"head_{head}.{layer}.bias"] = normal(100 + seed, after) / 10
    return found


def outputs_words() -> list[Vectors]:
    return [unit_rows(normal(30 + head, count, WORDS)) for head, count in enumerate(OUTPUTS)]


def planted(names: Sequence[int], seed: int) -> Vectors:
    """Features of sounds: those of one name lie together."""
    centres = unit_rows(normal(1, 10, FEATURES))
    return unit_rows(centres[list(names)] + 0.1 * normal(seed, len(names), FEATURES))


def share_named(*, told: Sequence[int]) -> float:
    """How many unheard sounds meet their own name first, by anchors that are told these names."""
    names = [n % 10 for n in range(SOUNDS)]
    words = unit_rows(normal(2, 10, WORDS))
    heads = layers()
    fitted = heard.fit(heads, planted(names, 3), told)
    known = heard.words_in(fitted["solved"], outputs_words(), words[list(told)])
    explained = heard.explain(heads | fitted, planted(names, 4))
    rows = heard.rows(explained, known)
    return float(np.mean((words @ rows.T).argmax(axis=0) == names))


def test_a_sound_like_named_ones_meets_their_name() -> None:
    assert share_named(told=[n % 10 for n in range(SOUNDS)]) > 0.8


def test_shuffled_names_are_worth_nothing() -> None:
    told = np.random.default_rng(5).permutation([n % 10 for n in range(SOUNDS)])
    assert share_named(told=told.tolist()) < 0.35


def test_rows_turn_with_the_space_of_the_words() -> None:
    """One explanation serves every space: carried words give carried rows."""
    heads, anchors = layers(), unit_rows(normal(6, SOUNDS, WORDS))
    fitted = heard.fit(heads, unit_rows(normal(7, SOUNDS, FEATURES)), range(SOUNDS))
    explained = heard.explain(heads | fitted, unit_rows(normal(8, 5, FEATURES)))
    turn, _ = np.linalg.qr(normal(9, WORDS, WORDS))
    plain = heard.words_in(fitted["solved"], outputs_words(), anchors)
    turned = heard.words_in(
        fitted["solved"], [one @ turn for one in outputs_words()], anchors @ turn
    )
    assert np.allclose(
        heard.rows(explained, plain) @ turn, heard.rows(explained, turned), atol=1e-4
    )


def test_a_word_that_all_anchors_share_says_nothing() -> None:
    """Only what sets a sound apart from the other anchors may move it."""
    heads = layers()
    fitted = heard.fit(heads, unit_rows(normal(7, SOUNDS, FEATURES)), range(SOUNDS))
    shared = np.ones((SOUNDS, WORDS), np.float32)
    known = heard.words_in(fitted["solved"], outputs_words(), shared)
    assert np.abs(known.anchors).max() < 1e-3


def test_many_sounds_of_one_name_weigh_less_each() -> None:
    """A name with a hundred sounds must not drown one with a single sound."""
    features = np.repeat(unit_rows(normal(11, 2, FEATURES)), (30, 1), axis=0)
    alone = heard.fit(layers(), features, range(31))["solved"]
    shared = heard.fit(layers(), features, [0] * 30 + [1])["solved"]
    assert abs(shared[0, 0]) < abs(alone[0, 0])
