"""Words among the files of a library: a vocabulary, and its vectors where files are."""

import random
from collections.abc import Sequence
from functools import cache

import numpy as np

from engine.arrays import blocks, unit_rows
from engine.bridges.texts import anchors
from engine.errors import NoRouteError
from engine.profile import Profile, Route
from engine.types import Modality, Vectors

MOST_WORDS_OF_A_NAME = 2
"""Longer anchors are sentences, not names of things."""


@cache
def vocabulary() -> tuple[str, ...]:
    """Names of things, places, sounds and deeds, sorted: what clusters may be called."""
    short = {one.lower() for one in anchors() if 0 < len(one.split()) <= MOST_WORDS_OF_A_NAME}
    return tuple(sorted(one for one in short if not one.startswith(("a ", "an ", "the "))))


def some_words(count: int) -> list[str]:
    """So many of the vocabulary, always the same: what any file might be called by chance."""
    words = vocabulary()
    return random.Random(0).sample(words, min(count, len(words)))  # noqa: S311  (no secret)


def routes_to(profile: Profile, modality: Modality) -> tuple[Route, ...]:
    """The ways on which words reach files of a modality; none where there is no way."""
    try:
        return profile.routes(Modality.TEXT, modality)
    except NoRouteError:
        return ()


def word_rows(route: Route, words: Sequence[str]) -> Vectors:
    """Unit rows (n, dim) of words in the gallery that a route leads to."""
    encoder = route.encoder
    parts = [
        encoder.encode([encoder.prepare(word) for word in words[block]])
        for block in blocks(len(words), encoder.at_once)
    ]
    rows = np.concatenate(parts)
    if route.bridge is not None:
        return unit_rows(route.bridge.apply(rows) - route.bridge.arrival(0, None))
    if route.gallery.bridge is not None:
        return unit_rows(rows - route.gallery.bridge.query_mean)
    return rows
