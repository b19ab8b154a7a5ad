"""What is read of a thing: its own rows, those of captions beside it, words found in it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UsageError
from engine.library import Library
from engine.store.records import Content, SegmentRecord
from engine.store.writer import CatalogueWriter
from engine.teach.channels import Channel, Reading, chosen, encoders_of
from engine.teach.gather import rows_of
from engine.types import Modality, Origin, Span
from indexer import index
from making import caption, picture, tone
from tagged import film


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "media"
    made.mkdir()
    for seed, name in enumerate(("dog.png", "cat.png")):
        picture(made / name, seed=seed)
    caption(made / "dog.txt", "a dog on a beach")
    caption(made / "dog.png.txt", "grey sand")
    caption(made / "notes.txt", "the quick brown fox")
    tone(made / "long.wav", hertz=300, seconds=60)
    tone(made / "short.wav", hertz=900, seconds=1)
    return made


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True, profile="hashed") as opened:
        index(opened, [folder])
        yield opened


@pytest.fixture
def writer(library: Library) -> Iterator[CatalogueWriter]:
    with library.writing() as opened:
        yield opened


def by_name(catalogue: CatalogueWriter) -> dict[str, Content]:
    return {one.files[0].path.decode(): one for one in catalogue.contents_after(0, Modality)}


def test_each_content_has_the_rows_of_what_it_is(
    library: Library, writer: CatalogueWriter, folder: Path
) -> None:
    encoders = encoders_of(library.profile)
    contents = by_name(writer)
    rows = Reading(library, writer, encoders).rows(list(contents.values()))
    own = {
        "cat.png": Channel.IMAGE, "dog.png": Channel.IMAGE, "notes.txt": Channel.TEXT,
        "long.wav": Channel.AUDIO, "short.wav": Channel.AUDIO,
    }  # fmt: skip

    assert set(rows) == set(Channel)
    for name, channel in own.items():
        at = list(contents).index(name)
        (alone,) = rows_of(library, [folder / name], encoders[channel]).rows
        assert rows[channel][at] == pytest.approx(alone, abs=1e-6)
        others = [one for one in Channel if one is not channel and name != "dog.png"]
        assert all(np.isnan(rows[one][at]).all() for one in others)


def test_a_medium_has_the_mean_of_the_texts_beside_it(
    library: Library, writer: CatalogueWriter
) -> None:
    encoders = encoders_of(library.profile)
    contents = by_name(writer)
    reading = Reading(library, writer, {Channel.TEXT: encoders[Channel.TEXT]})
    two = rows_of(library, ["a dog on a beach", "grey sand"], encoders[Channel.TEXT]).rows
    mean = two.sum(axis=0) / np.linalg.norm(two.sum(axis=0))

    (dog, cat) = reading.rows([contents["dog.png"], contents["cat.png"]])[Channel.TEXT]
    assert dog == pytest.approx(mean, abs=1e-3)  # stored as float16
    assert np.isnan(cat).all()
    assert writer.standing_alone() == {
        contents[one].id for one in ("cat.png", "dog.png", "notes.txt", "long.wav", "short.wav")
    }


def test_words_that_were_heard_are_a_channel(library: Library, writer: CatalogueWriter) -> None:
    encoders = encoders_of(library.profile)
    contents = by_name(writer)
    said = [SegmentRecord(Span(0, 9), "leave me"), SegmentRecord(Span(9, 12), "alone")]
    writer.set_words(Origin.HEARD, {contents["long.wav"].id: said}, {})
    rows = Reading(library, writer, encoders).rows([contents["short.wav"], contents["long.wav"]])

    (alone,) = rows_of(library, ["leave me alone"], encoders[Channel.HEARD]).rows
    assert rows[Channel.HEARD][1] == pytest.approx(alone, abs=1e-6)
    assert np.isnan(rows[Channel.HEARD][0]).all()
    assert np.isnan(rows[Channel.SEEN]).all()


def test_a_film_is_its_shots_and_its_sound_if_it_has_any(library: Library, folder: Path) -> None:
    film(folder / "silent.mp4", "mp4")
    caption(folder / "silent.srt", "1\n00:00:01,000 --> 00:00:04,000\nlook at that\n")
    index(library, [folder])
    with library.writing() as writer:
        encoders = encoders_of(library.profile)
        rows = Reading(library, writer, encoders).rows([by_name(writer)["silent.mp4"]])
        (alone,) = rows_of(library, ["look at that"], encoders[Channel.TEXT]).rows

    assert np.linalg.norm(rows[Channel.IMAGE][0]) == pytest.approx(1, abs=1e-5)
    assert rows[Channel.TEXT][0] == pytest.approx(alone, abs=1e-3)
    assert np.isnan(rows[Channel.AUDIO]).all()


def test_channels_are_chosen_by_name(library: Library) -> None:
    encoders = encoders_of(library.profile)

    assert list(chosen(encoders, [])) == list(Channel)
    assert set(chosen(encoders, ["text", "image"])) == {Channel.TEXT, Channel.IMAGE}
    with pytest.raises(UsageError, match=r"'smell' to use\. Known: image, audio"):
        chosen(encoders, ["image", "smell"])
