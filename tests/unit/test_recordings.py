"""What a library knows of its recordings follows what is indexed, and survives damage."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine import recordings
from engine.bundle import Memory
from engine.errors import LibraryDamagedError
from engine.library import Library
from engine.query import Query, Term
from engine.rank.landmarks import Codes, PeakFinder, read_anew
from engine.recordings import FINGERPRINT, NAME, Recordings
from engine.result import Hit
from engine.search.terms import RECORDING
from engine.types import Modality
from indexer import index
from making import flipped, melody, sound, tone

RATE = 44_100


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Three recordings of 30 s; `show.wav` has the jingle at 12 s and `late.wav` at 20 s."""
    media = tmp_path / "media"
    media.mkdir()
    jingle = melody(1, 3.0)
    sound(tmp_path / "jingle.wav", jingle)
    for seed, (name, at) in enumerate({"show": 12, "late": 20, "other": None}.items(), start=10):
        samples = melody(seed, 30.0)
        if at is not None:
            samples[at * RATE : at * RATE + len(jingle)] += jingle
        sound(media / f"{name}.wav", samples * np.float32(0.5))
    return media


@pytest.fixture
def library(tmp_path: Path, media: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True, profile="hashed") as library:
        index(library, [media])
        yield library


def jingle_of(media: Path) -> Path:
    return media.parent / "jingle.wav"


def same(library: Library, path: Path, **how: bool) -> dict[str, tuple[int, int]]:
    """The files that hold the very recording, with the second from which and to which."""
    hits = library.similar(path, k=20, **how).hits
    return {
        hit.path.name: (round(hit.span.start / 1000), round(hit.span.end / 1000))
        for hit in hits
        if is_same(hit) and hit.span is not None
    }


def is_same(hit: Hit) -> bool:
    return any(one.source.space == RECORDING for one in hit.because)


def table(library: Library) -> Path:
    (record,) = library._catalogue.snapshots(NAME)[:1]
    return library.path / "snapshots" / record.name


def change(library: Library, *statements: str) -> None:
    with closing(sqlite3.connect(library.path / "catalogue.db")) as connection:
        for one in statements:
            connection.execute(one)
        connection.commit()


def test_files_that_hold_the_recording_come_first_and_say_so(library: Library, media: Path) -> None:
    hits = library.similar(jingle_of(media)).hits

    assert [is_same(hit) for hit in hits] == [True, True, False]
    assert same(library, jingle_of(media)) == {"show.wav": (12, 15), "late.wav": (20, 23)}
    assert [hit.relevance for hit in hits[:2]] == [1.0, 1.0]


def test_search_finds_the_same_as_similar_and_the_file_itself(
    library: Library, media: Path
) -> None:
    query = Query(more=(Term(Modality.AUDIO, media / "show.wav"),))
    first, *others = library.search(query).hits

    assert (first.path.name, first.span and first.span.start) == ("show.wav", 0)
    assert [hit.path.name for hit in others if is_same(hit)] == ["late.wav"]
    assert same(library, media / "show.wav") == {"late.wav": (20, 23)}


def test_conditions_hold_for_them_too(library: Library, media: Path) -> None:
    query = Query(more=(Term(Modality.AUDIO, jingle_of(media)),))

    assert library.search(query, modalities={"image"}).hits == ()
    assert library.search(query, under=[media / "none"]).hits == ()


def test_a_sound_that_occurs_nowhere_is_answered_as_before(
    library: Library, tmp_path: Path
) -> None:
    nowhere = sound(tmp_path / "nowhere.wav", melody(77, 3.0))

    assert len(library.similar(nowhere).hits) == 3
    assert same(library, nowhere) == {}


def test_it_is_pushed_away_only_by_sense(library: Library, media: Path) -> None:
    away = Term(Modality.AUDIO, jingle_of(media), -1.0)
    query = Query(more=(Term(Modality.AUDIO, media / "other.wav"), away))

    assert not any(is_same(hit) for hit in library.search(query, least=0.0).hits[1:])


def test_what_is_added_is_found_and_what_is_removed_is_not(library: Library, media: Path) -> None:
    before = table(library)
    sound(media / "new.wav", np.concatenate([melody(20, 5.0), melody(1, 3.0)]))
    index(library)
    assert table(library) == before  # what came since is read from the catalogue
    assert same(library, jingle_of(media))["new.wav"] == (5, 8)

    (media / "late.wav").unlink()
    os.link(media / "show.wav", media / "copy.wav")
    index(library)
    found = same(library, jingle_of(media))
    assert found.pop("new.wav") == (5, 8)
    assert set(found) <= {"show.wav", "copy.wav"}
    assert len(found) == 1
    assert library.verify().findings == ()


