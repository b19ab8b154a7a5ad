"""The log in a library's folder: what it holds, who writes it, and that it never stops a run."""

import os
import re
import signal
import stat
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import writing
from terminal import Terminal

from engine.store.logfile import MAX_BYTES, NAME
from making import caption, picture

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[\d+\] (INFO|WARNING|ERROR) +(.*)")
HOSTILE = b"two\nlines\x1b[31m\xff.jpg"


def log_of(seehear: Terminal) -> Path:
    return seehear.library / NAME


def said(seehear: Terminal) -> list[str]:
    """What the lines of the log say; a traceback is no line of its own."""
    lines = [one for one in log_of(seehear).read_text().splitlines() if not one.startswith("    ")]
    found = [LINE.fullmatch(one) for one in lines]
    assert all(found), lines
    return [one[2] for one in found if one]


def test_a_run_tells_what_it_skipped_and_how_it_ended(seehear: Terminal, media: Path) -> None:
    Path(os.fsdecode(bytes(media) + b"/" + HOSTILE)).write_bytes(b"")
    (media / "drawing.svg").write_text("<svg/>")
    ended = seehear("index", "--profile", "hashed", media)
    assert ended.code == 3
    assert f"{NAME}\n" in ended.out
    lines = said(seehear)
    assert f"index: profile hashed, {media}" in lines
    assert f"skipped {media}/two\\nlines\\x1b[31m\\udcff.jpg: empty" in lines
    assert any(line.startswith(f"skipped {media}/drawing.svg: unsupported: ") for line in lines)
    assert "index ended, exit code 3: 7 new, 2 skipped" in lines
    assert lines[-1] == "writing ends"
    assert stat.S_IMODE(log_of(seehear).stat().st_mode) == 0o600
    seehear.index(code=3)
    assert sum(f"{media}/drawing.svg" in line for line in said(seehear)) == 2


def test_an_error_is_told_with_its_traceback(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    assert seehear("forget", "nowhere").code == 2
    assert "writing failed, exit code 2" in said(seehear)
    assert "\n    Traceback (most recent call last):\n" in log_of(seehear).read_text()


def test_only_the_writer_writes_it(
    seehear: Terminal, media: Path, forks: ForkServerContext
) -> None:
    seehear.index(media)
    ours, theirs = forks.Pipe()
    process = forks.Process(target=writing.hold, args=(seehear.library, theirs), daemon=True)
    process.start()
    ours.recv()
    before = log_of(seehear).read_bytes()
    assert seehear("index").code == 11
    for command in (["search", "fox"], ["status"], ["verify"], ["similar", media / "red.png"]):
        seehear(*command)
    assert log_of(seehear).read_bytes() == before
    ours.send("let go")
    process.join()
    assert log_of(seehear).read_bytes() != before


def test_it_stays_small(seehear: Terminal, media: Path) -> None:
    seehear.index(media)
    for _ in range(4):
        log_of(seehear).write_bytes(b"." * (MAX_BYTES - 50))
        seehear.index()
    logs = sorted(seehear.library.glob(f"{NAME}*"))
    assert [one.name for one in logs] == [NAME, f"{NAME}.1", f"{NAME}.2"]
    assert all(one.stat().st_size < MAX_BYTES for one in logs)
    assert stat.S_IMODE(log_of(seehear).stat().st_mode) == 0o600


@pytest.mark.parametrize("instead", ["folder", "link", "pipe", "full"])
def test_one_that_cannot_be_written_is_told_of_once(
    seehear: Terminal, media: Path, instead: str
) -> None:
    (media / "empty.png").touch()
    seehear.index(media, code=3)
    log, elsewhere = log_of(seehear), seehear.folder / "elsewhere"
    log.unlink()
    match instead:
        case "folder":
            log.mkdir()
        case "link":
            elsewhere.touch()
            log.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(log)
        case _:
            try:
                os.mknod(log, stat.S_IFCHR | 0o600, os.makedev(1, 7))  # a second /dev/full
            except PermissionError:
                pytest.skip("only root makes devices")
    picture(media / "new.png", seed=9)
    ended = seehear("index")
    assert ended.code == 3, ended
    assert ended.err.count(f"Note: the log {log} could not be written: ") == 1
    assert ("something else is in its place" in ended.err) is (instead != "full")
    assert "1 new" in ended.out
    assert not elsewhere.exists() or not elsewhere.stat().st_size
    assert seehear("verify").code == 0


def test_a_stop_is_told_of(seehear: Terminal) -> None:
    root = seehear.folder / "root"
    root.mkdir()
    for number in range(2_000):
        caption(root / f"{number}.txt", f"number {number}")
    with seehear.start("index", "--profile", "hashed", root) as process:
        until = time.monotonic() + 30
        while not (log_of(seehear).exists() and "index:" in log_of(seehear).read_text()):
            assert time.monotonic() < until
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert said(seehear)[-1] == "writing was stopped, exit code 143"


def test_debug_shows_what_is_done(seehear: Terminal, media: Path) -> None:
    ended = seehear("--debug", "index", "--profile", "hashed", media)
    assert ended.code == 0
    assert "committed 7 of 7 files" in ended.err
    assert "committed" not in log_of(seehear).read_text()
    assert "index ended" in log_of(seehear).read_text()
    assert "[" not in seehear("index").err
