"""Values are checked when they are made."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.query import Query, Term
from engine.result import Hit
from engine.types import Embeddings, Modality, Ranking, Source, Space, Span, Vectors
from making import SPACE, ids, rows


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5)])
def test_a_span_has_a_length(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="0 <= start < end"):
        Span(start, end)


def test_a_space_has_a_dimension() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Space("x", 0, "f")


@pytest.mark.parametrize(
    ("known", "vectors", "match"),
    [
        (ids(1), rows([1, 0]), "wants"),
        (ids(1, 2), rows([1, 0, 0, 0]), "wants"),
        (ids(1), np.float32([[1, np.nan, 0, 0]]), "not finite"),
        (ids(1), np.float32([[1.1, 0, 0, 0]]), "unit length"),
        (ids(1), np.zeros((1, 4), np.float32), "unit length"),
        (ids(1, 1), rows([1, 0, 0, 0], [0, 1, 0, 0]), "not unique"),
    ],
)
def test_embeddings_are_finite_unit_rows_with_unique_ids(
    known: np.ndarray, vectors: Vectors, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        Embeddings(SPACE, known, vectors)


def test_the_scores_of_a_ranking_never_rise() -> None:
    source = Source("q", "toy", "image")

    assert len(Ranking(source, ids(1, 2), np.float32([2, 2]))) == 2
    with pytest.raises(ValueError, match="may not rise"):
        Ranking(source, ids(1, 2), np.float32([1, 2]))
    with pytest.raises(ValueError, match="2 ids but 1 scores"):
        Ranking(source, ids(1, 2), np.float32([1]))


def test_a_hit_says_why_it_is_there() -> None:
    with pytest.raises(ValueError, match="why"):
        Hit(Path("/a"), Modality.IMAGE, 1.0, None, ())


@pytest.mark.parametrize("empty", [None, "", "  \t\n"])
def test_an_empty_query_is_a_usage_error(empty: str | None) -> None:
    with pytest.raises(UsageError, match="query is empty"):
        Query(empty)


@given(words=st.text().filter(str.strip))
def test_the_words_of_a_query_become_one_term_without_the_space_around_them(words: str) -> None:
    assert Query(f"  {words}\n").terms == (Term(Modality.TEXT, words.strip()),)


def test_the_terms_of_a_query_are_the_words_and_then_the_files() -> None:
    query = Query("a dog", image="dog.jpg", audio=Path("bark.wav"), text_file="~/notes.txt")

    assert query.terms == (
        Term(Modality.TEXT, "a dog"),
        Term(Modality.IMAGE, Path("dog.jpg")),
        Term(Modality.AUDIO, Path("bark.wav")),
        Term(Modality.TEXT, Path("~/notes.txt").expanduser()),
    )
    assert [str(term) for term in query.terms] == ['"a dog"', "dog.jpg", "bark.wav", "notes.txt"]
