"""Folders become a library: walks, repeats, moves, copies, failures, roots."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.library import Library
from engine.types import Modality
from indexer import IndexReport, Progress, index
from indexer.scan import scan
from making import caption, picture, tone


def counts(report: IndexReport) -> dict[str, int]:
    """The counts that are not zero."""
    names = ["added", "refreshed", "moved", "copies", "kept", "removed", "encoded"]
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def paths(library: Library) -> set[str]:
    return {hit.path.name for hit in library.search("fox", k=100, least=0.0).hits}


# --- walking -------------------------------------------------------------------------------


def test_a_walk_leaves_out_hidden_names_links_libraries_and_foreign_folders(tmp_path: Path) -> None:
    for folder in ("keep", ".hidden", "node_modules", "library"):
        (tmp_path / folder).mkdir()
        picture(tmp_path / folder / "a.png", seed=1)
    for mark in ("catalogue.db", "writer.lock"):
        (tmp_path / "library" / mark).touch()
    picture(tmp_path / ".b.png", seed=2)
    (tmp_path / "link.png").symlink_to(tmp_path / "keep" / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)

    found = scan(tmp_path, tmp_path)

    assert [one.path for one in found.files] == [b"keep/a.png"]
    assert (found.refused, found.ignored) == ([], [])


def test_a_walk_tells_candidates_from_refused_and_ignored(tmp_path: Path) -> None:
    for name in ("a.png", "film.mp4", "paper.pdf", "README", "b.wav"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.txt")

    found = scan(tmp_path, tmp_path)

    assert [one.path for one in found.files] == [b"a.png", b"b.wav", b"film.mp4"]
    assert {(one.path, why.split(":")[0]) for one, why in found.refused} == {
        (b"paper.pdf", "unsupported"),
        (b"pipe.txt", "not-regular"),
    }
    assert found.ignored == [tmp_path / "README"]


def test_a_name_that_is_no_text_is_walked_all_the_same(tmp_path: Path) -> None:
    name = b"caf\xe9.png"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()

    assert [one.path for one in scan(tmp_path, tmp_path).files] == [name]


# --- one run after another -----------------------------------------------------------------


def test_a_first_run_adds_everything_and_a_second_does_nothing(
    library: Library, media: Path
) -> None:
    first, second = index(library, [media]), index(library)

    assert counts(first) == {"added": 7, "encoded": 7}
    assert counts(second) == {"kept": 7}
    assert second.segments == 0


def test_a_changed_file_is_encoded_again(indexed: Library, media: Path) -> None:
    caption(media / "sub" / "notes.txt", "nothing but a hedgehog")

    assert counts(index(indexed)) == {"refreshed": 1, "kept": 6, "encoded": 1}
    assert indexed.search("hedgehog", k=1).hits[0].path.name == "notes.txt"


def test_a_moved_file_keeps_its_vectors(indexed: Library, media: Path) -> None:
    (media / "sub" / "green.png").rename(media / "lawn.png")

    assert counts(index(indexed)) == {"moved": 1, "kept": 6}
    assert "lawn.png" in paths(indexed)
    assert "green.png" not in paths(indexed)


def test_a_copy_is_found_and_not_encoded(indexed: Library, media: Path) -> None:
    (media / "twin.png").write_bytes((media / "red.png").read_bytes())

    report = index(indexed)
    hit = indexed.search("poppy", modalities={"image"}, k=1).hits[0]

    assert report.copies == 1
    assert report.encoded == 0
    assert {hit.path.name, *(path.name for path in hit.same)} == {"red.png", "twin.png"}


def test_copies_within_one_run_are_encoded_once(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for i in range(5):
        picture(folder / f"{i}.png", seed=1)

    assert index(library, [folder], workers=4).encoded == 1
    assert len(library.search("x", k=1, least=0.0).hits[0].same) == 4


def test_a_removed_file_is_not_found(indexed: Library, media: Path) -> None:
    (media / "low.wav").unlink()

    assert counts(index(indexed)) == {"kept": 6, "removed": 1}
    assert "low.wav" not in paths(indexed)


def test_a_broken_file_is_skipped_with_its_reason_and_harms_no_other(
    library: Library, media: Path
) -> None:
    (media / "broken.png").write_bytes((media / "red.png").read_bytes()[:60])

    report = index(library, [media])

    assert [(skip.path.name, skip.reason.split(":")[0]) for skip in report.skipped] == [
        ("broken.png", "truncated")
    ]
    assert report.added == 7
    assert library.status().problems[0][0] == media / "broken.png"


def test_an_indexed_file_that_breaks_is_no_longer_found(indexed: Library, media: Path) -> None:
    (media / "red.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    index(indexed)

    assert "red.png" not in paths(indexed)
    assert indexed.verify().findings == ()


def test_an_unmounted_root_keeps_what_is_known(indexed: Library, media: Path) -> None:
    media.rename(media.with_name("unmounted"))

    report = index(indexed)

    assert (report.removed, report.away) == (0, (media,))
    assert len(paths(indexed)) == 7
    assert indexed.verify().unreachable == (media,)


def test_only_the_given_folder_is_walked(indexed: Library, media: Path) -> None:
    (media / "low.wav").unlink()
    (media / "sub" / "high.wav").unlink()

    assert index(indexed, [media / "sub"]).removed == 1
    assert "low.wav" in paths(indexed)


def test_a_folder_above_a_root_takes_it_over(indexed: Library, media: Path) -> None:
    report = index(indexed, [media.parent])

    assert (report.encoded, report.kept) == (0, 7)
    assert indexed.status().roots == (media.parent,)
    assert indexed.search("a poppy", modalities={"image"}).hits[0].because[0].source.gallery == (
        "caption"
    )


@pytest.mark.parametrize("workers", [1, 4])
def test_the_number_of_workers_changes_no_answer(tmp_path: Path, media: Path, workers: int) -> None:
    answers = []
    for name, threads in (("one", 1), ("several", workers)):
        with Library.open(tmp_path / name, create=True, profile="hashed") as library:
            index(library, [media], workers=threads)
            hits = library.search("fox", least=0.0).hits
            answers.append([(hit.path, round(hit.score, 4)) for hit in hits])

    assert answers[0] == answers[1]


def test_windows_of_a_recording_become_segments(library: Library, tmp_path: Path) -> None:
    """Windows of two seconds, one each second: 0-2, 1-3, 2-4."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    tone(folder / "a.wav", hertz=440, seconds=4)
    report = index(library, [folder])

    (hit,) = library.search("x", least=0.0).hits

    assert report.segments == 3
    assert library.status().segments == {Modality.AUDIO: 3}
    with closing(sqlite3.connect(library.path / "catalogue.db")) as catalogue:
        spans = catalogue.execute('SELECT start, "end" FROM segment ORDER BY ordinal').fetchall()
    assert spans == [(0, 2_000), (1_000, 3_000), (2_000, 4_000)]
    assert hit.span is not None, "a moment, of one or more windows"
    assert (hit.span.start % 1_000, hit.span.end % 1_000) == (0, 0)


def test_progress_counts_every_file_that_needs_work(library: Library, media: Path) -> None:
    seen: list[Progress] = []
    index(library, [media], watch=seen.append)

    done = [one.done for one in seen]

    assert done == sorted(done)
    assert (seen[-1].done, {one.total for one in seen}) == (7, {7})


def test_what_was_committed_before_an_interruption_is_kept(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.pipeline.BATCH_FILES", 2)

    def interrupt(progress: Progress) -> None:
        if progress.done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(library, [media], watch=interrupt, workers=1)
    kept = sum(library.status().files.values())

    assert kept == 4
    assert counts(index(library)) == {"added": 3, "kept": 4, "encoded": 3}
    assert library.verify().findings == ()


# --- what cannot be indexed ----------------------------------------------------------------


def test_nothing_to_index_is_a_usage_error(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to index yet"):
        index(library)
    with pytest.raises(UsageError, match="There is nothing at"):
        index(library, [tmp_path / "none"])
    with pytest.raises(UsageError, match="outside the indexed folders"):
        index(library, [picture(tmp_path / "a.png", seed=1)])
