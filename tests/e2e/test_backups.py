"""`backup`, `restore`, `verify --read-data`, and a disk with too little room for snapshots."""

import os
import shutil
from pathlib import Path

import pytest
from terminal import Terminal

from making import caption, flipped


@pytest.fixture
def indexed(seehear: Terminal, media: Path) -> Terminal:
    seehear.index(media)
    return seehear


def test_there_and_back(indexed: Terminal) -> None:
    before = indexed.found("fox", "-k", "50")
    copy = indexed.folder / "copy"

    ended = indexed("backup", copy)
    assert (ended.code, ended.err) == (0, "")
    assert "seehear restore" in ended.out
    assert indexed("backup", copy).code == 2

    assert indexed("restore", copy).code == 2  # a library is there
    shutil.rmtree(indexed.library)
    ended = indexed("restore", copy)
    assert (ended.code, ended.err) == (0, "")
    assert "Restored 7 files" in ended.out
    assert indexed.found("fox", "-k", "50") == before
    assert list((indexed.library / "snapshots").iterdir())
    assert indexed("verify").code == 0
    assert indexed.index()["kept"] == 7


def test_a_damaged_backup_is_refused(indexed: Terminal) -> None:
    copy = indexed.folder / "copy"
    assert indexed("backup", copy).code == 0
    flipped(copy / "catalogue.db")
    shutil.rmtree(indexed.library)

    ended = indexed("restore", copy)

    assert (ended.code, ended.out) == (12, "")
    assert str(copy) in ended.err
    assert not indexed.library.exists()


def test_a_damaged_library_leaves_no_backup(indexed: Terminal) -> None:
    flipped(indexed.library / "catalogue.db")

    ended = indexed("backup", indexed.folder / "copy")

    assert (ended.code, ended.out) == (12, "")
    assert "seehear restore" in ended.err
    assert not (indexed.folder / "copy").exists()


def test_media_that_rotted_are_named(indexed: Terminal, media: Path) -> None:
    ended = indexed("verify", "--read-data")
    assert ended.code == 0
    assert "7 files hold what was indexed." in ended.out

    stamp = (media / "red.png").stat()
    flipped(media / "red.png")
    os.utime(media / "red.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (media / "low.wav").unlink()
    ended = indexed("verify", "--read-data")
    assert ended.code == 3
    assert "red.png: other bytes" in ended.out
    assert "5 files hold what was indexed; 1 changed or gone since." in ended.out
    told = indexed("verify", "--read-data", "--json").json
    assert [Path(one["path"]).name for one in told["rotten"]] == ["red.png"]
    assert (told["read"], told["changed"], told["sealed"]) == (5, 1, True)
    assert indexed("verify").code == 0


@pytest.fixture
def cramped(
    seehear: Terminal, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """A terminal whose `seehear` finds 1 MB free on every disk."""
    folder = tmp_path_factory.mktemp("cramped")
    (folder / "sitecustomize.py").write_text(
        "import shutil\n"
        "from collections import namedtuple\n"
        "usage = namedtuple('usage', 'total used free')\n"
        "shutil.disk_usage = lambda path: usage(10**9, 10**9, 10**6)\n"
    )
    monkeypatch.syspath_prepend(folder)
    return seehear


def test_without_room_for_snapshots_everything_is_found_all_the_same(
    cramped: Terminal, media: Path
) -> None:
    ended = cramped.alone("index", media, "--profile", "hashed")

    assert ended.code == 0, ended
    assert "too little room for snapshots" in ended.err
    assert "seehear rebuild" in ended.err
    assert not list((cramped.library / "snapshots").glob("*"))
    assert len(cramped.found("fox", "-k", "50")) == 7
    assert cramped("verify").code == 0
    caption(media / "more.txt", "more")
    assert cramped("rebuild").code == 0
    assert list((cramped.library / "snapshots").glob("*"))
