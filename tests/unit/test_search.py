"""From a query to files: scope, captions, copies, evidence, and the vector that asks."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from engine.errors import NoRouteError, UsageError
from engine.gallery import Gallery, GalleryKey
from engine.ports import Encoder
from engine.profile import Profile, Route
from engine.query import Query, Term
from engine.rank.calibrate import Spread
from engine.rank.maxima import Within, typical_maximum
from engine.rank.steps import Steps
from engine.result import SearchResult
from engine.search import Listing, Scope, Searcher, query_vector
from engine.search.scope import NEAREST
from engine.search.terms import CHANCES, EVEN, PASSAGE, STEEP, WORDS_WEIGHT
from engine.store.records import Found, WordHit, WordKind
from engine.store.windows import Windows
from engine.types import Embeddings, Ids, Modality, Scores, Space, Span, Vectors
from making import SPACE, TARGET, Turn, ids, rows

TEXT, IMAGE, AUDIO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO
EVERYTHING = frozenset({TEXT, IMAGE, AUDIO})
ROOT = Path("/media")
AS_THEY_ARE = Steps(calibration=False, hubness=False, length=False, words=False)


class Shelf:
    """Galleries with planned scores: what was put on it is found with just that score."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.scores: dict[Modality, dict[int, float]] = {TEXT: {}, IMAGE: {}, AUDIO: {}}
        self.depths: list[int] = []
        self.chances: dict[int, float] = {}
        self.words: dict[str, list[WordHit]] = {}
        self.times: dict[int, list[tuple[int, int, int]]] = {}
        self.same: dict[str, list[Found]] = {}

    def put(
        self,
        path: str,
        score: float,
        modality: Modality = IMAGE,
        content_id: int = 0,
        span: Span | None = None,
        words: str = "",
        captions: Sequence[str] = (),
    ) -> int:
        """A vector with its score, in the file of that path; media that its words describe."""
        vector_id = sum(len(known) for known in self.scores.values()) + 1
        self.scores[modality][vector_id] = score
        self.also(vector_id, path, modality, content_id, span, words)
        for media in captions:
            one = self.also(vector_id, media, IMAGE, 0, None, words)
            self.found[-1] = Found(**{**_fields(one), "caption": True})
        return vector_id

    def also(
        self,
        vector_id: int,
        path: str,
        modality: Modality = IMAGE,
        content_id: int = 0,
        span: Span | None = None,
        words: str = "",
    ) -> Found:
        """Another file that holds the same vector."""
        paths = list(dict.fromkeys(f.path for f in self.found))
        name = path.encode()
        file_id = (paths.index(name) if name in paths else len(paths)) + 1
        content_id = content_id or file_id
        one = Found(
            vector_id,
            file_id,
            ROOT,
            name,
            modality,
            content_id,
            span,
            words,
            digest=b"\xab\xcd\xef\x12",
        )
        self.found.append(one)
        return one

    def same_recording(self, term: Term) -> list[Found]:
        return self.same.get(str(term), [])

    def gallery(self, key: GalleryKey) -> Gallery:
        planned = _Planned(self.scores.get(key.modality, {}), self.depths, self.chances)
        return cast("Gallery", planned)

    def vectors_of_files(self, file_ids: Ids, space: Space, modality: Modality) -> Ids:
        del space
        files, known = set(file_ids.tolist()), self.scores[modality]
        return ids(*sorted({f.vector_id for f in self.found if f.file_id in files} & known.keys()))

    def captions_of(self, file_ids: Ids) -> Ids:
        files = set(file_ids.tolist())
        described = {f.vector_id for f in self.found if f.caption and f.file_id in files}
        return ids(
            *sorted({f.file_id for f in self.found if f.vector_id in described and not f.caption})
        )

    def windows(self, content_ids: Sequence[int], space: Space) -> Windows:
        del space
        rows = [(c, *row) for c in sorted(set(content_ids)) for row in self.times.get(c, [])]
        columns = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Windows(*(np.array(column, dtype=np.int64) for column in columns))

    def find_words(
        self, words: str, *, phrases: Sequence[str] = (), limit: int, among: Ids | None = None
    ) -> list[WordHit]:
        found = self.words.get(" ".join(phrases) or words, [])
        known = None if among is None else set(among.tolist())
        return [one for one in found if known is None or one.file_id in known][:limit]

    def says(
        self, words: str, path: str, coverage: float = 1.0, kind: WordKind = WordKind.NAME
    ) -> None:
        """Those words stand in the name of a file that is there, or where `kind` says."""
        one = next(f for f in self.found if f.path == path.encode())
        hit = WordHit(
            one.file_id, one.content_id, one.modality, ROOT, one.path, 1.0, kind, None,
            path, coverage,
        )  # fmt: skip
        self.words.setdefault(words, []).append(hit)

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        wanted = set(vector_ids)
        return [one for one in reversed(self.found) if one.vector_id in wanted]

    def embed(self, term: Term, encoder: Encoder) -> Vectors:
        del term, encoder
        return rows([1, 0, 0, 0])


