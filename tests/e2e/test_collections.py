"""`seehear dupes`, `clusters` and `tag` at the command line."""

import json
from pathlib import Path

import pytest
from terminal import Terminal

from making import caption, picture, tone


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Two equal pictures, a scaled one, another one, a sound and a text."""
    folder = tmp_path / "media"
    folder.mkdir()
    picture(folder / "a.png", seed=1, size=(480, 320))
    (folder / "b c.png").write_bytes((folder / "a.png").read_bytes())
    picture(folder / "small.png", seed=1, size=(240, 160))
    picture(folder / "other.png", seed=2, size=(480, 320))
    tone(folder / "low.wav", hertz=220)
    caption(folder / "notes.txt", "the quick brown fox jumps over the lazy dog")
    return folder


def test_copies_can_be_piped_and_nothing_is_deleted(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    before = sorted(media.iterdir())
    ended = seehear("dupes", "-0")
    assert (ended.code, ended.err) == (0, "")
    best = Path(seehear("dupes", "--json").json["groups"][0]["best"]["path"])
    copies = {Path(one) for one in ended.out.split("\0")[:-1]}
    assert copies | {best} == {media / "a.png", media / "b c.png", media / "small.png"}
    assert best not in copies
    assert len(seehear("dupes", "--exact", "-l").out.splitlines()) == 1
    assert sorted(media.iterdir()) == before


def test_the_three_levels_are_named(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    ended = seehear("duplicates", "--json")
    (group,) = ended.json["groups"]
    assert sorted(one["level"] for one in group["copies"]) == [
        "same bytes",
        "same picture or recording",
    ]
    assert ended.json["freed_bytes"] == sum(one["bytes"] for one in group["copies"])
    shown = seehear("dupes").out
    assert "2 copies of 1 files" in shown
    assert "Nothing was deleted" in shown


def test_similar_files_are_not_piped(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    ended = seehear("dupes", "--similar", "-l")
    assert (ended.code, ended.out) == (2, "")
    assert "similar files are none" in ended.err


def test_no_duplicates_is_exit_code_1(seehear: Terminal, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    picture(alone / "a.png", seed=1)
    seehear.index(alone)
    ended = seehear("dupes")
    assert ended.code == 1
    assert ended.out.startswith("0 copies")


@pytest.mark.parametrize("command", [["dupes"], ["clusters"], ["tag", "--labels", "x"]])
def test_without_a_library(seehear: Terminal, command: list[str]) -> None:
    assert seehear(*command).code == 10


def test_clusters_hold_every_file_once(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    found = seehear("clusters", "--json").json["clusters"]
    paths = [one["path"] for cluster in found for one in cluster["files"]]
    assert sorted(paths) == sorted(str(p) for p in media.iterdir())
    assert seehear("clusters", "--json").json["clusters"] == found
    assert all(cluster["name"] in seehear("clusters").out for cluster in found)


def test_labels_are_given_and_exported(seehear: Terminal, media: Path, tmp_path: Path) -> None:
    seehear.index(media)
    (tmp_path / "labels.txt").write_text("fox\n\nengine\n")
    before = {p: p.read_bytes() for p in media.iterdir()}
    ended = seehear("tag", "--labels-file", "labels.txt", "--top", "1", "--export", "csv")
    assert ended.code == 0, ended
    rows = ended.out.splitlines()
    assert rows[0] == "path,kind,label,chance"
    assert len(rows) == 1 + len(before)
    notes = next(row for row in rows if "notes.txt" in row)
    assert notes.split(",")[1:3] == ["text", "fox"]
    lines = seehear("tag", "--labels", "fox,engine", "--export", "jsonl").out.splitlines()
    assert len([json.loads(line) for line in lines]) == len(before)

    assert seehear("tag", "--labels", "fox", "-k", "1", "--export", "xmp:out").code == 0
    assert (tmp_path / "out" / "media" / "a.png.xmp").exists()
    assert {p: p.read_bytes() for p in media.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no labels"),
        (["--labels-file", "missing.txt"], "missing.txt"),
        (["--labels", "x", "--export", "pdf"], "pdf"),
        (["--labels", "x", "--export", "xmp"], "xmp:FOLDER"),
        (["--labels", "x", "--in", "smell"], "smell"),
    ],
)
def test_mistakes_are_said(seehear: Terminal, media: Path, arguments: list[str], said: str) -> None:
    seehear.index(media)
    ended = seehear("tag", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
