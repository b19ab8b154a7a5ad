"""Facts, sidecars and subtitles through indexing, and facts of libraries from before."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tagged
from engine.facts import Facts
from engine.library import Library
from engine.media.facts import VERSION
from engine.media.workers import Workers
from engine.types import Modality
from indexer import index
from indexer.reread import SETTING
from indexer.scan import LONE_SIDECAR, scan
from making import picture, tone
from tagged import bag, film, recording, title, xmp

NOTED = xmp(title("Boats") + bag("dc:subject", "sea", "harbour"), 'xmp:Rating="4"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for media."""
    made = tmp_path / "media"
    made.mkdir()
    return made


def infos(library: Library) -> dict[str, dict[str, Any]]:
    """What is known of each file, by its name."""
    with library.writing() as writer:
        contents = {one.id: one for one in writer.contents_after(0, Modality)}
        known = writer.infos(list(contents))
    return {
        os.fsdecode(file.path): known[one.id] for one in contents.values() for file in one.files
    }


def test_facts_are_kept_with_the_content(library: Library, folder: Path) -> None:
    made = tagged.exif(tagged.SHOT | {274: 6})
    picture(folder / "plain.png", seed=1, size=(40, 30))
    picture(folder / "shot.jpg", seed=2, size=(400, 300))
    Image.open(folder / "shot.jpg").save(folder / "shot.jpg", exif=made, xmp=NOTED)
    recording(folder / "song.mp3", "mp3", "libmp3lame", tagged.TAGS)
    (folder / "notes.md").write_text("# Of a day\n\nwords")

    report = index(library, [folder])
    known = infos(library)

    assert report.skipped == ()
    assert Facts.from_info(known["shot.jpg"]) == Facts(
        width=300,
        height=400,
        taken=1577836800,
        camera="Canon EOS 5D",
        rating=4,
        tags=("sea", "harbour"),
        about=(("title", "Boats"),),
    )
    assert known["plain.png"] == {"width": 40, "height": 30}
    assert known["song.mp3"]["tags"] == ["Folk", "Field recording"]
    assert 990 <= known["song.mp3"]["duration_ms"] <= 1100
    assert known["notes.md"] == {"about": {"title": "Of a day"}}


@pytest.mark.parametrize("name", ["x.xmp", "x.png.xmp", "x.XMP"])
def test_the_words_of_a_sidecar_find_its_medium_and_not_itself(
    library: Library, folder: Path, name: str
) -> None:
    picture(folder / "x.png", seed=1)
    (folder / name).write_bytes(NOTED)

    report = index(library, [folder])
    found = library.search("boats", least=0.0).hits

    assert (report.added, report.encoded, report.skipped) == (2, 2, ())
    assert Facts.from_info(infos(library)[name]).rating == 4
    assert [(hit.path.name, hit.snippet) for hit in found] == [("x.png", "Boats")]
    assert "caption" in {one.source.gallery for one in found[0].because}, "by the words' vector"
    assert [hit.path.name for hit in library.search("rating:4 boats").hits] == ["x.png"]
    assert library.search("boats", modalities={"text"}, least=0.0).hits == ()
    without = library.search("boats", captions=False, least=0.0)
    assert [hit.path.name for hit in without.hits] == ["x.png"]
    assert library.verify().findings == ()


def test_a_sidecar_without_words_has_facts_and_no_segment(library: Library, folder: Path) -> None:
    picture(folder / "x.png", seed=1)
    (folder / "x.xmp").write_bytes(xmp("", 'xmp:Rating="5"'))

    report = index(library, [folder])

    assert (report.added, report.segments, report.skipped) == (2, 1, ())
    assert infos(library)["x.xmp"] == {"rating": 5}
    assert library.verify().findings == ()


def test_a_sidecar_of_nothing_is_refused(library: Library, folder: Path) -> None:
    for name in ("raw.xmp", "text.xmp", "x.jpg.xmp"):
        (folder / name).write_bytes(NOTED)
    (folder / "raw.cr2").touch()
    (folder / "text.txt").write_text("words")
    picture(folder / "x.png", seed=1)

    reasons = {skip.path.name: skip.reason for skip in index(library, [folder]).skipped}

    assert [name for name, why in reasons.items() if why == LONE_SIDECAR] == [
        "raw.xmp",
        "text.xmp",
        "x.jpg.xmp",
    ]
    assert reasons["raw.cr2"].startswith("unsupported")