def _fields(one: Found) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Found.__slots__}


class _Planned:
    """A gallery in which the inner products are planned, and calibrated already."""

    def __init__(
        self, scores: dict[int, float], depths: list[int], chances: dict[int, float]
    ) -> None:
        self.best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
        self.depths, self.chances = depths, chances

    def __len__(self) -> int:
        return len(self.best)

    @property
    def contents(self) -> int:
        return max(len(self.best), 1)

    @property
    def ids(self) -> Ids:
        return ids(*sorted(one for one, _ in self.best))

    def search(self, query: Vectors, k: int, among: Ids | None = None) -> tuple[Ids, Scores]:
        del query
        self.depths.append(k)
        kept = None if among is None else set(among.tolist())
        best = [pair for pair in self.best if kept is None or pair[0] in kept][:k]
        return ids(*(one for one, _ in best)), np.array([s for _, s in best], dtype=np.float32)

    def products(self, query: Vectors, wanted: Ids) -> Scores:
        del query
        known = dict(self.best)
        return np.array([known[one] for one in wanted.tolist()], dtype=np.float32)

    def spread(self, query: Vectors) -> Spread:
        del query
        return Spread(0.0, 1.0)

    def chance(self, asked: Modality, query: Vectors, products: Scores, near: float) -> Scores:
        """The share of the planned chances that belong to scores as high; none were planned: 0."""
        del asked, query, near
        known = dict(self.best)
        chances = {round(known[v], 4): c for v, c in self.chances.items() if v in known}
        return np.array([chances.get(round(p, 4), 0.0) for p in products.tolist()], np.float32)


class _Encoder:
    def __init__(self, modality: Modality) -> None:
        self.modality, self.space = modality, SPACE


PROFILE = Profile("toy", "", tuple(cast("Encoder", _Encoder(m)) for m in (TEXT, IMAGE, AUDIO)), ())


def search(
    shelf: Shelf,
    k: int = 10,
    query: Query | None = None,
    wanted: frozenset[Modality] = EVERYTHING,
    scope: Scope | None = None,
    **how: Any,
) -> SearchResult:
    """The scores of hits are as planned, unless steps are asked for."""
    listing = Listing(k=k, **{"steps": AS_THEY_ARE, **how})
    return Searcher(PROFILE, shelf).search(query or Query("dog"), scope or Scope(wanted), listing)


def files_below(shelf: Shelf, *folders: str) -> Ids:
    """What the catalogue would admit."""
    below = {f.file_id for f in shelf.found if f.path.decode().startswith(folders)}
    return ids(*sorted(below))


def names(result: SearchResult) -> list[str]:
    return [str(hit.path.relative_to(ROOT)) for hit in result.hits]


