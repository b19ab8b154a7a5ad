"""Anchors between two encoders: rows that mean the same in both, known before any pair is given."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine import models
from engine.align.pairs import Pairs
from engine.arrays import unit_rows
from engine.bridges import starter, texts
from engine.ports import Encoder
from engine.types import Modality, Space, Vectors

Saw = Callable[[int, int], None]
"""Told of progress: how many of how many."""


def anchors(left: Encoder, right: Encoder, known: Sequence[Encoder], saw: Saw) -> Pairs | None:
    """What the two encoders have in common without any pair of the user's.

    Texts that a text tower of either space reads; for the starter's encoders the named pictures
    and sounds that its own bridges are fitted on.

    Args:
        left: one encoder.
        right: the other.
        known: all of the profile, among which text towers are looked for.
        saw: told of texts that are encoded; once, as they are cached.

    Returns:
        None where nothing is known of both.
    """
    shipped = _shipped(left.space, right.space)
    if shipped is not None:
        return shipped
    towers = [_tower(one.space, known) for one in (left, right)]
    first, second = towers
    if first is None or second is None:
        return None
    total = sum(len(texts.anchors()) for _ in {first.space.name, second.space.name})
    rows = texts.encoded(first, lambda done: saw(done, total))
    if first.space == second.space:
        return Pairs.of(rows, rows)
    return Pairs.of(rows, texts.encoded(second, lambda done: saw(len(rows) + done, total)))


def _tower(space: Space, known: Sequence[Encoder]) -> Encoder | None:
    ours = (one for one in known if one.space == space and one.modality is Modality.TEXT)
    return next(ours, None)


def _shipped(left: Space, right: Space) -> Pairs | None:
    """Pictures or sounds with their names, where one side is MiniLM's space of words."""
    media = next((one for one in (left, right) if one.name in _NAMED), None)
    if media is None or starter.word_space() not in {left, right}:
        return None
    features, words, sources = _rows(_NAMED[media.name])
    sides = (features, words) if media == left else (words, features)
    return replace(Pairs.of(*sides), blocks=sources)


_NAMED = {"efficientnet": "anchors", "soundfx": "sound_anchors"}
"""Which file has things with names, by the space that they lie in."""


def _rows(name: str) -> tuple[Vectors, Vectors, npt.NDArray[np.int8]]:
    """Features (n, d), words (n, 384), and the collection of each, which has a mean of its own."""
    from safetensors.numpy import load_file

    stored = load_file(Path(models.__file__).with_name(f"{name}.safetensors"))
    features, words = (
        stored[part].astype(np.float32) * stored[f"{part}_scale"] for part in ("features", "words")
    )
    sources = stored.get("sources", np.zeros(len(words), np.int8))
    return unit_rows(features), unit_rows(words), np.asarray(sources, dtype=np.int8)
