"""The laws of a vector index, over every adapter, with the flat one as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import vectors
from engine.arrays import through_half
from engine.bundle import Memory
from engine.ports import VectorIndex
from engine.types import Ids, Scores, Vectors
from engine.vectors import VectorIndexKind
from engine.vectors.flat import FlatIndex
from engine.vectors.rows import Rows
from engine.vectors.scan import ScanIndex
from making import ids, rows, some_rows
from strategies import asked, stored

TOLERANCE = 1e-5


@pytest.fixture(params=vectors.names())
def kind(request: pytest.FixtureRequest) -> VectorIndexKind:
    return vectors.kind(request.param)


def filled(kind: VectorIndexKind, known: Ids, added: Vectors) -> VectorIndex:
    return kind.build(known, Rows(added.astype(np.float16)), Memory())


def assert_agrees(
    found: tuple[Ids, Scores], known: Ids, added: Vectors, query: Vectors, k: int
) -> None:
    """The same scores as the oracle's, and each id with its own score: ties may differ."""
    oracle = filled(FlatIndex, known, added)
    everything = dict(zip(*(a.tolist() for a in oracle.search(query, len(known))), strict=True))
    _, expected = oracle.search(query, k)
    found_ids, scores = found

    assert np.allclose(scores, expected, atol=TOLERANCE)
    assert scores.shape == found_ids.shape == (min(k, len(known)),)
    assert len(set(found_ids.tolist())) == len(found_ids)
    assert np.allclose([everything[i] for i in found_ids.tolist()], scores, atol=TOLERANCE)


@given(case=asked(), k=st.integers(0, 40))
def test_it_agrees_with_the_oracle_ties_aside(
    kind: VectorIndexKind, case: tuple[Ids, Vectors, Vectors], k: int
) -> None:
    known, added, query = case
    found = filled(kind, known, added).search(query, k)

    assert_agrees(found, known, added, query, k)


def test_it_agrees_with_the_oracle_on_many_rows(kind: VectorIndexKind) -> None:
    added = some_rows(1500, dim=96)
    known = np.sort(np.random.default_rng(1).permutation(10_000)[:1500]).astype(np.int64)
    index = filled(kind, known, added)

    for query in some_rows(5, dim=96, seed=2):
        assert_agrees(index.search(query, 100), known, added, query, 100)


@given(case=stored(least=1))
def test_a_stored_vector_finds_itself_first(
    kind: VectorIndexKind, case: tuple[Ids, Vectors]
) -> None:
    known, added = case
    index = filled(kind, known, added)
    row_of = dict(zip(known.tolist(), through_half(added), strict=True))

    for row in added:
        first, _ = index.search(row, 1)
        assert np.array_equal(row_of[first[0]], through_half(row))


def test_equal_scores_come_in_the_order_of_ids(kind: VectorIndexKind) -> None:
    index = filled(kind, ids(3, 5, 7, 9), rows([1, 0], [1, 0], [0, 1], [1, 0]))

    found, scores = index.search(rows([1, 0])[0], 4)

    assert found.tolist() == [3, 5, 9, 7]
    assert scores.tolist() == [1, 1, 1, 0]


def test_a_large_component_of_few_rows_makes_nobody_coarse(kind: VectorIndexKind) -> None:
    """What rounding takes from most rows must not depend on an odd one; nor may that be lost."""
    added = some_rows(20_000, dim=32)
    added[777] = np.eye(32)[5]
    known = np.arange(20_000, dtype=np.int64)
    index = filled(kind, known, added)

    assert index.search(added[777], 1)[0].tolist() == [777]
    for query in some_rows(3, dim=32, seed=5):
        assert_agrees(index.search(query, 10), known, added, query, 10)