def test_files_of_all_modalities_come_in_one_list_best_first() -> None:
    shelf = Shelf()
    shelf.put("b.wav", 2.0, AUDIO)
    shelf.put("c.txt", 1.0, TEXT)
    shelf.put("a.jpg", 3.0)

    result = search(shelf)

    assert names(result) == ["a.jpg", "b.wav", "c.txt"]
    assert [hit.score for hit in result.hits] == [3.0, 2.0, 1.0]


def test_a_file_counts_with_its_best_segment() -> None:
    shelf = Shelf()
    shelf.put("a.wav", 1.0, AUDIO, span=Span(0, 10))
    shelf.put("a.wav", 3.0, AUDIO, span=Span(10, 20))
    shelf.put("b.wav", 2.0, AUDIO, span=Span(0, 10))

    result = search(shelf)

    assert names(result) == ["a.wav", "b.wav"]
    assert result.hits[0].span == Span(10, 20)


def test_no_more_than_k_hits() -> None:
    shelf = Shelf()
    for i in range(5):
        shelf.put(f"{i}.jpg", 5.0 - i)

    assert names(search(shelf, k=2)) == ["0.jpg", "1.jpg"]


def test_only_wanted_modalities_are_found() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)
    shelf.put("b.wav", 2.0, AUDIO)

    assert names(search(shelf, wanted=frozenset({AUDIO}))) == ["b.wav"]


def test_only_admitted_files_are_found() -> None:
    shelf = Shelf()
    for path in ("a/1.jpg", "ab/2.jpg", "b/3.jpg", "c/4.jpg"):
        shelf.put(path, 1.0)
    admitted = files_below(shelf, "a/", "c/")

    result = search(shelf, scope=Scope(EVERYTHING, files=admitted))

    assert names(result) == ["a/1.jpg", "c/4.jpg"]


def test_of_admitted_files_alone_nothing_else_is_looked_at() -> None:
    """However far down the list of all they stand."""
    shelf = Shelf()
    for i in range(1_000):
        shelf.put(f"other/{i}.jpg", 1_000.0 - i)
    shelf.put("deep/x.jpg", -1.0)

    scope = Scope(frozenset({IMAGE}), files=files_below(shelf, "deep/"))

    assert names(search(shelf, k=1, scope=scope)) == ["deep/x.jpg"]
    assert max(shelf.depths) < 10


def test_captions_that_lead_to_few_files_are_looked_at_deeper_and_deeper() -> None:
    """Eight segments are looked at for one hit, then eight times as many until it is there."""
    shelf = Shelf()
    for i in range(1_000):
        shelf.put(f"other/{i}.txt", 1_000.0 - i, TEXT)
    shelf.put("x.jpg", -1.0)
    shelf.put("x.txt", -2.0, TEXT, captions=["x.jpg"])

    result = search(shelf, k=1, wanted=frozenset({IMAGE}))

    assert names(result) == ["x.jpg"]
    assert [depth for depth in shelf.depths if depth > 3] == [8, 64, 512, 1_001]


def test_many_segments_of_one_file_do_not_hide_the_next() -> None:
    shelf = Shelf()
    for i in range(300):
        shelf.put("long.wav", 1_000.0 - i, AUDIO, span=Span(i, i + 1))
    shelf.put("short.wav", 1.0, AUDIO)

    assert names(search(shelf, k=2)) == ["long.wav", "short.wav"]


def test_copies_of_a_file_share_one_hit() -> None:
    shelf = Shelf()
    both = shelf.put("a.jpg", 3.0, content_id=7)
    shelf.also(both, "copy/a.jpg", content_id=7)
    shelf.put("b.jpg", 2.0)

    result = search(shelf, k=2)

    assert names(result) == ["a.jpg", "b.jpg"]
    assert [hit.id for hit in result.hits] == ["abcdef1", "abcdef1"]
    assert [hit.same for hit in result.hits] == [(ROOT / "copy/a.jpg",), ()]


