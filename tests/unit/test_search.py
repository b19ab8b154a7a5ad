"""From a query to files: scope, captions, copies, evidence, and the vector that asks."""

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
from engine.result import SearchResult
from engine.search import Scope, Searcher, query_vector
from engine.store.records import Found
from engine.types import Embeddings, Ids, Modality, Scores, Span, Vectors
from engine.vectors.flat import FlatIndex
from making import SPACE, TARGET, Turn, ids, rows

TEXT, IMAGE, AUDIO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO
EVERYTHING = frozenset({TEXT, IMAGE, AUDIO})
ROOT = Path("/media")


class Shelf:
    """Galleries with planned scores: what was put on it is found with just that score."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.scores: dict[Modality, dict[int, float]] = {TEXT: {}, IMAGE: {}, AUDIO: {}}
        self.depths: list[int] = []

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
        one = Found(vector_id, file_id, ROOT, name, modality, content_id, span, words)
        self.found.append(one)
        return one

    def gallery(self, key: GalleryKey) -> Gallery:
        return cast("Gallery", _Planned(self.scores.get(key.modality, {}), self.depths))

    def resolve(self, vector_ids: Sequence[int]) -> list[Found]:
        wanted = set(vector_ids)
        return [one for one in reversed(self.found) if one.vector_id in wanted]

    def embed(self, term: Term, encoder: Encoder) -> Vectors:
        del term, encoder
        return rows([1, 0, 0, 0])


def _fields(one: Found) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Found.__slots__}


class _Planned:
    def __init__(self, scores: dict[int, float], depths: list[int]) -> None:
        self.best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
        self.depths = depths

    def __len__(self) -> int:
        return len(self.best)

    def search(self, query: Vectors, k: int) -> tuple[Ids, Scores]:
        del query
        self.depths.append(k)
        best = self.best[:k]
        return ids(*(one for one, _ in best)), np.array([s for _, s in best], dtype=np.float32)


class _Encoder:
    def __init__(self, modality: Modality) -> None:
        self.modality, self.space = modality, SPACE


PROFILE = Profile("toy", "", tuple(cast("Encoder", _Encoder(m)) for m in (TEXT, IMAGE, AUDIO)), ())


def search(
    shelf: Shelf,
    k: int = 10,
    query: Query | None = None,
    wanted: frozenset[Modality] = EVERYTHING,
    **scope: Any,
) -> SearchResult:
    return Searcher(PROFILE, shelf).search(query or Query("dog"), Scope(wanted, **scope), k)


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


def test_only_files_below_the_folders_are_found() -> None:
    shelf = Shelf()
    for path in ("a/1.jpg", "ab/2.jpg", "b/3.jpg", "c/4.jpg"):
        shelf.put(path, 1.0)

    assert names(search(shelf, under=(ROOT / "a", ROOT / "c"))) == ["a/1.jpg", "c/4.jpg"]


def test_a_folder_far_down_the_list_is_looked_for_deeper_and_deeper() -> None:
    """Eight segments are looked at for one hit, then eight times as many until it is there."""
    shelf = Shelf()
    for i in range(1_000):
        shelf.put(f"other/{i}.jpg", 1_000.0 - i)
    shelf.put("deep/x.jpg", -1.0)

    result = search(shelf, k=1, wanted=frozenset({IMAGE}), under=(ROOT / "deep",))

    assert names(result) == ["deep/x.jpg"]
    assert [depth for depth in shelf.depths if depth] == [8, 64, 512, 1_001]


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

    assert names(search(shelf, without=frozenset({7}))) == ["b.jpg"]


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


def test_the_scores_of_several_terms_are_added() -> None:
    """Both terms see the same galleries here, so every score counts twice."""
    shelf = Shelf()
    shelf.put("a.jpg", 3.0)
    shelf.put("b.jpg", 2.0)

    result = search(shelf, query=Query("dog", image="dog.jpg"))

    assert [hit.score for hit in result.hits] == [3.0 + 3.0, 2.0 + 2.0]
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

    found = Searcher(silent, shelf).search(Query("dog"), Scope(frozenset({AUDIO, IMAGE})), 10)
    assert names(found) == ["a.jpg"]
    with pytest.raises(NoRouteError, match="from text to audio"):
        Searcher(silent, shelf).search(Query("dog"), Scope(frozenset({AUDIO})), 10)


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

    assert set(spent) == {"total", "encode", "open", "search", "resolve"}
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
    real = Gallery.build(key, Embeddings(SPACE, ids(1, 2), given), FlatIndex)
    empty = Gallery.build(key, Embeddings(SPACE, ids(), given[:0]), FlatIndex)
    shelf = Shelf()
    shelf.put("a.jpg", 0.0)
    shelf.put("b.jpg", 0.0)
    shelf.gallery = lambda key: real if key.modality is IMAGE else empty  # type: ignore[method-assign]

    assert names(search(shelf)) == ["b.jpg", "a.jpg"]
