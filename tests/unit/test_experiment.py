"""Questions from tables, JSON and captions, and trials on libraries that answer by rote."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.experiment import (
    Asked,
    Outcome,
    Plan,
    Row,
    Shelf,
    Trial,
    changed_steps,
    from_judgements,
    plan,
    read_judgements,
    run,
    sampled,
)
from engine.library import Library
from engine.query import Query
from engine.rank.steps import ALL_STEPS, Steps
from engine.result import Evidence, Hit, SearchResult
from engine.search import Listing
from engine.store.records import Content, FileRecord, Stamp, State
from engine.types import Modality, Source
from indexer import index
from making import caption, picture

HOME = Path("/media")
WHY = (Evidence(Source("q", "toy", "image"), 1, 1.0),)


def shelf(**files: Modality) -> Shelf:
    """Contents numbered from 1, each with one file of that name."""
    contents = [
        Content(n, name.encode(), kind, "toy", [_record(name)])
        for n, (name, kind) in enumerate(files.items(), 1)
    ]
    return Shelf.of(contents, contents)


def _record(name: str) -> FileRecord:
    return FileRecord(HOME, name.encode(), Stamp(1, 1, 1), State.INDEXED, digest=name.encode())


@dataclass
class Rote:
    """A library that answers each query with a list known by heart."""

    answers: Mapping[str, Sequence[str]]
    worse: Mapping[str, Sequence[str]] = field(default_factory=dict)
    truth: Mapping[str, Sequence[str]] = field(default_factory=dict)
    asked: list[tuple[str, int, float, bool]] = field(default_factory=list)

    def search(
        self,
        query: str | Query,
        *,
        modalities: Collection[str] | None = None,
        under: Sequence[str | Path] = (),
        listing: Listing | None = None,
        captions: bool = True,
    ) -> SearchResult:
        assert isinstance(query, Query)
        assert modalities
        assert not under
        words = str(query.terms[0].payload)
        assert listing is not None
        self.asked.append((words, listing.k, listing.least, captions))
        changed = listing.steps != ALL_STEPS
        answers = {**self.answers, **self.worse} if changed else self.answers
        hits = tuple(
            Hit(HOME / name, Modality.IMAGE, -float(rank), None, WHY)
            for rank, name in enumerate(answers[words][: listing.k])
        )
        return SearchResult(query, hits)

    def exact(self) -> "Rote":
        return Rote({**self.answers, **self.truth})


PICTURES = dict.fromkeys(("a", "b", "c"), Modality.IMAGE)
ROWS = tuple(Row(f"words of {name}", name) for name in PICTURES)


def outcomes(
    library: Rote, known: Shelf, rows: Sequence[Row], trial: Trial | None = None
) -> dict[str, Outcome]:
    asked = from_judgements(rows, known, [HOME], tuple(Modality))
    found = run(library, Plan(asked, known), trial or Trial(), lambda _done, _total: None)
    return {one.name: one for one in found}


def value(outcome: Outcome, name: str) -> float:
    return next(one.interval.value for one in outcome.figures if one.name == name)


def read(tmp_path: Path, text: str, name: str = "queries.tsv") -> tuple[Row, ...]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return read_judgements(file).rows


@pytest.mark.parametrize(
    "text",
    [
        "a cat\tx.jpg\na cat\ty.jpg\t2\na dog\tz.jpg\n",
        "\ufeffquery\tpath\tgrade\r\na cat\tx.jpg\r\n\r\na cat\ty.jpg\t2\r\na dog\tz.jpg\r\n",
        "file\tnotes\tcaption\trelevance\nx.jpg\t\ta cat\t1\ny.jpg\t\ta cat\t2\nz.jpg\t\ta dog\n",
        "a cat\tx.jpg\na cat\ty.jpg\t2\na cat\tw.jpg\t0\na dog\tz.jpg\n",
        '{"a cat": {"x.jpg": 1, "y.jpg": 2}, "a dog": "z.jpg"}',
        (
            '[{"query": "a cat", "relevant": ["x.jpg", {"path": "y.jpg", "grade": 2}]},'
            ' {"query": "a dog", "path": "z.jpg"}]'
        ),
        (
            '{"queries": [{"query": "a cat", "relevant": {"x.jpg": 1, "y.jpg": 2, "w.jpg": 0}},'
            ' {"query": "a dog", "relevant": ["z.jpg"]}]}'
        ),
        (
            '{"query": "a cat", "path": "x.jpg"}\n{"query": "a cat", "path": "y.jpg", "grade": 2}\n'
            '{"query": "a dog", "path": "z.jpg"}\n'
        ),
    ],
)
def test_every_way_to_write_it_means_the_same(tmp_path: Path, text: str) -> None:
    rows = read(tmp_path, text)

    assert rows == (Row("a cat", "x.jpg"), Row("a cat", "y.jpg", 2), Row("a dog", "z.jpg"))


def test_columns_that_say_nothing_here_are_named(tmp_path: Path) -> None:
    file = tmp_path / "sample.tsv"
    file.write_text("path\tmodality\tdescription\ttags\nx.jpg\timage\ta cat\tcat\n")

    table = read_judgements(file)

    assert table.rows == (Row("a cat", "x.jpg"),)
    assert table.unused == ("modality", "tags")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no queries"),
        (" \n\n", "no queries"),
        ("query\tpath\n", "no queries"),
        ("[]", "no queries"),
        ("a cat\tx.jpg\t0\n", "no queries"),
        ("a cat x.jpg\n", "Line 1 .* has 1 columns"),
        ("a cat\tx.jpg\na\tb\tc\td\te\n", "Line 2 .* has 5 columns"),
        ("query\ttags\na cat\tx\n", "no column for the path; it has: query, tags"),
        ("query\ttext\tpath\na\tb\tc\n", "more than one column for the query"),
        ("a cat\tx.jpg\tmuch\n", "Line 1 .* grade 'much'"),
        ("a cat\tx.jpg\t-1\n", "Line 1 .* grade '-1'"),
        ("a cat\tx.jpg\tnan\n", "Line 1 .* grade 'nan'"),
        ("a cat\t \n", "Line 1 .* no path"),
        ('[{"query": "a cat"}]', "Entry 1 .* no path"),
        ('[{"query": 7, "path": "x"}]', "Entry 1 .* no query"),
        ("[7]", "Entry 1 .* no object"),
        ('{"query": "a", "path": "b"}\n{"query"', "Line 2 .* no JSON"),
        ('{"query": "a", "path": "b", "grade": "1e9"}', "grade '1e9'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9\tx.jpg")

    with pytest.raises(UsageError, match="latin is no UTF-8"):
        read_judgements(tmp_path / "latin")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_judgements(tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_judgements(tmp_path)


def test_what_is_missing_is_counted_and_five_are_named() -> None:
    rows = [Row("x", f"gone-{n}.jpg") for n in range(7)]

    with pytest.raises(UsageError) as told:
        from_judgements([*rows, *rows, *ROWS], shelf(**PICTURES), [HOME], tuple(Modality))

    assert "7 relevant files are not in the library" in told.value.sentence
    assert "gone-4.jpg and 2 more." in told.value.sentence
    assert "--skip-missing" in told.value.hint


def test_what_is_missing_can_be_left_out_and_is_still_told() -> None:
    rows = [Row("x", "gone.jpg"), *ROWS]

    asked = from_judgements(rows, shelf(**PICTURES), [HOME], tuple(Modality), skip_missing=True)

    assert asked.notes == ("1 relevant file is not in the library: gone.jpg.",)
    assert len(asked.directions[0].questions) == 3


def test_words_are_asked_for_each_kind_of_file_and_for_all() -> None:
    known = shelf(a=Modality.IMAGE, s=Modality.AUDIO)

    asked = from_judgements(
        [Row("rain", "a"), Row("rain", "s"), Row("sun", "a")], known, [HOME], tuple(Modality)
    )

    names = [(one.name, len(one.questions)) for one in asked.directions]
    assert names == [("words -> audio", 1), ("words -> image", 2), ("words -> audio + image", 2)]


def test_answers_outside_what_is_searched_are_left_out_and_told() -> None:
    known = shelf(a=Modality.IMAGE, s=Modality.AUDIO)
    rows = [Row("rain", "a"), Row("rain", "s")]

    asked = from_judgements(rows, known, [HOME], (Modality.AUDIO,))

    assert [one.name for one in asked.directions] == ["words -> audio"]
    assert asked.notes == ("1 answers lie outside --in or --under and are left out.",)
    with pytest.raises(UsageError, match="nothing to measure"):
        from_judgements(rows[:1], known, [HOME], (Modality.AUDIO,))


def test_a_trial_measures_what_the_library_answers() -> None:
    library = Rote({"words of a": "abc", "words of b": "abc", "words of c": "abc"})

    found = outcomes(library, shelf(**PICTURES), ROWS)["words -> image"]

    assert (found.queries, found.gallery, found.depth) == (3, 3, 3)
    assert value(found, "R@1") == pytest.approx(1 / 3)
    assert value(found, "MRR") == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert value(found, "median rank") == 2
    assert [rank for _, rank in found.ranks] == [1, 2, 3]
    assert next(one.chance for one in found.figures if one.name == "R@1") == pytest.approx(1 / 3)
    assert {least for _, _, least, _ in library.asked} == {0.0}


def test_the_words_of_a_file_are_found_by_the_same_scores() -> None:
    """File c scores best for its own words; a scores best for the words of a and of b alike."""
    library = Rote({"words of a": "abc", "words of b": "acb", "words of c": "cba"})

    found = outcomes(library, shelf(**PICTURES), ROWS)["image -> words"]

    assert found.pace is None
    assert found.ranks == ((str(HOME / "a"), 1), (str(HOME / "b"), 3), (str(HOME / "c"), 1))


def test_a_list_cut_short_cannot_be_read_the_other_way() -> None:
    library = Rote({row.query: "abc" for row in ROWS})

    found = outcomes(library, shelf(**PICTURES), ROWS, Trial(depth=2))

    assert list(found) == ["words -> image"]
    assert [rank for _, rank in found["words -> image"].ranks] == [1, 2, None]
    assert value(found["words -> image"], "MRR") == pytest.approx(1.5 / 3)


def test_a_file_is_not_its_own_answer(tmp_path: Path) -> None:
    known = shelf(**PICTURES)
    rows = [Row(str(tmp_path / "a"), "b"), Row(str(tmp_path / "a"), "a")]
    picture(tmp_path / "a.png", seed=1).rename(tmp_path / "a")
    known = Shelf(known.contents, known.within, {**known.by_path, tmp_path / "a": 1})
    library = Rote({str(tmp_path / "a"): "abc"})

    found = outcomes(library, known, rows)

    assert list(found) == ["image -> image"]
    assert found["image -> image"].gallery == 2
    assert value(found["image -> image"], "R@1") == 1
    assert value(found["image -> image"], "mAP@10") == 1
    assert [k for _, k, _, _ in library.asked][:1] == [3]


def test_overlap_is_with_the_exact_search() -> None:
    library = Rote({row.query: "ab" for row in ROWS}, truth={"words of a": "bc", "words of b": "c"})

    found = outcomes(library, shelf(**PICTURES), ROWS)["words -> image"]

    assert found.pace is not None
    assert found.pace.overlap == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert 0 < found.pace.p50 <= found.pace.p95


def test_a_step_that_is_missed_harms() -> None:
    names = [f"p{number}" for number in range(12)]
    known = shelf(**dict.fromkeys(names, Modality.IMAGE))
    rows = [Row(f"words of {name}", name) for name in names]
    good = {row.query: [row.path, *(n for n in names if n != row.path)] for row in rows}
    library = Rote(good, worse={query: answer[::-1] for query, answer in good.items()})

    trial = Trial(changed=changed_steps("hubness=off"))
    found = outcomes(library, known, rows, trial)["words -> image"]

    by_name = {one.name: one.changed for one in found.figures}
    assert by_name["median rank"] is None
    change = by_name["R@1"]
    assert change is not None
    assert (change.mean, change.verdict) == (-1, "harms")
    assert change.p < 0.01


def test_a_change_of_steps_is_read() -> None:
    assert changed_steps("hubness=off, Words=OFF") == Steps(hubness=False, words=False)
    for wrong in ("", "hubness", "hubness=maybe", "magic=off"):
        with pytest.raises(UsageError, match="no change of a step"):
            changed_steps(wrong)
    with pytest.raises(UsageError, match="nothing to compare"):
        changed_steps("hubness=on")


def test_a_limit_draws_as_many_and_the_same_again() -> None:
    asked = from_judgements(ROWS, shelf(**PICTURES), [HOME], tuple(Modality))

    draws = {_labels(sampled(asked, 2, seed)) for seed in range(20)}

    assert draws == {
        ("words of a", "words of b"),
        ("words of a", "words of c"),
        ("words of b", "words of c"),
    }
    assert _labels(sampled(asked, 2, 5)) == _labels(sampled(asked, 2, 5))
    assert sampled(asked, 9, 0) == asked or _labels(sampled(asked, 9, 0)) == _labels(asked)


def _labels(asked: Asked) -> tuple[str, ...]:
    return tuple(one.label for one in asked.directions[0].questions)


def test_captions_ask_for_their_media_and_are_not_searched(indexed: Library) -> None:
    made = plan(indexed, None)

    directions = {one.name: one for one in made.asked.directions}
    assert list(directions) == ["words -> image", "image -> text"]
    (asked,) = directions["words -> image"].questions
    assert asked.label == "a poppy on the table"
    assert not directions["words -> image"].captions
    (answer,) = asked.relevant
    assert made.shelf.path(answer).name == "red.png"
    (back,) = directions["image -> text"].questions
    assert Path(back.label).name == "red.png"
    assert [made.shelf.path(one).name for one in back.relevant] == ["red.txt"]


def test_one_caption_may_describe_several_files(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "twins"
    folder.mkdir()
    for seed, name in enumerate(("one", "two")):
        picture(folder / f"{name}.png", seed=seed)
        caption(folder / f"{name}.png.txt", "the same words")
    index(library, [folder], workers=1)

    made = plan(library, None)

    (asked,) = made.asked.directions[0].questions
    assert sorted(made.shelf.path(one).name for one in asked.relevant) == ["one.png", "two.png"]


def test_without_captions_a_file_is_asked_for(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    picture(folder / "one.png", seed=1)
    index(library, [folder], workers=1)

    with pytest.raises(UsageError, match="No captions were found") as told:
        plan(library, None)
    assert "seehear evaluate FILE" in told.value.hint


def test_files_with_the_same_bytes_are_one_answer(indexed: Library, media: Path) -> None:
    (media / "copy.png").write_bytes((media / "red.png").read_bytes())
    index(indexed, [media], workers=1)
    file = media.parent / "queries.tsv"
    file.write_text("poppy\tred.png\npoppy\tcopy.png\n")

    made = plan(indexed, file)

    (asked,) = made.asked.directions[0].questions
    assert len(asked.relevant) == 1
    assert made.shelf.count([Modality.IMAGE]) == 3


def test_a_set_of_questions_has_one_name_wherever_it_lies(
    library: Library, media: Path, tmp_path: Path
) -> None:
    file = tmp_path / "queries.tsv"
    file.write_text("poppy\tred.png\n")
    index(library, [media], workers=1)
    before = plan(library, file)
    moved = tmp_path / "moved"
    media.rename(moved)
    (moved / "red.png").rename(moved / "rouge.png")
    with Library.open(tmp_path / "other", create=True, profile="hashed") as other:
        index(other, [moved], workers=1)
        file.write_text("poppy\trouge.png\n")
        after = plan(other, file)
        file.write_text("a poppy\trouge.png\n")
        changed = plan(other, file)

    names = [one.asked.digest(one.shelf) for one in (before, after, changed)]
    assert names[0] == names[1] != names[2]


def test_the_exact_library_uses_no_snapshot(indexed: Library) -> None:
    with indexed.writing() as writer:
        indexed.publish(writer)
    for one in (indexed.path / "snapshots").iterdir():
        one.write_bytes(b"damaged")

    exact = indexed.exact()
    hits = exact.search("a poppy on the table", k=3, least=0.0).hits
    remarks = list(exact.remarks)
    damaged = indexed.search("a poppy on the table", k=3, least=0.0).hits

    assert remarks == []
    assert indexed.remarks
    assert [one.path for one in hits] == [one.path for one in damaged]