def test_copies_of_a_long_file_do_not_hide_the_next() -> None:
    """Three files are found among the first segments, but they are one hit only."""
    shelf = Shelf()
    for i in range(300):
        one = shelf.put("long.wav", 1_000.0 - i, AUDIO, 7, Span(i, i + 1))
        for copy in ("copy 1.wav", "copy 2.wav"):
            shelf.also(one, copy, AUDIO, 7, Span(i, i + 1))
    shelf.put("short.wav", 1.0, AUDIO, 8)
    shelf.put("other.wav", 0.5, AUDIO, 9)

    assert names(search(shelf, k=3)) == ["long.wav", "short.wav", "other.wav"]


def test_the_contents_to_leave_out_are_left_out() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 3.0, content_id=7)
    shelf.put("b.jpg", 2.0, content_id=8)

    assert names(search(shelf, scope=Scope(EVERYTHING, frozenset({7})))) == ["b.jpg"]


def test_a_caption_leads_to_its_media_even_when_texts_are_not_wanted() -> None:
    shelf = Shelf()
    shelf.put("x.jpg", -1.0, span=None)
    shelf.put("x.txt", 4.0, TEXT, words="a dog", captions=["x.jpg"])

    result = search(shelf, wanted=frozenset({IMAGE}))

    (hit,) = result.hits
    assert (names(result), hit.score, hit.snippet) == (["x.jpg"], 4.0, "a dog")
    assert [(e.source.gallery, e.rank, e.score) for e in hit.because] == [
        ("caption", 1, 4.0),
        ("image", 1, -1.0),
    ]


def test_a_caption_says_that_a_recording_fits_and_the_sound_says_where() -> None:
    shelf = Shelf()
    shelf.put("x.jpg", 1.0, span=Span(5, 9))
    shelf.put("x.txt", 4.0, TEXT, words="a dog", captions=["x.jpg"])

    (hit,) = search(shelf, wanted=frozenset({IMAGE})).hits

    assert hit.span == Span(5, 9)


def test_ranks_count_files_from_one_in_each_ranking() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)
    shelf.put("a.jpg", 2.5)
    shelf.put("b.jpg", 2.0)

    ranks = [[e.rank for e in hit.because] for hit in search(shelf).hits]

    assert ranks == [[1], [2]]


def test_the_scores_of_several_terms_are_averaged() -> None:
    """Both terms see the same galleries here, so the mean is what either says."""
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)
    shelf.put("b.jpg", 2.0)

    result = search(shelf, query=Query("dog", image="dog.jpg"))

    assert [hit.score for hit in result.hits] == [3.0, 2.0]
    assert [e.source.term for e in result.hits[0].because] == ['"dog"', "dog.jpg"]


def test_a_snippet_is_one_short_line() -> None:
    shelf = Shelf()
    shelf.put("a.txt", 3.0, TEXT, words="dog \n\n " * 100)

    (hit,) = search(shelf).hits

    assert hit.snippet.startswith("dog dog dog")
    assert len(hit.snippet) <= 160
    assert hit.snippet.endswith("…")


def test_empty_galleries_give_no_hits() -> None:
    assert search(Shelf()).hits == ()


def test_equal_scores_come_in_the_same_order_each_time() -> None:
    shelf = Shelf()
    for name in ("c.jpg", "a.jpg", "b.jpg"):
        shelf.put(name, 1.0)

    assert names(search(shelf)) == ["c.jpg", "a.jpg", "b.jpg"]


def test_a_modality_that_nothing_leads_to_is_an_error_unless_another_is_wanted_too() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 1.0)
    silent = Profile("silent", "", PROFILE.encoders[:2], ())

    found = Searcher(silent, shelf).search(
        Query("dog"), Scope(frozenset({AUDIO, IMAGE})), Listing(steps=AS_THEY_ARE)
    )
    assert names(found) == ["a.jpg"]
    with pytest.raises(NoRouteError, match="from text to audio"):
        Searcher(silent, shelf).search(Query("dog"), Scope(frozenset({AUDIO})), Listing())


