"""One indexer and four searchers at once: no errors, no drift, and searches stay fast.

    python -m tests.faults.together --seconds 60

What is always there must always be found, with every search in one state of the catalogue. The
indexer is `seehear index`, over and over. The 99th percentile of how long searches take must be at
most twice that of the same four searchers without it; turns with it and without it alternate, so
that what else the machine does meets both.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from engine.library import Library
from tests.faults.children import forks
from tests.faults.kill import complete
from tests.faults.media import ALWAYS, Folder, check
from tests.faults.tally import Tally, main
from tests.making import caption

SEARCHERS = 4
COUNT = 40
TURNS = 3
TIMES = 2.0
ENOUGH_S = 30


def run(tally: Tally, seconds: int) -> None:
    """Count searches in so many seconds, half of them beside an indexer."""
    with tempfile.TemporaryDirectory(prefix="together-") as name:
        place = Path(name)
        folder, library = Folder(place / "root", tally.dice), place / "library"
        for number in range(COUNT):
            caption(folder.root / f"{ALWAYS}{number}.txt", f"evergreen {number}")
        folder.add(200)
        complete(library, folder)
        idle, busy = list[float](), list[float]()
        for _ in range(TURNS):
            idle += _searching(tally, library, seconds / TURNS / 2, None)
            busy += _searching(tally, library, seconds / TURNS / 2, folder)
        with tally.trial("after all"):
            complete(library, folder)
            check(library, folder)
    with tally.trial("searches stay fast"):
        alone, beside = (float(np.percentile(one, 99)) for one in (idle, busy))
        tally.notes.append(
            f"together: p99 of {len(idle)} searches alone {alone:.1f} ms, "
            f"of {len(busy)} beside an indexer {beside:.1f} ms ({beside / alone:.2f} times)"
        )
        if seconds >= ENOUGH_S:  # of fewer, the 99th percentile is one search
            assert beside <= TIMES * alone


def _searching(tally: Tally, library: Path, seconds: float, folder: Folder | None) -> list[float]:
    """Milliseconds of all searches meanwhile."""
    pipes, processes = [], []
    for _ in range(SEARCHERS):
        ours, theirs = forks().Pipe(duplex=False)
        process = forks().Process(target=search_on, args=(library, seconds, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    end = time.monotonic() + seconds
    while folder is not None and time.monotonic() < end:
        folder.shake()
        folder.keep(400)
        line = [sys.executable, "-m", "cli", "index", folder.root, "-q", "--library", library]
        ended = subprocess.run(line, capture_output=True, text=True, check=False)
        assert ended.returncode in {0, 3}, ended.stderr
    found: list[float] = []
    for number, (pipe, process) in enumerate(zip(pipes, processes, strict=True)):
        with tally.trial(f"searcher {number}"), pipe:
            took, errors = pipe.recv()
            found += took
            process.join()
            assert errors == [], errors[:3]
            assert took, "it never searched"
    return found


def search_on(library: Path, seconds: float, pipe: Connection) -> None:
    """Search until the time is over; tells how long each took, and what went wrong."""
    took: list[float] = []
    errors: list[str] = []
    end = time.monotonic() + seconds
    with Library.open(library) as opened:
        _search(opened)  # the first one loads what all need
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                _search(opened)
            except Exception as error:  # noqa: BLE001  (this is what is counted)
                errors.append(f"{type(error).__name__}: {error}")
            took.append(1000 * (time.monotonic() - begun))
            time.sleep(0.02)
    with suppress(BrokenPipeError):
        pipe.send((took, errors))


def _search(opened: Library) -> None:
    hits = opened.search("evergreen", k=COUNT, modalities={"text"}).hits
    found = {hit.path.name for hit in hits}
    missing = {f"{ALWAYS}{number}.txt" for number in range(COUNT)} - found
    assert not missing, f"{len(missing)} are missing"
    assert opened.remarks == [], opened.remarks


if __name__ == "__main__":
    main("together", run, 60, "seconds")