def test_a_snapshot_is_made_anew_when_much_has_changed(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = table(library)
    monkeypatch.setattr(recordings, "DELTA_BYTES", 10)
    sound(media / "new.wav", np.concatenate([melody(20, 5.0), melody(1, 3.0)]))
    index(library)
    after = table(library)
    assert after != before

    (media / "show.wav").unlink()
    index(library)
    assert table(library) not in {before, after}
    assert same(library, jingle_of(media)) == {"late.wav": (20, 23), "new.wav": (5, 8)}


def test_a_reader_that_is_open_sees_what_another_process_adds(
    library: Library, media: Path
) -> None:
    assert "new.wav" not in same(library, jingle_of(media))
    sound(media / "new.wav", np.concatenate([melody(20, 5.0), melody(1, 3.0)]))
    with Library.open(library.path) as writer:
        index(writer)

    assert same(library, jingle_of(media))["new.wav"] == (5, 8)


@pytest.mark.parametrize("damage", ["cut", "head", "gone"])
def test_a_damaged_snapshot_is_told_and_changes_no_answer(
    library: Library, media: Path, damage: str
) -> None:
    expected, path = same(library, jingle_of(media)), table(library)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "head":
        flipped(path, at=200)
    else:
        path.unlink()

    with Library.open(library.path) as again:
        assert same(again, jingle_of(media)) == expected
        assert any(path.name in one for one in again.remarks)
        assert len(again.verify().findings) == 1
        again.rebuild()
        assert again.verify().findings == ()
        assert same(again, jingle_of(media)) == expected


def test_wrong_frames_in_a_snapshot_make_no_match_and_no_error(
    library: Library, media: Path
) -> None:
    path = table(library)
    data = bytearray(path.read_bytes())
    frames = Recordings.of(library._catalogue.peaks_since(0)).frames.tobytes()
    at = data.index(frames)
    data[at : at + len(frames)] = np.random.default_rng(0).bytes(len(frames))
    path.write_bytes(data)

    with Library.open(library.path) as again:
        assert same(again, jingle_of(media)) == {}
        (finding,) = again.verify().findings
    assert path.name in finding


def test_a_damaged_row_is_told_by_verify(library: Library) -> None:
    change(library, "UPDATE landmark SET peaks = zeroblob(length(peaks)) WHERE content_id = 1")

    with Library.open(library.path) as again, pytest.raises(LibraryDamagedError, match="landmarks"):
        again.verify()


def test_an_older_library_is_told_and_learns_at_the_next_index(
    library: Library, media: Path
) -> None:
    expected = same(library, jingle_of(media))
    change(library, "DROP TABLE landmark", "DELETE FROM snapshot", "PRAGMA user_version = 2")

    with Library.open(library.path) as old:
        assert same(old, jingle_of(media)) == {}
        assert any("3 sounds or videos" in one and "seehear index" in one for one in old.remarks)
        report = index(old)
        assert (report.recognised, report.encoded) == (3, 0)
        assert same(old, jingle_of(media)) == expected
        assert index(old).recognised == 0
    assert (library.path / "catalogue.format2.db").exists()


def test_a_rebuild_makes_the_table_but_cannot_hear(library: Library, media: Path) -> None:
    change(library, "DELETE FROM landmark WHERE content_id = 1", "DELETE FROM snapshot")

    with Library.open(library.path) as old:
        old.rebuild()
        assert any("1 sounds or videos" in one for one in old.remarks)
        assert len(same(old, jingle_of(media))) == 1
        assert len(old.remarks) == 1


def test_what_is_away_is_learnt_when_it_is_back(library: Library, media: Path) -> None:
    media.rename(media.parent / "away")
    change(library, "DELETE FROM landmark", "DELETE FROM snapshot")
    media.mkdir()
    assert index(library).recognised == 0

    media.rmdir()
    (media.parent / "away").rename(media)
    assert index(library).recognised == 3
    assert len(same(library, jingle_of(media))) == 2


def test_landmarks_are_the_same_made_with_the_vectors_or_later(library: Library) -> None:
    def kept() -> list[bytes]:
        return [codes.tobytes() for _, codes in library._catalogue.peaks_since(0)]

    expected = kept()
    change(library, "DELETE FROM landmark")
    index(library)

    assert [len(one) for one in kept()] == pytest.approx([len(one) for one in expected], rel=0.05)


def test_a_sound_without_peaks_is_not_listened_to_again(library: Library, media: Path) -> None:
    sound(media / "silent.wav", np.zeros(RATE, np.float32))
    tone(media / "tone.wav", hertz=440)
    index(library)

    assert library._catalogue.unheard() == []
    assert index(library).recognised == 0


def test_a_table_reads_back_as_it_was_written() -> None:
    made = Recordings.of(
        [(7, _peaks(melody(1, 3.0, 11_025))), (9, _peaks(np.zeros(9, np.float32)))]
    )
    kept = Memory()
    made.put(kept)
    again = Recordings.load(kept)

    for name in ("contents", "begins", "keys", "starts", "frames"):
        assert getattr(again, name).tolist() == getattr(made, name).tolist(), name
    assert [one for one, _ in again.find(read_anew(melody(1, 3.0, 11_025)))] == [7]


def test_an_empty_table_finds_nothing() -> None:
    assert Recordings.of([]).find(read_anew(melody(1, 3.0, 11_025))) == []


def test_snapshots_made_in_another_way_are_not_used(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "FINGERPRINT", FINGERPRINT + "x")
    table(library).unlink()

    with Library.open(library.path) as again:
        assert len(same(again, jingle_of(media))) == 2
        assert again.remarks == []


def _peaks(samples: np.ndarray) -> Codes:
    finder = PeakFinder()
    finder.take(samples)
    return finder.finish()