def test_a_video_is_asked_with_by_what_is_in_it() -> None:
    """A video without sound asks with its pictures only; one without either cannot ask."""
    shelf = Shelf()
    shelf.put("a.jpg", 1.0)
    shelf.put("b.wav", 2.0, AUDIO)
    seen = rows([1, 0, 0, 0])
    query = Query(video="clip.mp4")

    shelf.embed = lambda _, encoder: seen[: encoder.modality is IMAGE]  # type: ignore[method-assign]
    assert names(search(shelf, query=query, wanted=frozenset({IMAGE, AUDIO}))) == ["b.wav", "a.jpg"]
    shelf.embed = lambda *_: seen[:0]  # type: ignore[method-assign]
    with pytest.raises(UsageError, match=r"clip\.mp4 has nothing in it"):
        search(shelf, query=query)


def test_timings_name_every_step() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 1.0)
    spent = search(shelf).timings_ms

    assert set(spent) == {"total", "encode", "open", "search", "look up"}
    assert spent["total"] >= max(spent[step] for step in spent if step != "total")


def test_several_rows_ask_with_their_mean_direction() -> None:
    """(1, 0, 0, 0) and (0, 1, 0, 0): half way between; a bridge turns it and takes its mean off."""
    two = rows([1, 0, 0, 0], [0, 1, 0, 0])
    key = GalleryKey(IMAGE, SPACE, SPACE)
    encoder = cast("Encoder", _Encoder(AUDIO))

    plain = query_vector(Route(encoder, None, key), two, None)
    turn = Turn()
    route = Route(encoder, turn, GalleryKey(IMAGE, TARGET, TARGET))
    turned = query_vector(route, two, turn.prior_mean)

    half = 0.5**0.5
    assert plain.tolist() == pytest.approx([half, half, 0, 0])
    third = (1 / 3) ** 0.5  # (0, 0, 1/2, 1/2) less the bridge's mean (1/2, 0, 0, 0)
    assert turned.tolist() == pytest.approx([-third, 0, third, third])


def test_the_planned_shelf_is_not_the_only_one_that_fits() -> None:
    """The same searcher over a real gallery: the row that the query equals comes first."""
    key = GalleryKey(IMAGE, SPACE, SPACE)
    given = rows([0, 1, 0, 0], [1, 0, 0, 0])
    real = Gallery.build(key, Embeddings(SPACE, ids(1, 2), given), "flat")
    empty = Gallery.build(key, Embeddings(SPACE, ids(), given[:0]), "flat")
    shelf = Shelf()
    shelf.put("a.jpg", 0.0)
    shelf.put("b.jpg", 0.0)
    shelf.gallery = lambda key: real if key.modality is IMAGE else empty  # type: ignore[method-assign]

    assert names(search(shelf, least=0.0)) == ["b.jpg", "a.jpg"]


def toward(words: str, weight: float = 1.0, *, exact: bool = False) -> Term:
    return Term(TEXT, words, weight, exact)


def test_a_score_is_what_lies_above_the_best_that_chance_brings() -> None:
    """Of four rows, chance brings typical_maximum(4) to the best; of one file with three windows,
    typical_maximum of what three windows are worth besides.
    """
    shelf = Shelf()
    for i in range(4):
        shelf.put(f"{i}.jpg", 3.0 - i)
    sounds = [shelf.put("a.wav", score, AUDIO) for score in (3.0, 2.0, 1.0)]
    content_id = shelf.found[-1].content_id
    shelf.times[content_id] = [(one, 5 * n, 5 * n + 10) for n, one in enumerate(sounds)]

    result = search(shelf, steps=Steps(words=False))
    scores = {name: hit.score for name, hit in zip(names(result), result.hits, strict=True)}

    assert scores["0.jpg"] == pytest.approx(3.0 - typical_maximum(4))
    fair = Within.of(np.float32([3.0, 2.0, 1.0])).corrected(3.0, 3)
    assert scores["a.wav"] == pytest.approx(fair - typical_maximum(3), abs=1e-5)
    assert fair < 3.0


