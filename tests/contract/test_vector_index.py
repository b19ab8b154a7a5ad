"""The laws of a vector index, over every adapter, with the flat one as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import vectors
from engine.arrays import through_half
from engine.ports import VectorIndex
from engine.types import Ids, Scores, Vectors
from engine.vectors import VectorIndexKind
from engine.vectors.flat import FlatIndex
from making import ids, rows, some_rows
from strategies import asked, stored

TOLERANCE = 1e-5


@pytest.fixture(params=vectors.names())
def kind(request: pytest.FixtureRequest) -> VectorIndexKind:
    return vectors.kind(request.param)


def filled(kind: VectorIndexKind, known: Ids, added: Vectors) -> VectorIndex:
    index = kind(added.shape[1])
    index.add(known, added)
    return index


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
    known = np.random.default_rng(1).permutation(10_000)[:1500].astype(np.int64)
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
    index = filled(kind, ids(9, 3, 7, 5), rows([1, 0], [1, 0], [0, 1], [1, 0]))

    found, scores = index.search(rows([1, 0])[0], 4)

    assert found.tolist() == [3, 5, 9, 7]
    assert scores.tolist() == [1, 1, 1, 0]


@given(case=asked(least=1), data=st.data())
def test_what_was_removed_is_gone_and_the_rest_stays(
    kind: VectorIndexKind, case: tuple[Ids, Vectors, Vectors], data: st.DataObject
) -> None:
    known, added, query = case
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(known), max_size=len(known))))
    index = filled(kind, known, added)

    index.remove(known[~kept])

    assert len(index) == kept.sum()
    assert_agrees(index.search(query, 40), known[kept], added[kept], query, 40)


def test_an_id_that_was_removed_may_come_back_with_another_row(kind: VectorIndexKind) -> None:
    index = filled(kind, ids(1, 2), rows([1, 0], [0, 1]))
    index.remove(ids(1))
    index.add(ids(1), rows([0, -1]))

    found, scores = index.search(rows([0, 1])[0], 5)

    assert (found.tolist(), scores.tolist()) == ([2, 1], [1, -1])


@given(case=asked(), k=st.integers(1, 40))
def test_what_was_dumped_and_loaded_answers_alike(
    kind: VectorIndexKind, case: tuple[Ids, Vectors, Vectors], k: int
) -> None:
    known, added, query = case
    index = filled(kind, known, added)

    again = kind.load(index.dump())

    assert (again.dim, len(again)) == (index.dim, len(index))
    for before, after in zip(index.search(query, k), again.search(query, k), strict=True):
        assert before.dtype == after.dtype
        assert np.array_equal(before, after)


def test_a_loaded_index_takes_and_gives_up_rows(kind: VectorIndexKind) -> None:
    index = kind.load(memoryview(filled(kind, ids(4, 2), rows([1, 0], [0, 1])).dump()))
    index.add(ids(3), rows([1, 1]))
    index.remove(ids(4))

    found, _ = index.search(rows([1, 0])[0], 5)

    assert found.tolist() == [3, 2]


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_dump_that_was_cut_off_is_refused(kind: VectorIndexKind, cut: float) -> None:
    dumped = filled(kind, np.arange(20), some_rows(20)).dump()

    with pytest.raises(ValueError, match="dumped index"):
        kind.load(dumped[: int(cut * len(dumped))])


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\0" * 64, b"\xff" * 64, b"no index at all, only words"],
    ids=["empty", "zeros", "ones", "words"],
)
def test_bytes_that_are_no_dump_are_refused(kind: VectorIndexKind, damaged: bytes) -> None:
    with pytest.raises(ValueError, match="dumped index"):
        kind.load(damaged)


def test_a_dump_of_another_kind_is_refused(kind: VectorIndexKind) -> None:
    others = [vectors.kind(n) for n in vectors.names() if vectors.kind(n) is not kind]

    for other in others:
        with pytest.raises(ValueError, match="dumped index"):
            kind.load(filled(other, np.arange(20), some_rows(20)).dump())


@pytest.mark.parametrize("again", [[2], [5, 5]])
def test_an_id_is_added_once_only(kind: VectorIndexKind, again: list[int]) -> None:
    index = filled(kind, ids(1, 2), rows([1, 0], [0, 1]))

    with pytest.raises(ValueError, match="once only"):
        index.add(ids(*again), some_rows(len(again), dim=2))
    assert len(index) == 2


def test_an_unknown_id_cannot_be_removed_and_takes_nothing_with_it(kind: VectorIndexKind) -> None:
    index = filled(kind, ids(1, 2), rows([1, 0], [0, 1]))

    with pytest.raises(KeyError):
        index.remove(ids(1, 3))
    assert len(index) == 2


def test_an_empty_index_finds_nothing(kind: VectorIndexKind) -> None:
    found, scores = kind(3).search(rows([1, 0, 0])[0], 10)

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


@given(case=stored())
def test_rows_read_back_by_id_in_the_order_that_is_asked(
    kind: VectorIndexKind, case: tuple[Ids, Vectors]
) -> None:
    known, added = case
    index = filled(kind, known, added)

    assert np.array_equal(index.rows(known[::-1]), through_half(added)[::-1])
    with pytest.raises(KeyError):
        index.rows(np.array([*known.tolist(), -7], dtype=np.int64))