@pytest.mark.parametrize("asked_for", [1.0, 0.0])
def test_a_bias_is_one_component_more(kind: VectorIndexKind, asked_for: float) -> None:
    added = some_rows(3_000, dim=16)
    bias = np.random.default_rng(1).normal(0, 0.3, 3_000).astype(np.float32)
    known = np.arange(3_000, dtype=np.int64)
    index = kind.build(known, Rows(added.astype(np.float16), bias), Memory())
    oracle = through_half(added)

    for query in some_rows(3, dim=16, seed=5):
        found, scores = index.search(np.append(query, np.float32(asked_for)), 50)
        expected = oracle @ query + asked_for * bias
        assert np.allclose(scores, np.sort(expected)[::-1][:50], atol=1e-3)
        assert np.allclose(scores, expected[found], atol=1e-3)


@given(case=asked(), k=st.integers(1, 40))
def test_what_was_kept_and_loaded_answers_alike(
    kind: VectorIndexKind, case: tuple[Ids, Vectors, Vectors], k: int
) -> None:
    known, added, query = case
    kept = Memory()
    halves = Rows(added.astype(np.float16))
    index = kind.build(known, halves, kept)

    again = kind.load(known, halves, kept)

    for before, after in zip(index.search(query, k), again.search(query, k), strict=True):
        assert before.dtype == after.dtype
        assert np.array_equal(before, after)


def test_an_empty_index_finds_nothing(kind: VectorIndexKind) -> None:
    index = filled(kind, ids(), np.empty((0, 3), np.float32))
    found, scores = index.search(rows([1, 0, 0])[0], 10)

    assert (found.shape, found.dtype) == ((0,), np.int64)
    assert (scores.shape, scores.dtype) == ((0,), np.float32)


@given(case=asked(least=1))
def test_answers_have_the_types_of_the_port(
    kind: VectorIndexKind, case: tuple[Ids, Vectors, Vectors]
) -> None:
    known, added, query = case
    found, scores = filled(kind, known, added).search(query, 3)

    assert (found.dtype, scores.dtype) == (np.int64, np.float32)


@given(case=asked(), k=st.integers(0, 40), seed=st.integers(0, 99))
def test_of_chosen_rows_it_finds_what_a_search_of_all_finds_among_these(
    kind: VectorIndexKind, case: tuple[Ids, Vectors, Vectors], k: int, seed: int
) -> None:
    known, added, query = case
    chosen = np.random.default_rng(seed).permutation(known)[: len(known) // 2]
    strange = np.array([-5], dtype=np.int64)
    kept = np.isin(known, chosen)

    found = filled(kind, known, added).search(query, k, np.concatenate([chosen, strange]))

    assert_agrees(found, known[kept], added[kept], query, k)


@pytest.mark.parametrize("share", [0.5, 0.01, 0.0002])
def test_chosen_rows_of_many_agree_with_the_oracle(kind: VectorIndexKind, share: float) -> None:
    added = some_rows(25_000, dim=8)
    known = np.arange(100, 25_100, dtype=np.int64)
    chosen = np.random.default_rng(3).permutation(known)[: int(share * len(known))]
    kept = np.isin(known, chosen)
    index = filled(kind, known, added)

    for query in some_rows(3, dim=8, seed=2):
        assert_agrees(index.search(query, 60, chosen), known[kept], added[kept], query, 60)


@pytest.mark.parametrize("count", [0, 1, 2, 70])
def test_many_queries_at_once_are_answered_as_one_by_one(count: int) -> None:
    added = some_rows(40_000, dim=24)
    known = np.arange(100, 40_100, dtype=np.int64)
    for bias in (None, np.random.default_rng(1).normal(0, 0.3, 40_000).astype(np.float32)):
        rows = Rows(added.astype(np.float16), bias)
        index = ScanIndex.build(known, rows, Memory())
        queries = some_rows(count, dim=rows.dim, seed=3)

        for query, (found, scores) in zip(queries, index.search_many(queries, 20), strict=True):
            expected_ids, expected = index.search(query, 20)
            assert found.tolist() == expected_ids.tolist()
            assert np.allclose(scores, expected, atol=TOLERANCE)