def test_the_list_ends_at_the_line_and_the_nearest_few_are_below() -> None:
    shelf = Shelf()
    for i in range(9):
        vector = shelf.put(f"{i}.jpg", 9.0 - i)
        shelf.chances[vector] = 0.05 if i < 2 else 0.5

    result = search(shelf)
    everything = search(shelf, least=0.0)

    assert names(result) == ["0.jpg", "1.jpg"]
    assert [hit.path.name for hit in result.nearest] == [
        "2.jpg",
        "3.jpg",
        "4.jpg",
        "5.jpg",
        "6.jpg",
    ]
    assert len(result.nearest) == NEAREST
    assert [round(hit.relevance, 2) for hit in result.hits] == [0.95, 0.95]
    assert (len(everything.hits), everything.nearest) == (9, ())


def test_words_lift_a_file_and_tell_where_they_stand() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)
    weak = shelf.put("red car.jpg", 1.0)
    shelf.chances[weak] = 0.3
    shelf.says("red car", "red car.jpg", coverage=1.0)
    steps = Steps(calibration=False, length=False)

    result = search(shelf, query=Query("red car"), steps=steps)

    assert names(result) == ["red car.jpg", "a.jpg"]
    first = result.hits[0]
    assert first.score == pytest.approx(1.0 + WORDS_WEIGHT)
    by_words = 1 / (1 + math.exp(-STEEP * (1.0 - EVEN)))
    assert first.relevance == pytest.approx(1 - CHANCES * 0.3 * (1 - by_words), abs=1e-6)
    assert (first.because[0].source.space, first.because[0].source.gallery) == ("words", "name")


def test_words_within_a_text_lift_it_less_than_words_in_a_name_would() -> None:
    shelf = Shelf()
    shelf.put("named.txt", 0.0, TEXT)
    shelf.put("diary.txt", 1.0, TEXT)
    shelf.says("red car", "named.txt")
    shelf.says("red car", "diary.txt", kind=WordKind.PASSAGE)
    steps = Steps(calibration=False, length=False)

    result = search(shelf, wanted={TEXT}, query=Query("red car"), steps=steps)

    assert names(result) == ["named.txt", "diary.txt"]
    assert result.hits[1].score == pytest.approx(1.0 + PASSAGE * WORDS_WEIGHT)


def test_a_file_found_by_its_words_alone_has_its_score_looked_up() -> None:
    """With k = 1, only eight pictures are looked at; the one that words find is the last of all."""
    shelf = Shelf()
    for i in range(100):
        shelf.put(f"{i}.jpg", 5.0)
    shelf.put("red car.jpg", -4.0)
    shelf.says("red car", "red car.jpg")
    steps = Steps(calibration=False, length=False)

    result = search(shelf, k=1, query=Query("red car"), steps=steps)

    assert names(result) == ["red car.jpg"]
    assert result.hits[0].score == pytest.approx(WORDS_WEIGHT - 4.0)


def test_exact_words_must_occur_and_ask_nothing_else() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 9.0)
    shelf.put("red car.jpg", 1.0)
    shelf.put("red car 2.jpg", 2.0)
    for name in ("red car.jpg", "red car 2.jpg"):
        shelf.says("red car", name)

    alone = search(shelf, query=Query(more=(toward("red car", exact=True),)))
    beside = search(shelf, query=Query("beach", more=(toward("red car", exact=True),)))

    assert sorted(names(alone)) == ["red car 2.jpg", "red car.jpg"]
    assert names(beside) == ["red car 2.jpg", "red car.jpg"]


