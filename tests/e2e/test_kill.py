"""A process may die or be stopped at any time; more of it in tests.faults."""

import os
import pty
import signal
import subprocess
import sys
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import writing
from terminal import Terminal

from engine.library import Library
from making import caption


def test_killed_while_the_library_is_made(forks: ForkServerContext, tmp_path: Path) -> None:
    for number in range(12):
        library = tmp_path / str(number)
        ours, theirs = forks.Pipe(duplex=False)
        process = forks.Process(target=writing.create, args=(library, theirs))
        process.start()
        assert ours.recv() == "ready"
        time.sleep(number * 0.004)
        process.kill()
        process.join()
        with Library.open(library, create=True, profile="hashed") as opened:
            assert opened.status().profile == "hashed"
            assert opened.verify().findings == ()
        assert not list(library.glob("*.new*"))


def test_killed_half_way_through_making_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the worst moment: the tables are there, the profile is not."""
    library = tmp_path / "library"
    with monkeypatch.context() as patched:
        patched.setattr("engine.store.writer.CatalogueWriter.set_setting", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Library.open(library, create=True, profile="hashed")
    with Library.open(library, create=True, profile="hashed") as opened:
        assert opened.status().profile == "hashed"


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted(seehear: Terminal, number: signal.Signals, code: int) -> None:
    total = 3_000
    root = many_texts(seehear.folder / "root")
    with seehear.start("index", root, "--profile", "hashed") as process:
        begun(seehear, process)
        process.send_signal(number)
        start = time.monotonic()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert process.returncode == code
    assert out == b""
    assert err.decode().splitlines()[-1].startswith("Stopped. ")
    assert b"Traceback" not in err

    done = seehear("status", "--json").json["files"]["text"]
    assert 0 < done < total
    assert seehear("verify").code == 0
    report = seehear.index()
    assert (report["kept"], report["encoded"], report["added"]) == (
        done,
        total - done,
        total - done,
    )


def many_texts(root: Path) -> Path:
    """So many that a run takes more than a second."""
    root.mkdir()
    for one in range(3_000):
        caption(root / f"{one}.txt", f"text number {one}")
    return root


def begun(seehear: Terminal, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a run has committed something."""
    wal = seehear.library / "catalogue.db-wal"
    while not wal.exists() or wal.stat().st_size < 500_000:
        assert process.poll() is None
        time.sleep(0.002)


def test_a_terminal_that_is_closed(seehear: Terminal) -> None:
    """Nothing can be said there any more, not even by the bar that shows progress."""
    root = many_texts(seehear.folder / "root")
    leader, follower = pty.openpty()
    with seehear.start(
        "index", root, "--profile", "hashed", before=("setsid", "--ctty"),
        stdin=follower, stdout=follower, stderr=follower,
    ) as process:  # fmt: skip
        os.close(follower)
        begun(seehear, process)
        os.close(leader)
        assert process.wait(5) == 129
    assert seehear("verify").code == 0
    report = seehear.index()
    assert 0 < report["kept"] < 3_000
    assert report["encoded"] == 3_000 - report["kept"]


def test_nohup_is_respected(seehear: Terminal) -> None:
    root = many_texts(seehear.folder / "root")
    with seehear.start("index", root, "--profile", "hashed", before=("nohup",)) as process:
        begun(seehear, process)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    assert seehear.index()["kept"] == 3_000


STOPPED_IN_A_LONG_CALL = """
import hashlib
import cli.app

def app(arguments, standalone_mode):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 100_000_000)

cli.app.app = app
cli.app.main()
"""


def test_a_stop_is_not_kept_waiting_by_what_hears_no_signal() -> None:
    """As an encoder in the middle of a large batch."""
    command = [sys.executable, "-c", STOPPED_IN_A_LONG_CALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.terminate()
        err = process.communicate(timeout=5)[1]
    assert process.returncode == 143
    assert err.startswith(b"Stopped. ")


STOPPED_WHILE_CLEARING_UP = """
import signal, sys, time
import cli.app

class Cleared:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def app(arguments, standalone_mode):
    Cleared()
    time.sleep(20)

cli.app.app = app
cli.app.main()
"""


def test_a_stop_that_python_drops_is_not_lost() -> None:
    """What is raised in a finaliser is printed and forgotten."""
    command = [sys.executable, "-c", STOPPED_WHILE_CLEARING_UP]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert ended.returncode == 130
    assert ended.stderr.startswith("Stopped. ")
    assert "Traceback" not in ended.stderr


STOPPED_WITH_NOTHING_TO_SAY_IT_ON = """
import errno, os, signal
import cli.app

def app(arguments, standalone_mode):
    try:
        signal.raise_signal(signal.SIGHUP)
    finally:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

cli.app.app = app
cli.app.main()
"""


def test_a_stop_is_one_even_if_progress_cannot_be_drawn_any_more() -> None:
    command = [sys.executable, "-c", STOPPED_WITH_NOTHING_TO_SAY_IT_ON]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert ended.returncode == 129
    assert ended.stderr.startswith("Stopped. ")


STOPPED_TWICE = """
import signal, time
import cli.app

def app(arguments, standalone_mode):
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.raise_signal(signal.SIGINT)
        time.sleep(20)

cli.app.app = app
cli.app.main()
"""


def test_whoever_asks_twice_does_not_wait() -> None:
    command = [sys.executable, "-c", STOPPED_TWICE]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert (ended.returncode, ended.stderr) == (130, "")
