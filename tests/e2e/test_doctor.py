"""`seehear doctor`: what it looks at, and that what fails is told of with what helps."""

import json
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal, as_nobody

from making import flipped

SECTIONS = [
    "Programs",
    "Libraries inside",
    "Computer",
    "Library",
    "Models",
    "Decoding",
    "Encoding",
]


def examined(seehear: Terminal, code: int = 0) -> dict[str, dict[str, Any]]:
    """Findings by name, in sections by title."""
    ended = seehear("doctor", "--json")
    assert ended.code == code, ended
    assert ended.json["ok"] is (code == 0)
    sections = {one["title"]: one["findings"] for one in ended.json["sections"]}
    assert list(sections) == SECTIONS
    return {title: {one["name"]: one for one in found} for title, found in sections.items()}


def test_a_sound_library(seehear: Terminal, media: Path) -> None:
    (media / "empty.png").touch()
    seehear.index(media, code=3)
    found = examined(seehear)
    assert found["Library"]["catalogue"]["told"].endswith(", closed well")
    assert found["Library"]["holds"]["told"] == "7 files by profile hashed"
    assert found["Library"]["skipped"]["hint"] == "seehear status"
    assert found["Library"]["access"]["told"] == "you may write; nobody else may read it"
    assert len(found["Encoding"]) == 3
    for one in found["Encoding"].values():
        assert "vectors hold" in one["told"]
    for kind, count in {"pictures": 8, "sounds": 13, "films": 9}.items():
        read, _, of = found["Decoding"][kind]["told"].partition(" of ")
        assert int(read) >= count - 3, "FFmpeg may lack an encoder or two"
        assert int(of.split()[0]) >= count
        assert found["Decoding"][kind]["state"] == "good"
    assert "libjpeg-turbo" in found["Libraries inside"]["pictures"]["told"]
    assert "libavcodec" in found["Libraries inside"]["recordings"]["told"]


def test_lines_for_a_person(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    ended = seehear("doctor")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert [line for line in lines if line in SECTIONS] == SECTIONS
    assert lines[-1].startswith("All is well: ")
    marks = {line.split()[0] for line in lines if line.startswith("  ")} - {"->"}
    assert marks <= {"ok", "note"}


def test_without_library_and_models_nothing_is_made(seehear: Terminal) -> None:
    before = sorted(seehear.folder.rglob("*"))
    found = examined(seehear)
    assert "not made yet" in found["Library"]["folder"]["told"]
    assert found["Models"]["starter (in use)"]["told"] == "not here"
    (starter,) = found["Encoding"].values()
    assert (starter["state"], starter["hint"][:27]) == ("note", "seehear models pull starter")
    assert "not ready: " in starter["told"]
    assert sorted(seehear.folder.rglob("*")) == before


def test_a_damaged_catalogue_fails(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    flipped(seehear.library / "catalogue.db", at=-2)
    ended = seehear("doctor")
    assert ended.code == 4
    (line,) = [line for line in ended.out.splitlines() if "FAILS" in line]
    assert "is damaged" in line
    assert "-> Nothing was deleted." in ended.out
    assert "1 of " in ended.out.splitlines()[-1]


def test_an_unknown_profile_fails(seehear: Terminal) -> None:
    seehear.environ["SEEHEAR_PROFILE"] = "nonesuch"
    found = examined(seehear, code=4)
    assert found["Encoding"]["encoding"]["told"] == "There is no profile 'nonesuch'."


def test_who_else_may_read_is_told(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    seehear.library.chmod(0o755)
    access = examined(seehear)["Library"]["access"]
    assert (access["state"], access["told"]) == ("note", "others may read it")
    assert access["hint"] == f"chmod 700 {seehear.library}"
    seehear.library.chmod(0o777)
    access = examined(seehear)["Library"]["access"]
    assert (access["told"], access["hint"]) == (
        "others may write there",
        f"chmod go-w {seehear.library}",
    )


def test_what_cannot_be_written_is_told(open_folder: Terminal, media: Path) -> None:
    open_folder.index(media)
    open_folder.library.chmod(0o555)
    for path in open_folder.library.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    ended = open_folder.alone("doctor", "--json", before=as_nobody())
    sections = {one["title"]: one["findings"] for one in json.loads(ended.out)["sections"]}
    (access,) = [one for one in sections["Library"] if one["name"] == "access"]
    assert (access["state"], access["told"]) == ("note", "you cannot write there")


def test_what_cannot_be_read_is_told(open_folder: Terminal) -> None:
    folder = open_folder.folder / "above"
    folder.mkdir(mode=0)
    place = folder / "library"
    ended = open_folder.alone("doctor", "--json", "--library", place, before=as_nobody())
    folder.chmod(0o700)
    assert ended.code == 4, ended
    sections = {one["title"]: one["findings"] for one in json.loads(ended.out)["sections"]}
    assert list(sections) == SECTIONS
    (catalogue,) = [one for one in sections["Library"] if one["name"] == "catalogue"]
    assert catalogue["told"] == f"The library folder {place} cannot be read: Permission denied."


def test_a_file_is_no_library(seehear: Terminal) -> None:
    seehear.library.touch()
    folder = examined(seehear, code=4)["Library"]["folder"]
    assert folder["told"] == f"{seehear.library} is no folder"
    assert folder["hint"] == "Choose another with: --library PATH"


def test_a_name_cannot_command_the_terminal(seehear: Terminal) -> None:
    place = seehear.folder / "a\x1b[31m\nFAILS"
    ended = seehear("doctor", "--library", place)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert not [line for line in ended.out.splitlines() if line.startswith("FAILS")]


@pytest.mark.weights
def test_the_starter_means_something(seehear: Terminal) -> None:
    del seehear.environ["HOME"]
    found = examined(seehear)
    assert len(found["Encoding"]) == 3
    for one in found["Encoding"].values():
        assert one["told"].endswith("so does their meaning")
