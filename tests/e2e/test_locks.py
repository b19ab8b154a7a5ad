"""One process writes, any number read, also where nothing can be written."""

import subprocess
import sys
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import writing
from terminal import Terminal, as_nobody

from engine.library import Library
from making import caption, picture


def test_a_second_writer_is_told_who_writes(
    seehear: Terminal, media: Path, forks: ForkServerContext
) -> None:
    seehear.index(media)
    ours, theirs = forks.Pipe()
    process = forks.Process(target=writing.hold, args=(seehear.library, theirs))
    process.start()
    pid = ours.recv()
    for command in (["index"], ["index", media], ["rebuild"], ["forget", media]):
        ended = seehear(*command)
        assert (ended.code, ended.out) == (11, "")
        assert f"process {pid}" in ended.err
        assert str(seehear.library) in ended.err
    assert len(seehear.hits("fox")) == 7
    assert seehear("status").code == seehear("verify").code == 0
    ours.send("let go")
    process.join()
    assert seehear.index()["kept"] == 7


def test_a_lock_ends_with_its_process(
    seehear: Terminal, media: Path, forks: ForkServerContext
) -> None:
    seehear.index(media)
    ours, theirs = forks.Pipe()
    process = forks.Process(target=writing.hold, args=(seehear.library, theirs))
    process.start()
    ours.recv()
    process.kill()
    process.join()
    assert seehear.index()["kept"] == 7


def test_reading_while_another_writes(tmp_path: Path, forks: ForkServerContext) -> None:
    root, library = tmp_path / "root", tmp_path / "library"
    root.mkdir()
    caption(root / "always.txt", "always here")
    Library.open(library, create=True, profile="hashed").close()
    searches = 0
    for cycle in range(4):
        for number in range(60):
            caption(root / f"{number}.txt", f"cycle {cycle} file {number}")
        ours, theirs = forks.Pipe(duplex=False)
        process = forks.Process(target=writing.run, args=(library, root, theirs))
        with Library.open(library) as opened:
            process.start()
            while process.is_alive():
                hits = opened.search("always here", k=5).hits
                assert not cycle or hits[0].path.name == "always.txt"
                assert opened.remarks == []
                searches += 1
                time.sleep(0.001)
        assert process.exitcode == 0
        ours.close()
    assert searches > 20


@pytest.fixture(params=[True, False], ids=["as left", "copied"])
def fixed(open_folder: Terminal, request: pytest.FixtureRequest) -> Terminal:
    """A library in a folder that its reader cannot write to, with SQLite's own files or without."""
    root = open_folder.folder / "root"
    root.mkdir()
    picture(root / "a.png", seed=1)
    caption(root / "a.txt", "apple")
    open_folder.index(root)
    if not request.param:
        for path in open_folder.library.glob("catalogue.db-*"):
            path.unlink()
    open_folder.library.chmod(0o555)
    (open_folder.library / "snapshots").chmod(0o555)
    for path in open_folder.library.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    return open_folder


def test_reading_a_library_that_cannot_be_written(fixed: Terminal) -> None:
    before = as_nobody()
    ended = fixed.alone("search", "apple", "--json", before=before)
    assert ended.code == 0, ended
    assert {Path(hit["path"]).name for hit in ended.json["hits"]} == {"a.png", "a.txt"}
    for command in ("status", "verify"):
        ended = fixed.alone(command, before=before)
        assert (ended.code, ended.err) == (0, ""), ended


def test_writing_a_library_that_cannot_be_written(fixed: Terminal) -> None:
    for command in (["index"], ["rebuild"]):
        ended = fixed.alone(*command, before=as_nobody())
        assert (ended.code, ended.out) == (4, "")
        assert f"{fixed.library} cannot be written: Permission denied." in ended.err


def test_a_library_that_cannot_be_made(fixed: Terminal) -> None:
    place = fixed.library / "below"
    command = ["index", fixed.folder / "root", "--library", place, "--profile", "hashed"]
    ended = fixed.alone(*command, before=as_nobody())
    assert (ended.code, ended.out) == (4, "")
    assert f"{place} cannot be written: Permission denied." in ended.err
    assert "--library" in ended.err


def test_a_library_that_cannot_be_read(fixed: Terminal) -> None:
    fixed.library.chmod(0)
    for command in (["search", "apple"], ["status"], ["index"]):
        ended = fixed.alone(*command, before=as_nobody())
        assert (ended.code, ended.out) == (2, "")
        assert f"'{fixed.library}' is not readable" in ended.err


def test_whatever_else_runs_goes_before_an_index_run(tmp_path: Path) -> None:
    caption(tmp_path / "a.txt", "words")
    told = "import os, sys; from cli.app import run; run(); print('niceness', os.nice(0))"
    line = [sys.executable, "-c", told, "index", tmp_path, "--profile", "hashed"]
    line += ["--library", tmp_path / "library"]

    ended = subprocess.run(line, capture_output=True, text=True, check=True)

    assert "niceness 10" in ended.stdout
