"""One row for each thing that a person names, from the library or from the file itself."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.encode.hashed import hashed_audio, hashed_image, hashed_text
from engine.library import Library
from engine.teach import rows_of
from engine.types import Modality
from indexer import index
from making import caption, picture, tone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "media"
    made.mkdir()
    picture(made / "a.png", seed=1)
    picture(made / "b.png", seed=2)
    tone(made / "low.wav", hertz=300, seconds=7)
    caption(made / "notes.txt", " ".join(f"storm number {n}" for n in range(60)))
    return made


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True, profile="hashed") as opened:
        index(opened, [folder])
        yield opened


def test_stored_and_fresh_rows_of_a_file_are_one(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    for name, encoder in (("a.png", hashed_image()), ("low.wav", hashed_audio())):
        copy = tmp_path / name
        copy.write_bytes((folder / name).read_bytes())
        rows = rows_of(library, [folder / name, copy], encoder).rows

        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
        assert rows[0] @ rows[1] == pytest.approx(1, abs=1e-5)
        assert not np.array_equal(rows[0], rows[1])  # stored as float16, so not encoded again


def test_a_file_that_changed_is_encoded_anew(library: Library, folder: Path) -> None:
    before = rows_of(library, [folder / "a.png", folder / "b.png"], hashed_image()).rows
    (folder / "a.png").write_bytes((folder / "b.png").read_bytes())
    (after,) = rows_of(library, [folder / "a.png"], hashed_image()).rows

    assert after @ before[1] == pytest.approx(1, abs=1e-5)
    assert after @ before[0] < 0.9


def test_a_recording_is_the_mean_of_its_windows(library: Library, folder: Path) -> None:
    content = library.contents({Modality.AUDIO})[0]
    windows = library._catalogue.vectors_of(content.digest, hashed_audio().space).vectors
    mean = windows.mean(axis=0)

    assert len(windows) > 2
    (row,) = rows_of(library, [folder / "low.wav"], hashed_audio()).rows
    assert np.allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


def test_words_are_cut_like_a_text_file(library: Library, folder: Path) -> None:
    words = (folder / "notes.txt").read_text()
    rows = rows_of(library, [folder / "notes.txt", words, "a storm"], hashed_text()).rows

    assert len(words) > 400  # more than one passage
    assert rows[0] @ rows[1] == pytest.approx(1, abs=1e-5)
    assert rows[1] @ rows[2] < 0.95


def test_what_fails_is_told_and_its_neighbours_stay_in_place(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes((folder / "a.png").read_bytes()[:60])
    items = [
        tmp_path / "gone.png", folder / "a.png", tmp_path / "broken.png", folder / "low.wav",
        "words", tmp_path, folder / "a.png",
    ]  # fmt: skip
    found = rows_of(library, items, hashed_image())

    assert [place for place, _ in found.missing] == [0, 2, 3, 4, 5]
    reasons = dict(found.missing)
    for place, said in ((0, "no file"), (2, "broken.png"), (3, "is audio"), (4, "Words")):
        assert said in reasons[place]
    assert np.isnan(found.rows).all(axis=1).tolist() == [
        True, False, True, True, True, True, False,
    ]  # fmt: skip
    assert np.array_equal(found.rows[1], found.rows[6])


def test_nothing_gives_no_rows_and_progress_ends_at_all(library: Library, folder: Path) -> None:
    assert rows_of(library, [], hashed_image()).rows.shape == (0, 64)
    seen: list[tuple[int, int]] = []
    items = [folder / "a.png", folder / "a.png", folder / "b.png"]
    rows_of(library, items, hashed_image(), lambda done, total: seen.append((done, total)))

    assert seen == [(1, 2), (2, 2)]
