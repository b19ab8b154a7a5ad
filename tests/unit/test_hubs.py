"""Hubs are held back where a library's own names show that it helps, and nowhere else."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import through_half, unit_rows
from engine.gallery import Gallery, GalleryKey, freely
from engine.rank.hubness import METHODS, Bias, csls, inverted_softmax, nnn
from engine.search import hubs
from engine.store.records import Found
from engine.store.texts import named
from engine.types import Embeddings, Ids, Modality, Scores, Space, Vectors
from making import ROOT, some_rows
from strategies import unit_vectors

DIM = 24
WIDE = Space("wide", DIM, "wide-1")
KEY = GalleryKey(Modality.IMAGE, WIDE, WIDE)
COUNT, HUBS = 300, 5


class World:
    """Things with a row each, texts that name them, and a few hubs near to every text."""

    def __init__(self, *, hubs_there: bool = True, meaning: float = 1.0) -> None:
        common = np.zeros(DIM, np.float32)
        common[0] = 1.0
        things = some_rows(COUNT, DIM, seed=1)
        noise = some_rows(COUNT, DIM, seed=2)
        self.queries = unit_rows(common + meaning * things + 0.4 * noise)
        plain = some_rows(200, DIM, seed=3)
        self.general = unit_rows(common + plain)
        self.rows = things.copy()
        if hubs_there:
            self.rows[:HUBS] = unit_rows(common + 0.2 * things[:HUBS])
        self.contents: Ids = np.arange(COUNT, dtype=np.int64)

    def pairs(self, asked: Sequence[int], names: Ids | None = None) -> hubs.Pairs:
        names = self.contents if names is None else names
        answers = tuple(frozenset({int(names[at])}) for at in asked)
        return hubs.Pairs(self.queries[list(asked)], answers)

    def alpha(self, pairs: hubs.Pairs) -> float | None:
        return hubs.alpha_that_helps(self.rows, self.contents, self.general, pairs)


NAMED = range(HUBS, COUNT)


def test_a_hub_comes_first_without_the_correction_and_not_with_it() -> None:
    world = World()
    alpha = world.alpha(world.pairs(NAMED))
    assert alpha is not None
    bank = np.concatenate([world.general, world.queries])
    gallery = built(world.rows, alpha * hubs.biases(world.rows, bank))
    asked = world.queries[HUBS:]

    held = [gallery.search(one, 1)[0][0] for one in asked]
    free = [gallery.search(freely(one), 1)[0][0] for one in asked]

    assert gallery.biased
    assert np.mean(np.array(free) < HUBS) > 0.5
    assert np.mean(np.array(held) < HUBS) < 0.05
    assert np.mean(np.array(held) == NAMED) > 0.8


def test_names_that_mean_nothing_leave_it_off() -> None:
    world = World()
    shuffled = np.random.default_rng(0).permutation(np.arange(HUBS, COUNT))
    names = np.concatenate([np.arange(HUBS), shuffled])

    assert world.alpha(world.pairs(NAMED)) is not None
    assert world.alpha(world.pairs(NAMED, names)) is None


def test_few_pairs_leave_it_off() -> None:
    world = World()

    assert world.alpha(world.pairs(range(HUBS, HUBS + hubs.LEAST_PAIRS))) is not None
    assert world.alpha(world.pairs(range(HUBS, HUBS + hubs.LEAST_PAIRS - 1))) is None


def test_where_every_name_finds_its_file_nothing_is_held_back() -> None:
    world = World(hubs_there=False, meaning=6.0)

    assert world.alpha(world.pairs(NAMED)) is None


def test_what_harms_is_left_off() -> None:
    """The rows near to every query are what most names mean."""
    world = World()
    world.queries[HUBS:] = unit_rows(world.rows[:1] + 0.3 * world.queries[HUBS:])
    answers = tuple(frozenset({0}) for _ in NAMED)

    assert world.alpha(hubs.Pairs(world.queries[HUBS:], answers)) is None


def test_names_that_many_share_are_no_pairs() -> None:
    texts = {"a cat": frozenset({1}), "a dog": frozenset(range(hubs.SHARED + 1))}

    pairs = hubs.pairs_of(texts, some_rows(2, DIM))

    assert pairs.telling.tolist() == [0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("african_elephant-02.jpg", "african elephant"),
        ("rainForest.png", "rain forest"),
        ("Portrait of Ann.jpg", "portrait of ann"),
        ("сова.jpg", "сова"),
        ("猫.jpg", "猫"),
        ("IMG_1234.JPG", ""),
        ("DSC00012 (2).png", ""),
        ("PXL_20230101_123456789.jpg", ""),
        ("Screenshot 2024-01-01.png", ""),
        ("0001.png", ""),
        ("a.png", ""),
        ("", ""),
    ],
)
def test_names_of_words_are_told_from_numbers_and_cameras(name: str, words: str) -> None:
    assert named(name) == words


def test_own_texts_are_names_and_captions_but_no_subtitles_and_long_texts() -> None:
    found = [
        entry("a/owl.jpg", 1),
        entry("b/owl.jpg", 2),
        entry("IMG_1.jpg", 3),
        entry("IMG_1.jpg", 3, "An owl at  night.", caption=True),
        entry("IMG_1.jpg", 3, "word " * 100, caption=True),
    ]

    assert hubs.own_texts(found) == {
        "owl": frozenset({1, 2}),
        "An owl at night.": frozenset({3}),
    }


@pytest.mark.parametrize("at_once", [20, 23, 1_000])
def test_own_texts_are_limited_and_mostly_stay_when_more_come(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "OWN_TEXTS", 20)
    monkeypatch.setattr(hubs, "_TEXTS_AT_ONCE", at_once)
    letters = "abcdefghijklmnopqrstuvwxyz"
    entries = [entry(f"{a}{b}o.jpg", n) for n, (a, b) in enumerate(pairwise(letters))]

    few, more = set(hubs.own_texts(entries[:22])), set(hubs.own_texts(entries))

    assert len(few) == 20
    assert more == set(sorted((f"{a}{b}o" for a, b in pairwise(letters)), key=hubs._digest)[:20])
    assert len(few & more) >= 16


def test_the_best_of_several_rows_counts_for_a_content_and_ties_share_places() -> None:
    rows = np.float32([[1, 0], [0, 1], [0.6, 0.8], [0.6, 0.8]])
    contents = np.array([7, 7, 8, 9])
    query = np.float32([[0.8, 0.6]])
    none = np.zeros(4, np.float32)
    held = np.float32([0, 0, 0.5, 0])

    ranks = hubs.ranked(rows, contents, query, [frozenset({8})], [none, held])

    assert ranks.ravel().tolist() == pytest.approx([1 / 1.5, 1 / 3])


# --- laws ------------------------------------------------------------------------------------

banks = st.tuples(unit_vectors(12, 5), unit_vectors(9, 5), unit_vectors(1, 5))
methods = pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))


@methods
@given(made=banks, turn=st.integers(0, 11))
def test_equal_hubness_leaves_every_order_as_it_is(
    method: Bias, made: tuple[Vectors, Vectors, Vectors], turn: int
) -> None:
    """Each row has the same products with the bank, in another order."""
    bank, rows, query = made
    products = np.stack([np.roll(bank[:, 0], turn + n) for n in range(len(rows))], axis=1)

    scores = rows @ query[0]

    assert np.ptp(method(products)) < 1e-5
    assert np.allclose(
        np.sort(scores - method(products)), np.sort(scores) - method(products)[0], atol=1e-5
    )


@methods
@given(made=banks)
def test_a_row_nearer_to_the_whole_bank_is_held_back_more(
    method: Bias, made: tuple[Vectors, Vectors, Vectors]
) -> None:
    bank, rows, _ = made
    products = bank @ rows.T
    nearer = products.copy()
    nearer[:, 0] += 0.25

    changed = method(nearer) - method(products)

    assert changed[0] > 0.1
    assert np.allclose(changed[1:], 0)


@methods
@pytest.mark.parametrize("index", ["flat", "faiss"])
@given(made=banks, k=st.integers(1, 9))
def test_the_index_gives_what_arithmetic_gives(
    index: str, method: Bias, made: tuple[Vectors, Vectors, Vectors], k: int
) -> None:
    bank, rows, query = made
    bias = method(bank @ rows.T)
    gallery = built(rows, bias, index)
    expected = rows @ query[0] - bias

    for one, scores in ((query[0], expected), (freely(query[0]), rows @ query[0])):
        found, products = gallery.search(one, k)
        assert np.allclose(products, np.sort(scores)[::-1][:k], atol=4e-3)
        assert np.allclose(scores[found], products, atol=4e-3)
        assert np.allclose(gallery.products(one, found), products, atol=1e-5)
        extended = through_half(np.concatenate([rows, -bias[:, None]], axis=1))
        asked = one if len(one) > rows.shape[1] else np.append(one, np.float32(1))
        average = (extended @ asked).mean()
        assert gallery.calibrate(one, np.float32([average])) == pytest.approx(0, abs=1e-3)


def test_formulas_agree_with_the_papers_on_a_small_table() -> None:
    table = np.float32([[0.1, 0.9], [0.3, 0.5], [0.2, 0.1]])

    assert nnn(table, alpha=0.5, near=2) == pytest.approx([0.125, 0.35])
    assert csls(table, near=2) == pytest.approx([0.125, 0.35])
    expected = np.log(np.exp(20 * table.astype(np.float64)).sum(axis=0)) / 20
    assert inverted_softmax(table) == pytest.approx(expected, abs=1e-6)


class Given:
    """A tuner with a bias that was chosen beforehand."""

    def __init__(self, bias: Scores, words: Vectors) -> None:
        self.held, self.words = bias, words

    def plain(self, key: GalleryKey) -> dict[Modality, Vectors]:
        del key
        return {Modality.TEXT: self.words, Modality.AUDIO: self.words}

    def bias(self, key: GalleryKey, ids: Ids, rows: Vectors) -> Scores:
        del key, ids, rows
        return self.held


def built(rows: Vectors, bias: Scores, index: str = "flat") -> Gallery:
    """A gallery of these rows, numbered from 0."""
    space = Space("law", rows.shape[1], "law-1")
    key = GalleryKey(Modality.IMAGE, space, space)
    native = Embeddings(space, np.arange(len(rows), dtype=np.int64), rows)
    tuner = Given(bias, some_rows(30, rows.shape[1], seed=4))
    return Gallery.build(key, native, index, tuner)


def test_chance_is_judged_by_what_plain_queries_find_in_the_same_way() -> None:
    world = World()
    bias = np.full(COUNT, 0.3, np.float32)
    gallery = built(world.rows, bias)
    query, top = world.queries[9], np.float32([0.4])

    free = gallery.chance(Modality.TEXT, freely(query), top, 0.4)
    held = gallery.chance(Modality.TEXT, query, top - 0.3, 0.4 - 0.3)
    sound = gallery.chance(Modality.AUDIO, freely(query), top, 0.4)

    assert free == pytest.approx(held, abs=0.04)
    assert free == pytest.approx(sound)
    assert gallery.chance(Modality.TEXT, query, top, 0.4)[0] < free[0]


def entry(path: str, content_id: int, words: str = "", *, caption: bool = False) -> Found:
    return Found(
        content_id,
        content_id,
        ROOT,
        path.encode(),
        Modality.IMAGE,
        content_id,
        None,
        words,
        caption,
    )
