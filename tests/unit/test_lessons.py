"""Labelled files and texts as rows: indexed or not, in groups, with what was left out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UsageError
from engine.library import Library
from engine.teach.channels import Channel, Reading, encoders_of
from engine.teach.lessons import Lesson, lesson_of
from engine.teach.tables import Item, Labelled
from indexer import index
from making import caption, picture, tone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "media"
    made.mkdir()
    picture(made / "dog.png", seed=1)
    caption(made / "dog.txt", "a dog on a beach")
    (made / "same dog.png").write_bytes((made / "dog.png").read_bytes())
    picture(made / "cat.png", seed=2)
    tone(made / "low.wav", hertz=300)
    return made


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True, profile="hashed") as opened:
        index(opened, [folder])
        yield opened


def learnt(library: Library, *rows: tuple[Item, str] | tuple[Item, str, str]) -> Lesson:
    things = [Labelled(*row[:2], (*row, "")[2], at) for at, row in enumerate(rows, 1)]
    with library.writing() as writer:
        reading = Reading(library, writer, encoders_of(library.profile))
        return lesson_of(reading, things)


def has(lesson: Lesson, channel: Channel) -> list[bool]:
    return (~np.isnan(lesson.views[channel.value]).any(axis=1)).tolist()


def test_files_in_and_outside_the_library_and_words_have_rows(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    outside = picture(tmp_path / "outside.png", seed=2)
    found = learnt(
        library, (outside, "cat"), (folder / "dog.png", "dog"), (folder / "cat.png", "cat"),
        ("a sad song", "song"), (folder / "low.wav", "song"),
    )  # fmt: skip

    assert found.labels == ("cat", "dog", "cat", "song", "song")
    assert has(found, Channel.IMAGE) == [True, True, True, False, False]
    assert has(found, Channel.TEXT) == [False, True, False, True, False]  # the dog has a caption
    assert has(found, Channel.AUDIO) == [False, False, False, False, True]
    rows = found.views["image"]
    assert rows[0] @ rows[2] == pytest.approx(1, abs=1e-5)  # the same picture
    assert rows[1] @ rows[2] < 0.9
    assert found.left_out == ()


def test_a_changed_file_is_read_again_and_has_no_caption(library: Library, folder: Path) -> None:
    (folder / "dog.png").write_bytes((folder / "cat.png").read_bytes())
    found = learnt(library, (folder / "dog.png", "x"), (folder / "cat.png", "x"))

    assert found.views["image"][0] @ found.views["image"][1] == pytest.approx(1, abs=1e-5)
    assert has(found, Channel.TEXT) == [False, False]


def test_equal_bytes_are_one_group_unless_groups_are_given(library: Library, folder: Path) -> None:
    dog, same, cat = (folder / one for one in ("dog.png", "same dog.png", "cat.png"))
    found = learnt(library, (dog, "a"), (same, "a"), (cat, "a"))
    assert found.groups[0] == found.groups[1] != found.groups[2]

    named = learnt(library, (dog, "a", "p1"), (same, "a", "p2"), (cat, "a", "p1"))
    assert named.groups[0] == named.groups[2] != named.groups[1]


def test_equal_bytes_with_two_labels_are_refused(library: Library, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"same bytes as .*dog\.png, but line 2 says 'b'"):
        learnt(library, (folder / "dog.png", "a"), (folder / "same dog.png", "b"))


def test_what_cannot_be_read_is_left_out_with_its_reason(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes((folder / "dog.png").read_bytes()[:60])
    found = learnt(
        library, (tmp_path / "gone.png", "a"), (folder / "cat.png", "b"),
        (tmp_path / "broken.png", "c"), (" ", "d"),
    )  # fmt: skip

    assert found.labels == ("b",)
    assert [(one.line, why) for one, why in found.left_out] == [
        (1, f"There is no file {tmp_path}/gone.png."),
        (3, found.left_out[1][1]),
        (4, "' ' has nothing in it to encode."),
    ]
    assert "broken.png cannot be searched with" in found.left_out[1][1]
