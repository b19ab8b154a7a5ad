"""Hypothesis strategies for the values that cross boundaries."""

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.arrays import unit_rows
from engine.types import Ids, Ranking, Vectors
from making import ids, ranking

MAX_DIM = 8


def unit_vectors(count: int, dim: int) -> st.SearchStrategy[Vectors]:
    """Unit rows on a coarse grid, so that equal rows and equal scores are common."""
    grid = hnp.arrays("float32", (count, dim), elements=st.integers(-3, 3).map(float))
    return grid.map(unit_rows)


@st.composite
def stored(draw: st.DrawFn, least: int = 0) -> tuple[Ids, Vectors]:
    """Ids that ascend, with a row for each."""
    known = draw(st.lists(st.integers(0, 2**62), min_size=least, max_size=30, unique=True))
    dim = draw(st.integers(1, MAX_DIM))
    return ids(*sorted(known)), draw(unit_vectors(len(known), dim))


@st.composite
def asked(draw: st.DrawFn, least: int = 0) -> tuple[Ids, Vectors, Vectors]:
    """Ids, a row for each, and a query vector."""
    known, vectors = draw(stored(least))
    return known, vectors, draw(unit_vectors(1, vectors.shape[1]))[0]


def rankings() -> st.SearchStrategy[Ranking]:
    """Rankings of few ids with few distinct scores, so that they overlap and tie."""
    scores = st.integers(-8, 8).map(lambda eighths: eighths / 8) | st.floats(-5, 5, width=32)
    return st.dictionaries(st.integers(1, 12), scores, max_size=12).map(ranking)
