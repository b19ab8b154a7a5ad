"""`seehear status`: what is held, how it lies on disk, and who is at work."""

import os
import re
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import writing
from terminal import Terminal

from engine.store.connect import has_reset_bug


def test_all_that_is_known_in_one_object(seehear: Terminal, media: Path) -> None:
    (media / "empty.png").touch()
    strange = Path(os.fsdecode(bytes(media) + b"/\xff.wav"))
    strange.touch()
    seehear.index(media, code=3)
    told = seehear("status", "--json").json
    assert told["files"] == {"image": 3, "audio": 2, "text": 2}
    assert told["skipped"] == {"image": 1, "audio": 1}
    assert {one["reason"] for one in told["problems"]} == {"empty"}
    (b64,) = [one["path_b64"] for one in told["problems"] if "path_b64" in one]
    assert b64
    assert told["roots"] == [{"path": str(media), "there": True}]
    assert {one["name"] for one in told["spaces"]} == {
        "hashed-text",
        "hashed-image",
        "hashed-audio",
    }
    assert told["bytes"]["catalogue"] >= (seehear.library / "catalogue.db").stat().st_size
    files = {one.name: one.stat().st_size for one in (seehear.library / "snapshots").iterdir()}
    assert {one["file"]: one["bytes"] for one in told["snapshots"]} == files
    assert sum(files.values()) == told["bytes"]["snapshots"] > 0
    assert all(0 <= one["age_s"] < 600 for one in told["snapshots"])
    assert (told["sealed"], told["writer"], told["notes"]) == (True, None, [])
    assert told["log"] == str(seehear.library / "seehear.log")


def test_all_that_is_known_in_words(seehear: Terminal, media: Path) -> None:
    (media / "empty.png").touch()
    seehear.index(media, code=3)
    media.rename(media.with_name("away"))
    for file in (seehear.library / "snapshots").iterdir():
        file.unlink()
        break
    out = seehear("status").out
    for words in (
        "3 files, 3 segments",
        "(not there now; still searchable)",
        "old, 1 missing",
        "closed well",
        "seehear.log",
        "Skipped   1 files (image 1)",
        "empty.png: empty",
    ):
        assert words in out
    for file in (seehear.library / "snapshots").iterdir():
        file.unlink()
    assert re.search(r"\nSnapshots none, \d missing: seehear rebuild\n", seehear("status").out)


def test_who_writes_is_told(seehear: Terminal, media: Path, forks: ForkServerContext) -> None:
    seehear.index(media)
    ours, theirs = forks.Pipe()
    process = forks.Process(target=writing.hold, args=(seehear.library, theirs), daemon=True)
    process.start()
    pid = ours.recv()
    assert seehear("status", "--json").json["writer"] == {"pid": pid}
    assert f"being written by process {pid} now" in seehear("status").out
    process.kill()
    process.join()
    told = seehear("status", "--json").json
    assert (told["writer"], told["sealed"]) == (None, False)
    assert "the last run was cut short" in seehear("status").out
    assert seehear.index()["kept"] == 7
    assert seehear("status", "--json").json["sealed"] is True


@pytest.mark.parametrize(
    ("version", "has"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_which_sqlite_has_the_bug(version: tuple[int, int, int], *, has: bool) -> None:
    assert has_reset_bug(version) is has
