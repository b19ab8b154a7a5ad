"""What encoders make of files becomes records; what they cannot make costs its own file."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from engine.encode.hashed import IMAGE, Hashed
from engine.errors import MediaError
from engine.ports import ImageRule
from engine.store.records import ContentRecord, SegmentRecord
from engine.types import Modality
from indexer.ahead import ahead
from indexer.embed import embed
from indexer.read import New, Prepared, Strand

SCALED = Hashed(IMAGE, Modality.IMAGE, ImageRule(8), lambda scale: np.full(64, scale))


def new(name: str, *scales: float) -> New:
    """A file with a strand for each number, whose vector is made of that."""
    strands = (
        Strand((SCALED,), (Prepared(SegmentRecord(None), (SCALED.prepare(one),), ()),), None)
        for one in scales
    )
    return New(name.encode(), Modality.IMAGE, "png", tuple(strands))


def test_a_vector_that_is_not_finite_costs_its_own_file() -> None:
    good, endless, nothing, last = embed(
        [new("a", 1.0), new("b", float("inf")), new("c", float("nan")), new("d", 2.0)]
    )

    assert isinstance(good, ContentRecord)
    assert isinstance(last, ContentRecord)
    for one in (endless, nothing):
        assert isinstance(one, MediaError)
        assert one.sentence == "undecodable: what comes of it are no finite numbers"


def test_a_track_whose_vectors_are_not_finite_is_left_out() -> None:
    (film,) = embed([replace(new("a", 1.0, float("inf")), modality=Modality.VIDEO)])

    assert isinstance(film, ContentRecord)
    assert len(film.views) == 1
    assert film.info["partial"]


def test_a_stop_waits_for_no_piece() -> None:
    """Its decoder is about to be ended; it may have gone on for a minute."""
    begun, ended = threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        begun.set()
        ended.wait(20)

    start = time.monotonic()
    with suppress(KeyboardInterrupt), ahead(slow(), 4) as items:
        assert next(items) == 1
        begun.wait(20)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 5
    ended.set()
