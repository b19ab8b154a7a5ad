"""A library opens, finds, and is written by one process at a time."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine import vectors
from engine.bundle import Bundle
from engine.encode.hashed import Hashed
from engine.errors import (
    LibraryDamagedError,
    LibraryLockedError,
    LibraryMissingError,
    LibraryVersionError,
    UsageError,
)
from engine.library import MAX_HITS, Library
from engine.query import Query, Term
from engine.result import SearchResult
from engine.search.example import MAX_PIECES
from engine.types import Modality
from indexer import index
from making import caption, encoder_of, flipped, names_in, picture, tone


def names(result: SearchResult) -> list[str]:
    return [hit.path.name for hit in result.hits]


# --- opening -------------------------------------------------------------------------------


def test_a_missing_library_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissingError) as caught:
        Library.open(tmp_path / "none")
    assert caught.value.path == tmp_path / "none"
    assert names_in(tmp_path) == []


def test_a_new_library_is_a_private_folder_that_explains_itself(tmp_path: Path) -> None:
    with Library.open(tmp_path / "a" / "b", create=True, profile="hashed") as library:
        folder = library.path

    assert (folder.stat().st_mode & 0o777) == 0o700
    assert "Do not edit" in (folder / "README.txt").read_text()


def test_a_library_keeps_the_profile_it_was_made_with(library: Library) -> None:
    with Library.open(library.path) as again, Library.open(library.path, profile="hashed"):
        assert again.profile.name == "hashed"
    with pytest.raises(UsageError, match="made with profile 'hashed', not 'starter'"):
        Library.open(library.path, profile="starter")


def test_an_unknown_profile_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile"):
        Library.open(tmp_path / "x", create=True, profile="nonsense")
    assert not (tmp_path / "x").exists()


def test_a_file_in_the_place_of_the_catalogue_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "catalogue.db").write_bytes(b"no database" * 1000)

    with pytest.raises(LibraryDamagedError):
        Library.open(tmp_path)


def test_a_library_of_a_newer_format_is_refused(library: Library) -> None:
    with closing(sqlite3.connect(library.path / "catalogue.db")) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(LibraryVersionError):
        Library.open(library.path)


# --- searching -----------------------------------------------------------------------------


def test_the_words_of_a_text_find_it(indexed: Library) -> None:
    found = indexed.search("quick brown fox", modalities={"text"}, k=1)

    assert names(found) == ["notes.txt"]
    assert "quick brown fox" in found.hits[0].snippet


def test_the_words_of_a_caption_find_its_picture(indexed: Library) -> None:
    first = indexed.search("a poppy on the table", modalities={"image"}, least=0.0).hits[0]

    assert first.path.name == "red.png"
    assert first.because[0].source.gallery == "caption"


def test_k_bounds_the_hits(indexed: Library) -> None:
    sizes = [len(indexed.search("fox", k=k, least=0.0).hits) for k in (1, 3, MAX_HITS)]

    assert sizes == [1, 3, 7]


@pytest.mark.parametrize("k", [0, -1, MAX_HITS + 1])
def test_k_out_of_bounds_is_a_usage_error(indexed: Library, k: int) -> None:
    with pytest.raises(UsageError, match=r"from 1 to 10,000"):
        indexed.search("fox", k=k)


def test_an_unknown_modality_is_a_usage_error_that_lists_the_known(indexed: Library) -> None:
    with pytest.raises(UsageError, match="smell") as caught:
        indexed.search("fox", modalities={"smell"})
    assert "audio" in caught.value.hint


def test_an_empty_library_has_no_hits(library: Library) -> None:
    assert library.search("fox", least=0.0).hits == ()


def test_only_files_below_a_folder_are_found(indexed: Library, media: Path) -> None:
    found = indexed.search("fox", under=[media / "sub"], least=0.0)

    assert {hit.path.parent for hit in found.hits} == {media / "sub"}
    assert len(found.hits) == 4


def test_a_folder_may_be_given_relative_to_where_one_is(
    indexed: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(media / "sub")

    assert len(indexed.search("fox", under=["."], least=0.0).hits) == 4
    assert len(indexed.search("fox", under=[".."], least=0.0).hits) == 7


# --- similar -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["red.png", "low.wav", "red.txt"])
def test_a_file_is_not_similar_to_itself(indexed: Library, media: Path, name: str) -> None:
    found = names(indexed.similar(media / name))

    assert found
    assert name not in found


def test_a_file_given_by_a_roundabout_path_is_not_similar_to_itself(
    indexed: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(media / "sub")

    assert "red.png" not in names(indexed.similar("../red.png"))
    assert "red.png" not in names(indexed.similar(media / "sub" / ".." / "red.png"))


def test_a_similar_file_is_of_the_same_modality_unless_another_is_asked_for(
    indexed: Library, media: Path
) -> None:
    own = indexed.similar(media / "red.png")
    other = indexed.similar(media / "red.png", modalities={"audio"})

    assert {hit.modality for hit in own.hits} == {Modality.IMAGE}
    assert {hit.modality for hit in other.hits} == {Modality.AUDIO}


def test_a_file_need_not_be_indexed_to_be_compared(indexed: Library, tmp_path: Path) -> None:
    copy = picture(tmp_path / "elsewhere.png", seed=2)

    assert names(indexed.similar(copy))[0] == "green.png"


# --- the vectors of a query ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "at"), [("red.png", "image"), ("low.wav", "audio"), ("red.txt", "text")]
)
def test_a_query_by_stored_vectors_equals_a_query_by_encoding(
    indexed: Library, media: Path, tmp_path: Path, name: str, at: str
) -> None:
    copy = tmp_path / f"copy-{name}"
    copy.write_bytes((media / name).read_bytes())
    encoder = encoder_of(indexed.profile, Modality(at))

    stored = indexed.embed(Term(Modality(at), media / name), encoder)
    encoded = indexed.embed(Term(Modality(at), copy), encoder)

    assert stored.shape == encoded.shape
    assert np.abs(stored - encoded).max() < 2e-3


def test_an_unchanged_indexed_file_is_not_encoded_again(
    indexed: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hashed, "encode", lambda *_: pytest.fail("it was encoded"))

    assert len(indexed.search(Query(image=media / "red.png"), least=0.0).hits) > 0


def test_a_file_that_changed_since_is_encoded_again(indexed: Library, media: Path) -> None:
    picture(media / "red.png", seed=3)

    assert names(indexed.search(Query(image=media / "red.png"), modalities={"image"}))[0] == (
        "blue.png"
    )


def test_a_long_recording_asks_with_its_first_minutes(library: Library, tmp_path: Path) -> None:
    """One window a second: 59 whole ones in a minute, of which 48 are used."""
    long = tone(tmp_path / "long.wav", hertz=300, seconds=60)
    encoder = encoder_of(library.profile, Modality.AUDIO)

    assert len(library.embed(Term(Modality.AUDIO, long), encoder)) == MAX_PIECES


def test_a_file_of_another_kind_than_asked_is_a_usage_error(indexed: Library, media: Path) -> None:
    with pytest.raises(UsageError, match="is audio, not image"):
        indexed.search(Query(image=media / "low.wav"))


# --- writing -------------------------------------------------------------------------------


def test_a_second_writer_is_told_who_writes(library: Library, media: Path) -> None:
    with (
        library.writing(),
        Library.open(library.path) as other,
        pytest.raises(LibraryLockedError) as caught,
    ):
        index(other, [media])
    assert (caught.value.pid, caught.value.exit_code) == (os.getpid(), 11)


def test_the_lock_goes_with_its_process(library: Library) -> None:
    holder = (
        "import sys, time; from engine.library import Library\n"
        "with Library.open(sys.argv[1]) as one, one.writing():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", holder, str(library.path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LibraryLockedError) as caught, library.writing():
            pass
        process.kill()

    assert caught.value.pid == process.pid
    with library.writing() as writer:
        assert writer.seq() > 0


def test_searching_goes_on_while_another_writes(indexed: Library) -> None:
    with Library.open(indexed.path) as other, other.writing():
        assert len(indexed.search("fox", least=0.0).hits) == 7


def test_a_reader_sees_what_was_written_after_it_opened(indexed: Library, media: Path) -> None:
    before = len(indexed.search("fox", least=0.0).hits)
    caption(media / "more.txt", "a second fox")
    with Library.open(indexed.path) as other:
        index(other)

    assert (before, len(indexed.search("fox", least=0.0).hits)) == (7, 8)


def test_a_file_that_is_forgotten_is_not_found_and_stays_on_disk(
    indexed: Library, media: Path
) -> None:
    gone = indexed.forget(media / "sub")

    assert gone == 4
    assert (media / "sub" / "notes.txt").exists()
    assert {hit.path.parent for hit in indexed.search("fox", least=0.0).hits} == {media}
    assert indexed.verify().findings == ()


def test_a_forgotten_root_is_no_root(indexed: Library, media: Path) -> None:
    indexed.forget(media)

    assert indexed.status().roots == ()
    assert indexed.search("fox", least=0.0).hits == ()


def test_a_path_with_dots_can_be_forgotten(indexed: Library, media: Path) -> None:
    assert indexed.forget(media / "sub" / ".." / "red.png") == 1


def test_what_was_never_indexed_cannot_be_forgotten(indexed: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Nothing indexed is at"):
        indexed.forget(tmp_path / "elsewhere")


# --- derived files -------------------------------------------------------------------------


def test_a_sound_library_has_nothing_to_report(indexed: Library) -> None:
    verdict = indexed.verify()

    assert (verdict.findings, verdict.unreachable) == ((), ())
    assert verdict.vectors == 7
    assert verdict.snapshots == 6


def test_a_removed_file_leaves_the_other_galleries_sound(indexed: Library, media: Path) -> None:
    (media / "red.png").unlink()
    index(indexed)

    assert indexed.verify().findings == ()
    assert len(indexed.search("fox", modalities={"audio"}, least=0.0).hits) == 2


def test_damaged_snapshots_are_reported_and_change_no_answer(indexed: Library) -> None:
    expected = [(hit.path, round(hit.score, 3)) for hit in indexed.search("fox", least=0.0).hits]
    for snapshot in (indexed.path / "snapshots").iterdir():
        flipped(snapshot)

    with Library.open(indexed.path) as again:
        found = [(hit.path, round(hit.score, 3)) for hit in again.search("fox", least=0.0).hits]
        assert found == expected
        assert len(again.remarks) == 5  # words need no landmarks
        assert len(again.verify().findings) == 6
        assert again.rebuild() == 6
        assert again.verify().findings == ()


def test_the_folder_of_snapshots_may_be_deleted(indexed: Library) -> None:
    expected = names(indexed.search("fox"))
    for snapshot in (indexed.path / "snapshots").iterdir():
        snapshot.unlink()

    with Library.open(indexed.path) as again:
        assert names(again.search("fox")) == expected


def test_what_an_interrupted_writer_left_is_swept(indexed: Library) -> None:
    folder = indexed.path / "snapshots"
    (folder / "left.snapshot").write_bytes(b"x")
    (folder / "left.snapshot.tmp").write_bytes(b"x")
    with indexed.writing():
        pass

    assert len(list(folder.iterdir())) == 6


@pytest.mark.parametrize("small", [10**9, 0], ids=["flat", "scan"])
def test_a_damaged_row_is_told_of_and_neither_a_search_nor_a_run_fails(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    """Rows of large galleries are checked when they are read, not when they are opened."""
    monkeypatch.setattr(vectors, "SMALL", small)
    indexed.rebuild()
    expected = [(hit.path, hit.score) for hit in indexed.search("fox", least=0).hits]
    for record in indexed._catalogue.snapshots():
        file = indexed.path / "snapshots" / record.name
        bundle = Bundle(file, record.size, record.sha256)
        if "rows" in bundle:
            flipped(file, bundle._places["rows"].offset)

    with Library.open(indexed.path) as again:
        assert [(h.path, h.score) for h in again.search("fox", least=0).hits] == expected
        assert any("is not used" in one for one in again.remarks)
    (root,) = indexed._catalogue.roots()
    for number in range(30):
        caption(root / f"new {number}.txt", f"a new text, number {number}")
    with Library.open(indexed.path) as third:
        assert index(third).added == 30
        assert len(third.verify().findings) > 0
        third.rebuild()
        assert third.verify().findings == ()
