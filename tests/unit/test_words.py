"""Words are found where they are written, and lead to the files that they are about."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import EngineError, LibraryDamagedError
from engine.facts import Facts
from engine.store import connect, texts
from engine.store.layout import UNITS, Unit
from engine.store.paths import described
from engine.store.records import ContentRecord, SegmentRecord, View, WordHit, WordKind
from engine.store.writer import CatalogueWriter
from engine.types import Modality, Span, SpanUnit
from making import ROOT, content, file, ids, some_rows

TEXT, AUDIO, IMAGE, VIDEO = Modality.TEXT, Modality.AUDIO, Modality.IMAGE, Modality.VIDEO


def words_of(name: str, *segments: SegmentRecord, modality: Modality = TEXT) -> ContentRecord:
    """A content of words without vectors."""
    views = (View(segments, ()),) if segments else ()
    return ContentRecord(name.encode(), modality, "txt", {}, views)


def says(name: str, facts: Facts, modality: Modality = IMAGE, form: str = "jpeg") -> ContentRecord:
    return ContentRecord(name.encode(), modality, form, facts.as_info(), ())


def passage(words: str, start: int = 0) -> SegmentRecord:
    return SegmentRecord(Span(start, start + len(words), SpanUnit.CHARACTERS), words)


def found(catalogue: CatalogueWriter, text: str, **how: Sequence[str]) -> list[str]:
    hits = catalogue.find_words(text, limit=99, **how)  # type: ignore[arg-type]
    return [hit.path.decode() for hit in hits]


def first(catalogue: CatalogueWriter, text: str) -> WordHit:
    return catalogue.find_words(text, limit=1)[0]


def pictures(catalogue: CatalogueWriter, *names: str) -> None:
    catalogue.write([file(one, one) for one in names], [says(one, Facts()) for one in names])


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("IMG_rain_forest-02.jpg", "rain"),
        ("IMG_rain_forest-02.jpg", "FOREST"),
        ("rainForest.jpg", "forest"),
        ("rainForest.jpg", "rainforest"),
        ("DSCF1234.jpg", "1234"),
        ("DSCF1234.jpg", "dscf1234"),
        ("HTMLPage.jpg", "page"),
        ("Café au lait.jpg", "cafe"),
        ("dogs.jpg", "dog"),
        ("berry.jpg", "berries"),
        ("bus.jpg", "buses"),
        ("holiday/x.jpg", "holiday"),
        ("holiday.2023/x.jpg", "2023"),
        ("x.jpg", "media"),
        ("東京タワー.jpg", "東京"),
        ("XRE16B.jpg", "RE16"),
        ("Mr. Smith", "smith"),
    ],
)
def test_a_file_is_found_by_the_words_of_its_name(
    catalogue: CatalogueWriter, name: str, query: str
) -> None:
    pictures(catalogue, name, "other.jpg")

    assert found(catalogue, query)[0] == name


@pytest.mark.parametrize("query", ["jpg", "the", "of a", "cat", "", "  ", "🙂", "NEAR", "*"])
def test_what_is_no_word_of_a_name_finds_nothing(catalogue: CatalogueWriter, query: str) -> None:
    pictures(catalogue, "the vacation of a.jpg", "education.jpg")

    assert found(catalogue, query) == []


def test_tags_titles_and_descriptions_are_found_and_say_what_they_are(
    catalogue: CatalogueWriter,
) -> None:
    facts = Facts(tags=("mountain goat", "snow"), about=(("title", "Summit"), ("artist", "Ada")))
    catalogue.write([file("x.jpg", "x")], [says("x", facts)])

    hits = {query: first(catalogue, query) for query in ("goat", "summit", "ada")}

    assert {query: (hit.kind, hit.snippet) for query, hit in hits.items()} == {
        "goat": (WordKind.TAG, "mountain goat · snow"),
        "summit": (WordKind.TITLE, "Summit"),
        "ada": (WordKind.CAPTION, "Ada"),
    }


def test_a_caption_leads_to_its_media_and_a_sidecar_only_there(catalogue: CatalogueWriter) -> None:
    side = says("side", Facts(tags=("otter",)), TEXT, "xmp")
    catalogue.write(
        [file("x.jpg", "x"), file("x.txt", "words"), file("x.jpg.xmp", "side")],
        [says("x", Facts()), words_of("words", passage("an alligator")), side],
    )

    hits = catalogue.find_words("alligator", limit=9)

    assert [(h.path, h.kind, h.caption, h.span) for h in hits] == [
        (b"x.jpg", WordKind.CAPTION, True, None),
        (b"x.txt", WordKind.PASSAGE, False, Span(0, 12, SpanUnit.CHARACTERS)),
    ]
    assert found(catalogue, "otter") == ["x.jpg"]
    assert len(catalogue.admitted([])) == 2


@pytest.mark.parametrize("name", ["film.srt", "film.en.srt", "film.pt-BR.vtt", "film.mkv.srt"])
def test_a_subtitle_leads_to_the_moment_of_its_film(catalogue: CatalogueWriter, name: str) -> None:
    lines = [SegmentRecord(Span(0, 900), "hello"), SegmentRecord(Span(2_000, 3_000), "farewell")]
    text = content("sub", some_rows(2), modality=TEXT, segments=lines)
    catalogue.write(
        [file("film.mkv", "film"), file(name, "sub")],
        [says("film", Facts(), VIDEO, "mkv"), replace(text, format="srt")],
    )

    film = next(hit for hit in catalogue.find_words("farewell", limit=9) if hit.caption)
    led = [one for one in catalogue.resolve([1, 2]) if one.caption]

    assert (film.path, film.kind, film.span) == (b"film.mkv", WordKind.SUBTITLE, lines[1].span)
    assert [(one.path, one.span, one.words) for one in led] == [
        (b"film.mkv", line.span, line.words) for line in lines
    ]
    media = catalogue.admitted([])[:1]
    assert catalogue.captions_of(media).tolist() == [2]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (b"a/x.txt", (b"a/x",)),
        (b"x.jpg.XMP", (b"x.jpg",)),
        (b"x.en.srt", (b"x.en", b"x")),
        (b"a/.en.srt", (b"a/.en",)),
        (b"x.en.txt", (b"x.en",)),
        (b"x.md", ()),
    ],
)
def test_a_name_tells_what_it_describes(path: bytes, names: tuple[bytes, ...]) -> None:
    assert described(path) == names


def test_words_without_vectors_say_how_they_were_found(catalogue: CatalogueWriter) -> None:
    moment = Span(5_000, 6_000)
    catalogue.write(
        [file("sign.jpg", "sign"), file("talk.mp3", "talk"), file("film.mp4", "film")],
        [
            words_of("sign", SegmentRecord(None, "plate XRE16B"), modality=IMAGE),
            words_of("talk", SegmentRecord(moment, "good evening"), modality=AUDIO),
            words_of("film", SegmentRecord(moment, "exit", WordKind.SEEN), modality=VIDEO),
        ],
    )

    hits = {query: first(catalogue, query) for query in ("RE16", "evening", "exit")}

    assert {query: (hit.kind, hit.span) for query, hit in hits.items()} == {
        "RE16": (WordKind.SEEN, None),
        "evening": (WordKind.HEARD, moment),
        "exit": (WordKind.SEEN, moment),
    }
    assert catalogue.inconsistencies() == []


def test_words_read_anew_take_the_place_of_those_before(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("x.jpg", "x")], [content("x", some_rows(1))])
    for word in ("bakery", "butcher"):
        catalogue.add_views({1: [View((SegmentRecord(None, word),), ())]}, {})

    assert found(catalogue, "bakery") == []
    assert found(catalogue, "butcher") == ["x.jpg"]
    assert len(catalogue.living_vectors()) == 1


def test_a_name_weighs_more_than_a_passage_deep_in_a_text(catalogue: CatalogueWriter) -> None:
    text = [passage("one two three"), passage("a heron stands here", 20)]
    catalogue.write(
        [file("long.md", "long"), file("heron.jpg", "h")],
        [words_of("long", *text), says("h", Facts())],
    )

    hits = catalogue.find_words("heron", limit=9)

    assert [hit.path for hit in hits] == [b"heron.jpg", b"long.md"]
    assert hits[0].score > 2 * hits[1].score
    assert hits[1].span == text[1].span


def test_coverage_is_the_share_of_what_was_asked_by_rarity(catalogue: CatalogueWriter) -> None:
    pictures(catalogue, *(f"red {i}.jpg" for i in range(9)), "red car.jpg")

    hits = catalogue.find_words("the red car", limit=99)

    assert (hits[0].path, hits[0].coverage) == (b"red car.jpg", 1.0)
    assert {hit.coverage < 0.2 for hit in hits[1:]} == {True}
    assert 0.3 < first(catalogue, "car zeppelin").coverage < 0.6


def test_a_phrase_must_occur_as_it_stands_anywhere_in_what_belongs_to_a_file(
    catalogue: CatalogueWriter,
) -> None:
    catalogue.write(
        [file("red car.jpg", "a"), file("car red.jpg", "b"), file("red car.txt", "words")],
        [says("a", Facts()), says("b", Facts()), words_of("words", passage("by the old sea"))],
    )

    assert set(found(catalogue, "", phrases=["red car"])) == {"red car.jpg", "red car.txt"}
    both = found(catalogue, "", phrases=["RED Car", "the old"])
    assert set(both) == {"red car.jpg", "red car.txt"}
    assert found(catalogue, "", phrases=["the sea"]) == []
    assert found(catalogue, "red", phrases=["zeppelin"]) == []
    assert found(catalogue, "", phrases=["cars"]) == []


def test_only_files_among_those_given_are_found(catalogue: CatalogueWriter) -> None:
    pictures(catalogue, "a dog.jpg", "b dog.jpg", "c dog.jpg")

    hits = catalogue.find_words("dog", limit=9, among=ids(3, 1))

    assert {hit.file_id for hit in hits} == {1, 3}
    assert catalogue.find_words("dog", limit=9, among=ids()) == []
    assert len(catalogue.find_words("dog", limit=2)) == 2


def test_facts_given_later_are_found_and_old_ones_are_not(catalogue: CatalogueWriter) -> None:
    catalogue.write([file("x.jpg", "x")], [says("x", Facts(tags=("old",), width=3))])
    catalogue.set_info({1: Facts(tags=("fresh",)).as_info()}, {})

    assert (found(catalogue, "old"), found(catalogue, "fresh")) == ([], ["x.jpg"])


def test_facts_of_a_content_that_is_gone_are_left_out(catalogue: CatalogueWriter) -> None:
    """The next content to get the id would be found by its words."""
    catalogue.set_info({1: Facts(tags=("lost",)).as_info()}, {})
    catalogue.write([file("x.jpg", "x")], [says("x", Facts())])

    assert (found(catalogue, "lost"), catalogue.inconsistencies()) == ([], [])


def test_words_of_a_file_that_is_not_there_are_damage(catalogue: CatalogueWriter) -> None:
    pictures(catalogue, "a dog.jpg")
    with catalogue._engine.begin() as connection:
        ghost = 99 * UNITS + Unit.NAME
        connection.exec_driver_sql(
            "INSERT INTO fts_words (rowid, text) VALUES (?, 'dog')", (ghost,)
        )

    with pytest.raises(LibraryDamagedError, match="file 99 has words"):
        catalogue.find_words("dog", limit=9)


ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)


@given(text=ANYTHING, phrase=ANYTHING)
@example(text='"', phrase='a" OR NEAR(b c) {x}: ^y*')
@example(text="text:a", phrase="\0")
@example(text="\0\ud800 AND NOT", phrase="(((")
@example(text="a" * 100_000, phrase="a " * 2_000)
def test_any_text_may_be_looked_for(catalogue: CatalogueWriter, text: str, phrase: str) -> None:
    catalogue.find_words(text, limit=3)
    catalogue.find_words(text, phrases=[phrase], limit=3)


@given(text=ANYTHING)
def test_any_text_may_be_stored_and_its_words_are_found(
    catalogue: CatalogueWriter, text: str
) -> None:
    stored = text.encode("utf-8", "replace").decode()
    segment = SegmentRecord(None, f"{stored} kingfisher")
    catalogue.write([file("x.md", "x")], [words_of("x", segment)])

    assert found(catalogue, "kingfisher") == ["x.md"]
    assert texts.snippet(stored, [stored]) is not None
    catalogue.write([], [], [file("x.md", "x")])


def test_a_snippet_is_cut_around_the_words() -> None:
    text = "word " * 100 + "kingfisher " + "more " * 100

    cut = texts.snippet(text, ["kingfisher"])

    assert "kingfisher" in cut
    assert cut.startswith("…word")
    assert cut.endswith("more…")
    assert len(cut) <= texts.SNIPPET + 1


def test_files_are_named_by_the_beginning_of_their_digest(catalogue: CatalogueWriter) -> None:
    pictures(catalogue, "ab.jpg", "ac.jpg")
    prefix = b"ab.jpg".hex()

    assert catalogue.files_with_id(prefix.upper()) == [(ROOT / "ab.jpg", IMAGE)]
    assert len(catalogue.files_with_id(prefix[:3])) == 2
    assert catalogue.files_with_id("") == catalogue.files_with_id("xyz") == []


def test_a_python_without_word_search_is_told(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "word_search_lacks", lambda: "SQLite 3.0 cannot search words")
    folder = tmp_path_factory.mktemp("x")

    with pytest.raises(EngineError, match="cannot search words"):
        CatalogueWriter.open(folder / "catalogue.db")
    assert list(folder.iterdir()) == []