def test_exact_words_that_must_not_occur_leave_files_out() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 1.0)
    shelf.put("red car.jpg", 9.0)
    shelf.says("red car", "red car.jpg")

    result = search(shelf, query=Query("beach", more=(toward("red car", -1.0, exact=True),)))

    assert names(result) == ["a.jpg"]


def test_a_term_that_pushes_away_takes_half_of_its_nearness() -> None:
    """Both terms see the same pictures, so each loses half of what it scores above nought."""
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)
    shelf.put("b.jpg", -1.0)

    result = search(shelf, query=Query("beach", more=(toward("people", -1.0),)))

    assert [hit.score for hit in result.hits] == [pytest.approx(1.5), pytest.approx(-1.0)]


def test_only_pushing_away_is_no_query() -> None:
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)

    with pytest.raises(UsageError, match="keep away"):
        search(shelf, query=Query(more=(toward("people", -1.0),)))


def test_balance_gives_some_of_each() -> None:
    shelf = Shelf()
    for i in range(5):
        shelf.put(f"{i}.jpg", 9.0 - i)
    shelf.put("a.wav", 1.0, AUDIO)
    shelf.put("b.txt", 2.0, TEXT)

    assert names(search(shelf, k=4)) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert names(search(shelf, k=4, balance=True)) == ["0.jpg", "1.jpg", "b.txt", "a.wav"]


def test_moments_are_listed_across_recordings() -> None:
    """Two events in one recording, one in another; neighbouring windows overlap by half."""
    shelf = Shelf()
    heard = {"a.wav": [0, 9, 8, 0, 0, 0, 0, 6, 7, 0, 0, 0], "b.wav": [0, 0, 0, 0, 8.5, 0, 0, 0]}
    for name, curve in heard.items():
        vectors = [
            shelf.put(name, float(score), AUDIO, span=Span(500 * i, 500 * i + 1000))
            for i, score in enumerate(curve)
        ]
        shelf.times[shelf.found[-1].content_id] = [
            (vector, 500 * i, 500 * i + 1000) for i, vector in enumerate(vectors)
        ]

    files = search(shelf)
    moments = search(shelf, moments=True)

    assert names(files) == ["a.wav", "b.wav"]
    assert files.hits[0].span == Span(1000, 1500)
    assert [(h.path.name, h.span) for h in moments.hits[:3]] == [
        ("a.wav", Span(1000, 1500)),
        ("b.wav", Span(2000, 3000)),
        ("a.wav", Span(4000, 4500)),
    ]


def test_a_name_that_a_query_has_whole_answers_it_though_not_all_of_its_words_are_there() -> None:
    shelf = Shelf()
    for name in ("cat.jpg", "black sea by night.jpg"):
        shelf.chances[shelf.put(name, 0.0)] = 0.6
        shelf.says("a black cat", name, coverage=0.5)

    result = search(shelf, query=Query("a black cat"), steps=Steps(calibration=False), least=0.9)

    assert names(result) == ["cat.jpg"]
    assert [hit.path.name for hit in result.nearest] == ["black sea by night.jpg"]


@pytest.mark.parametrize(("weight", "left"), [(1.0, 1_200), (-1.0, 1)])
def test_words_that_must_or_must_not_occur_are_looked_up_in_every_file(
    weight: float, left: int
) -> None:
    """However many files have them: of a thousand and one, the last counts too."""
    shelf = Shelf()
    shelf.put("other.jpg", 0.0)
    for i in range(1_200):
        hit = WordHit(i + 2, i + 2, IMAGE, ROOT, b"%d.jpg" % i, 1.0, WordKind.NAME, None, "", 1.0)
        shelf.put(f"{i}.jpg", 1.0)
        shelf.words.setdefault("draft", []).append(hit)

    result = search(shelf, k=5_000, query=Query("dog", more=(toward("draft", weight, exact=True),)))

    assert len(result.hits) == left
