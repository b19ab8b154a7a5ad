"""Folders that look as they did are not compared, and nothing is missed for that."""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.library import Library
from engine.media import formats
from engine.store.catalogue import CatalogueReader
from engine.store.paths import folder_of
from indexer import IndexReport, index
from indexer.read import Failed, Reader, Reading
from indexer.scan import FoundFile
from making import caption, picture


@pytest.fixture
def media(tmp_path: Path) -> Path:
    root = tmp_path / "media"
    for folder in ("", "trip", "trip/day one", "other"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in "ab":
            caption(root / folder / f"{name}.txt", f"a {name} in {folder or 'all'}")
    picture(root / "trip" / "p.png", seed=1)
    (root / "trip" / "broken.png").write_bytes(b"no picture")
    (root / "other" / "README").write_text("no media")
    (root / "other" / "plan.pdf").write_bytes(b"%PDF-")
    return root


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True, profile="hashed") as opened:
        yield opened


def told(report: IndexReport) -> IndexReport:
    """What a report says, without the time that it took."""
    return replace(report, seconds=0.0)


def compared(monkeypatch: pytest.MonkeyPatch) -> list[set[bytes]]:
    """The folders of whose files rows are read, run by run."""
    seen: list[set[bytes]] = []
    files = CatalogueReader.files

    def watched(self: CatalogueReader, *args: object, **named: object) -> object:
        found = files(self, *args, **named)  # type: ignore[arg-type]
        seen.append({folder_of(row.path) for row in found})
        return found

    monkeypatch.setattr(CatalogueReader, "files", watched)
    return seen


def test_where_nothing_changed_no_file_is_compared(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = index(library, [media])
    seen = compared(monkeypatch)

    again = index(library)

    assert seen == []
    assert (again.kept, again.added, again.removed) == (first.added, 0, 0)
    assert (again.skipped, again.ignored) == (first.skipped, first.ignored)
    assert len(again.skipped) == 2
    assert len(again.ignored) == 1


def test_only_a_folder_that_changed_is_compared(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(library, [media])
    caption(media / "trip" / "day one" / "new.txt", "new words")
    seen = compared(monkeypatch)

    assert index(library).added == 1
    assert seen == [{b"trip/day one"}]
    assert index(library).added == 0
    assert len(seen) == 1


def test_what_was_forgotten_comes_back(library: Library, media: Path) -> None:
    index(library, [media])
    library.forget(media / "trip" / "a.txt")

    assert index(library).added == 1


def test_a_file_that_was_barred_is_tried_again_though_nothing_changed(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Reader._read

    def barred(self: Reader, file: FoundFile) -> Reading:
        return Failed("io: the disk failed") if file.path == b"a.txt" else read(self, file)

    with monkeypatch.context() as patched:
        patched.setattr(Reader, "_read", barred)
        assert len(index(library, [media]).skipped) == 3

    assert index(library).refreshed == 1


def test_a_newer_seehear_reads_what_an_older_left_out(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (media / "other" / "a.txt").rename(media / "other" / "song.xyz")
    index(library, [media])
    more = {**formats.MODALITY_OF_SUFFIX, ".xyz": formats.MODALITY_OF_SUFFIX[".txt"]}
    monkeypatch.setattr("indexer.scan.MODALITY_OF_SUFFIX", more)
    monkeypatch.setattr("engine.media.formats.MODALITY_OF_SUFFIX", more)

    again = index(library)

    assert again.added + again.copies == 1


def test_an_interrupted_run_notes_nothing(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("indexer.pipeline._Run._settle_known", stopped)
        with pytest.raises(KeyboardInterrupt):
            index(library, [media])

    with library.writing() as writer:
        assert writer.listings(media) == {}
    again = index(library)
    assert again.kept + again.added + again.copies == 9


def test_a_root_above_takes_over(library: Library, media: Path) -> None:
    index(library, [media / "trip"])
    index(library, [media])

    again = index(library)

    assert (again.kept, again.added, again.removed) == (9, 0, 0)


@pytest.mark.parametrize("seed", range(12))
def test_a_run_finds_what_comparing_every_file_finds(
    library: Library, media: Path, tmp_path: Path, seed: int
) -> None:
    """Two libraries see the same changes; one forgets each time what folders looked like."""
    dice = random.Random(seed)  # noqa: S311
    with Library.open(tmp_path / "twin", create=True, profile="hashed") as twin:
        for _ in range(6):
            forget_looks(twin)
            target = [media]
            if (media / "trip").is_dir() and dice.random() < 0.4:
                target = dice.choice([[media, media / "trip"], [media / "trip"]])
            assert told(index(library, target)) == told(index(twin, target))
            assert rows(library) == rows(twin)
            for _ in range(dice.randrange(4)):
                change(media, dice)


def rows(library: Library) -> list[object]:
    catalogue = library._catalogue
    return [
        (row.path, row.state, row.digest) for r in catalogue.roots() for row in catalogue.files(r)
    ]


def forget_looks(library: Library) -> None:
    with library.writing() as writer, writer._writing() as (connection, _):
        connection.exec_driver_sql("DELETE FROM listing")


def change(root: Path, dice: random.Random) -> None:
    """Do something to a tree that people do."""
    files = sorted(one for one in root.rglob("*") if one.is_file())
    folders = sorted(one for one in root.rglob("*") if one.is_dir())
    one = dice.choice(files)
    match dice.randrange(8):
        case 0:
            one.unlink()
        case 1:
            caption(one.with_name(f"new {dice.random()}.txt"), f"words {dice.random()}")
        case 2:
            one.rename(dice.choice(folders) / f"{dice.randrange(99)}{one.suffix}")
        case 3:
            one.write_bytes(dice.randbytes(20))
        case 4:
            os.utime(one, ns=(0, dice.randrange(10**18)))
        case 5 if len(folders) > 2:
            shutil.rmtree(dice.choice(folders))
        case 6:
            shutil.copy(one, one.with_name(f"copy {dice.random()}{one.suffix}"))
        case _:
            (one.parent / f"sub {dice.random()}").mkdir()
