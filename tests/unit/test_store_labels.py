"""What classifiers said of contents: replaced, gone with the content, kept by a rebuild."""

import sqlite3
from contextlib import closing

from engine.query import Field, Filter, Given
from engine.store.records import Guess, SegmentRecord
from engine.store.writer import CatalogueWriter
from engine.types import Span
from making import content, file, rows

ANGRY = Filter(Field.LABEL, (Given("angry"),))


def two(catalogue: CatalogueWriter) -> tuple[int, int]:
    """Two contents, the first in two files; their ids."""
    catalogue.write(
        [file("a.jpg", "a"), file("copy of a.jpg", "a"), file("b.jpg", "b")],
        [content("a", rows([1, 0, 0, 0])), content("b", rows([0, 1, 0, 0]))],
    )
    first, second = catalogue.content_at(b"a"), catalogue.content_at(b"b")
    assert first is not None
    assert second is not None
    return first, second


def test_every_file_of_a_content_has_its_labels_and_they_go_with_it(
    catalogue: CatalogueWriter,
) -> None:
    first, second = two(catalogue)
    said = Guess("Angry", 0.9, {"audio": 0.7, "text": 0.3})
    catalogue.set_labels("emotion", {first: [said], second: [Guess("calm", 1.0)], 99: [said]})

    assert len(catalogue.admitted([ANGRY])) == 2
    assert catalogue.labels_of(first) == [("emotion", said)]
    assert catalogue.label_counts() == {"emotion": 2}
    catalogue.write([], [], [file("a.jpg", "a")])
    assert len(catalogue.admitted([ANGRY])) == 1
    catalogue.write([], [], [file("copy of a.jpg", "a")])
    assert catalogue.label_counts() == {"emotion": 1}


def test_a_classifier_replaces_what_it_said_and_nothing_else(catalogue: CatalogueWriter) -> None:
    first, second = two(catalogue)
    catalogue.set_labels("emotion", {first: [Guess("angry", 0.9)], second: [Guess("angry", 0.6)]})
    catalogue.set_labels("room", {first: [Guess("angry", 0.8)]})
    catalogue.set_labels("emotion", {first: [Guess("calm", 0.7)]})
    said = [(name, one.label) for name, one in catalogue.labels_of(first)]

    assert said == [("emotion", "calm"), ("room", "angry")]
    assert [one.label for _, one in catalogue.labels_of(second)] == ["angry"]
    catalogue.set_labels("emotion", {second: []})
    assert catalogue.labels_of(second) == []
    assert catalogue.drop_labels("emotion") == 1
    assert catalogue.label_counts() == {"room": 1}


def test_only_what_may_be_asked_for_is_kept(catalogue: CatalogueWriter) -> None:
    first, second = two(catalogue)
    many = [Guess(f"label {at}", 0.01) for at in range(98)]
    catalogue.set_labels("x", {first: [*many, Guess("a", 0.05), Guess("b", 0.4)], second: many})

    assert [one.label for _, one in catalogue.labels_of(first)] == ["b", "a"]
    assert [one.label for _, one in catalogue.labels_of(second)] == ["label 0"]


def test_a_part_of_a_content_may_have_a_label_of_its_own(catalogue: CatalogueWriter) -> None:
    parts = [SegmentRecord(Span(0, 5)), SegmentRecord(Span(5, 9))]
    both = rows([1, 0, 0, 0], [0, 1, 0, 0])
    catalogue.write([file("a.wav", "a")], [content("a", both, segments=parts)])
    with closing(sqlite3.connect(catalogue.path)) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM segment ORDER BY id")]
    guesses = [Guess("calm", 0.9), Guess("angry", 0.1)]
    guesses += [Guess("angry", 0.6, segment=ids[1]), Guess("calm", 0.4, segment=ids[1])]
    catalogue.set_labels("emotion", {1: guesses})

    assert len(catalogue.admitted([ANGRY])) == 1  # in one of its parts it is
    assert len(catalogue.labels_of(1)) == 4


def test_a_rebuild_keeps_labels_and_verify_finds_those_of_nothing(
    catalogue: CatalogueWriter,
) -> None:
    first, _ = two(catalogue)
    catalogue.set_labels("emotion", {first: [Guess("angry", 0.9)]})
    catalogue.rebuild_derived()

    assert len(catalogue.admitted([ANGRY])) == 2
    assert catalogue.inconsistencies() == []
    for statement in (
        "UPDATE label SET content_id = 77",
        "UPDATE label SET content_id = 1, segment_id = 77",
    ):
        with closing(sqlite3.connect(catalogue.path)) as connection:
            connection.execute(statement)
            connection.commit()
        assert catalogue.inconsistencies() == ["1 labels belong to no content"]