def test_a_sidecar_goes_and_comes_with_its_medium(library: Library, folder: Path) -> None:
    picture(folder / "x.png", seed=1)
    (folder / "x.xmp").write_bytes(NOTED)
    index(library, [folder])

    (folder / "x.png").rename(folder / "y.png")
    gone = index(library)
    (folder / "y.png").rename(folder / "x.png")
    back = index(library)

    assert [(skip.path.name, skip.reason) for skip in gone.skipped] == [("x.xmp", LONE_SIDECAR)]
    assert (gone.removed, gone.moved) == (1, 1)
    assert (back.added, back.moved, back.skipped) == (1, 1, ())


def test_a_sidecar_alone_may_be_asked_for(folder: Path) -> None:
    picture(folder / "x.png", seed=1)
    for name in ("x.xmp", "lone.xmp"):
        (folder / name).write_bytes(NOTED)

    assert [one.path for one in scan(folder, folder / "x.xmp").files] == [b"x.xmp"]
    assert scan(folder, folder / "lone.xmp").files == []


def test_a_broken_sidecar_is_skipped_with_its_reason(library: Library, folder: Path) -> None:
    picture(folder / "x.png", seed=1)
    (folder / "x.xmp").write_text("no xml")

    (skip,) = index(library, [folder]).skipped

    assert skip.reason == "undecodable: it is no XMP"


def test_words_in_a_film_are_kept_and_not_encoded(library: Library, folder: Path) -> None:
    film(folder / "with.mp4", "mp4", subtitles="mov_text", cues=[(1_000, 3_000, "Ahoy there")])
    film(folder / "without.mp4", "mp4", tags={"title": "Boats"})

    report = index(library, [folder])
    segments = library.status().segments[Modality.VIDEO]

    assert report.skipped == ()
    assert segments == report.segments + 1, "the words have no vector"
    assert library.verify().findings == ()
    with closing(sqlite3.connect(library.path / "catalogue.db")) as catalogue:
        rows = catalogue.execute(
            "SELECT start, \"end\", unit, words FROM segment WHERE words != ''"
        )
        assert rows.fetchall() == [(1_000, 3_000, "ms", "Ahoy there")]


def forget_facts(library: Library, version: str = "0") -> None:
    """Make a library as it was when no facts were read."""
    with library.writing() as writer:
        ids = [one.id for one in writer.contents_after(0, Modality)]
        old = {one: {"width": 7, "tags": ["old"], "partial": True} for one in ids}
        writer.set_info(old, {SETTING: version})


def test_facts_of_a_library_from_before_are_read_again(library: Library, folder: Path) -> None:
    picture(folder / "x.png", seed=1)
    (folder / "x.xmp").write_bytes(NOTED)
    recording(folder / "song.mp3", "mp3", "libmp3lame", tagged.TAGS)
    index(library, [folder])
    forget_facts(library)

    report = index(library)
    known = infos(library)

    assert (report.encoded, report.kept) == (0, 3)
    assert known["x.png"] == {"width": 7, "height": 32, "partial": True}
    assert known["x.xmp"]["tags"] == ["sea", "harbour"]
    assert known["song.mp3"]["about"]["title"] == "Morning é"


def test_facts_are_read_again_once(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(folder / "x.png", seed=1)
    index(library, [folder])
    forget_facts(library)
    index(library)
    seq = library.status().seq
    monkeypatch.setattr(Workers, "facts", lambda *_: pytest.fail("read again"))

    index(library)

    assert library.status().seq == seq


def test_facts_of_files_that_are_away_are_read_when_they_come_back(
    library: Library, folder: Path
) -> None:
    tone(folder / "here.wav", hertz=440)
    away = folder.with_name("drive")
    away.mkdir()
    (away / "song.mp3").write_bytes(
        recording(folder.parent / "x.mp3", "mp3", "libmp3lame", tagged.TAGS).read_bytes()
    )
    index(library, [folder, away])
    forget_facts(library)
    shutil.move(away, away.with_name("hidden"))
    index(library)
    before = infos(library)["song.mp3"]
    shutil.move(away.with_name("hidden"), away)

    index(library)

    assert before["tags"] == ["old"]
    assert infos(library)["song.mp3"]["tags"] == ["Folk", "Field recording"]


def test_a_new_library_has_nothing_to_read_again(library: Library, folder: Path) -> None:
    picture(folder / "x.png", seed=1)
    index(library, [folder])
    with library.writing() as writer:
        assert writer.setting(SETTING) == str(VERSION)
