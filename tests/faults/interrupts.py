"""SIGINT and SIGTERM at any time, also twice: it ends soon, and no finished work is done again.

python -m tests.faults.interrupts --stops 20 --seed 0
"""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from engine.library import Library
from indexer import index
from tests.faults.children import PROFILE
from tests.faults.commands import Command
from tests.faults.media import sound
from tests.faults.tally import Tally, main
from tests.making import caption

FILES = 800
LONGEST_S = 1.5
"""A whole run takes about this long."""


def run(tally: Tally, stops: int) -> None:
    """Count so many stops, each of a run that begins with nothing."""
    with tempfile.TemporaryDirectory(prefix="interrupts-") as name:
        place = Path(name)
        root = place / "root"
        root.mkdir()
        for number in range(FILES):
            caption(root / f"{number}.txt", f"words {number}")
        stopped, longest = 0, 0.0
        for number in range(stops):
            sign = tally.dice.choice((signal.SIGINT, signal.SIGTERM))
            twice, wait = tally.dice.random() < 0.5, tally.dice.random() * LONGEST_S
            with tally.trial(f"stop {number}: {sign.name}{' twice' * twice} at {wait:.3f} s"):
                code, took = _stop(place, sign, twice=twice, wait=wait)
                stopped += code != 0
                longest = max(longest, took)
                _resume(place)
        tally.notes.append(
            f"interrupts: {stopped} of {stops} stopped; the longest took {longest:.1f} s"
        )


def _stop(place: Path, sign: signal.Signals, *, twice: bool, wait: float) -> tuple[int, float]:
    """Stop a run; returns its exit code, and how long it took to end."""
    shutil.rmtree(place / "library", ignore_errors=True)
    arguments = ("index", str(place / "root"), "--profile", PROFILE)
    with Command(place, place / "library", *arguments) as started:
        started.go()
        started.wait(0.05 + wait)
        for _ in range(2 if twice else 1):
            if started.code is None:
                os.kill(started.pid, sign)
        begun = time.monotonic()
        assert started.wait(60), "it did not stop"
        took = time.monotonic() - begun
    assert started.code in {0, 128 + sign}, f"exit code {started.code}: {started.err}"
    assert "Traceback" not in started.err, started.err
    if started.code and not twice:
        assert started.err.splitlines()[-1].startswith("Stopped. "), started.err
    return started.code, took


def _resume(place: Path) -> None:
    """What was finished is not encoded again."""
    with Library.open(place / "library", create=True, profile=PROFILE) as opened:
        done = sum(opened.status().files.values())
        report = index(opened, [place / "root"], workers=2)
        assert report.encoded == FILES - done, f"{report.encoded} encoded, {done} were done"
        assert report.kept == done
        sound(opened)


if __name__ == "__main__":
    main("interrupts", run, 20, "stops")
