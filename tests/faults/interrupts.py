"""Stops at any time, also twice: a run ends soon, and no finished work is done again.

    python -m tests.faults.interrupts --stops 20 --seed 0

By Ctrl-C, SIGTERM or a terminal that is closed; at a random time, in a run that is suspended,
while a snapshot is published, or while long recordings are decoded.
"""

import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from engine.library import Library
from indexer import index
from tests.faults.children import PROFILE
from tests.faults.commands import Command
from tests.faults.media import sound
from tests.faults.tally import Tally, main
from tests.making import caption, tone

FILES = 800
LONGEST_S = 1.5
"""A whole run takes about this long."""

SONGS, SONG_S = 2, 600
MOST_S = 5.0
"""How long a run may go on after the last signal."""

SUSPENDED_S = 0.3
SIGNS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KINDS = ("at random", "suspended", "while publishing", "in a recording")


def run(tally: Tally, stops: int) -> None:
    """Count so many stops, each of a run that begins with nothing."""
    with tempfile.TemporaryDirectory(prefix="interrupts-") as name:
        place = Path(name)
        _make(place)
        stopped, longest = 0, 0.0
        for number in range(stops):
            sign, kind = tally.dice.choice(SIGNS), KINDS[number % len(KINDS)]
            twice, wait = tally.dice.random() < 0.5, tally.dice.random() * LONGEST_S
            told = f"{sign.name}{' twice' * twice} {kind}, {wait:.3f} s"
            with tally.trial(f"stop {number}: {told}"):
                code, took = _stop(place, sign, kind, twice=twice, wait=wait)
                stopped += code != 0
                longest = max(longest, took)
                assert took <= MOST_S, f"it took {took:.1f} s"
                _resume(place, kind)
        tally.notes.append(
            f"interrupts: {stopped} of {stops} stopped; the longest took {longest:.1f} s"
        )


def _make(place: Path) -> None:
    for folder in ("texts", "songs"):
        (place / folder).mkdir()
    for number in range(FILES):
        caption(place / "texts" / f"{number}.txt", f"words {number}")
    for number in range(SONGS):
        tone(place / "songs" / f"{number}.wav", hertz=200 + number, seconds=SONG_S, rate=8_000)


def _root(place: Path, kind: str) -> Path:
    return place / ("songs" if kind == "in a recording" else "texts")


def _stop(
    place: Path, sign: signal.Signals, kind: str, *, twice: bool, wait: float
) -> tuple[int, float]:
    """Stop a run; returns its exit code, and how long it took to end."""
    shutil.rmtree(place / "library", ignore_errors=True)
    arguments = ("index", str(_root(place, kind)), "--profile", PROFILE)
    with Command(place, place / "library", *arguments) as started:
        started.go()
        if kind == "while publishing":
            _await_snapshot(started, place / "library" / "snapshots")
        else:
            started.wait(0.05 + wait)
        signs = [sign] * (2 if twice else 1)
        for one in [signal.SIGSTOP, *signs, signal.SIGCONT] if kind == "suspended" else signs:
            with suppress(ProcessLookupError):
                os.kill(started.pid, one)
            time.sleep(SUSPENDED_S if one == signal.SIGSTOP else 0)
        begun = time.monotonic()
        assert started.wait(60), "it did not stop"
        took = time.monotonic() - begun
    assert started.code in {0, 128 + sign}, f"exit code {started.code}: {started.err}"
    assert "Traceback" not in started.err, started.err
    if started.code and not twice:
        assert started.err.splitlines()[-1].startswith("Stopped. "), started.err
    return started.code, took


def _await_snapshot(started: Command, folder: Path) -> None:
    """Wait until the folder of snapshots is made, just before the first is written."""
    while not folder.exists() and not started.wait(0.001):
        pass


def _resume(place: Path, kind: str) -> None:
    """What was finished is not encoded again."""
    with Library.open(place / "library", create=True, profile=PROFILE) as opened:
        root = _root(place, kind)
        done = sum(opened.status().files.values())
        report = index(opened, [root], workers=2)
        count = len(list(root.iterdir()))
        assert report.encoded == count - done, f"{report.encoded} encoded, {done} were done"
        assert report.kept == done
        sound(opened)


if __name__ == "__main__":
    main("interrupts", run, 20, "stops")
