"""Hours of use in minutes: memory, descriptors and threads stay where they were.

    python -m tests.faults.soak --seconds 180

One process indexes a folder that changes and searches it, over and over, with one library open all
the time. After a quarter of the time for warming up, its memory must grow by less than 1 MiB a
minute, which a line through all measurements says. What the C library keeps for later, though it is
free, is given back before each measurement.
"""

import ctypes
import gc
import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.library import Library
from indexer import index
from tests.faults.children import PROFILE
from tests.faults.media import Folder, sound
from tests.faults.tally import Tally, main

MIB_A_MINUTE = 1.0
PROC = Path("/proc/self")


def run(tally: Tally, seconds: int) -> None:
    """Count rounds of changes and searches, and last what they left behind."""
    if not PROC.exists():
        tally.notes.append("soak: NOT RUN, there is no /proc here")
        return
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Folder(Path(name) / "root", tally.dice)
        folder.add(300)
        begun, seen = time.monotonic(), []
        with Library.open(Path(name) / "library", create=True, profile=PROFILE) as opened:
            while (now := time.monotonic() - begun) < seconds:
                with tally.trial(f"round {len(seen)}"):
                    _round(opened, folder)
                if now > seconds / 4:
                    seen.append((now / 60, *_measured()))
        with tally.trial("what it left behind"):
            _judge(tally, np.array(seen))


def _round(opened: Library, folder: Folder) -> None:
    index(opened, [folder.root], workers=2)
    for number in range(20):
        opened.search(f"words {number}", k=10, least=0)
    sound(opened)
    folder.shake()
    folder.keep(300)


def _measured() -> tuple[float, int, int]:
    """Memory in use in MiB, open descriptors, threads."""
    gc.collect()
    with suppress(AttributeError):  # other C libraries have no such call
        ctypes.CDLL(None).malloc_trim(0)
    pages = int((PROC / "statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return memory, len(list((PROC / "fd").iterdir())), threading.active_count()


def _judge(tally: Tally, seen: np.ndarray) -> None:
    minutes, memory, descriptors, threads = seen.T
    slope = float(np.polyfit(minutes, memory, 1)[0])
    tally.notes.append(
        f"soak: {len(seen)} rounds after warming up, {memory[0]:.0f} to {memory[-1]:.0f} MiB, "
        f"{slope:+.2f} MiB a minute, {descriptors.max():.0f} descriptors, "
        f"{threads.max():.0f} threads"
    )
    for name, counts in (("descriptors", descriptors), ("threads", threads)):
        early, late = (
            float(np.median(some)) for some in np.array_split(counts, [len(counts) // 2])
        )
        assert early == late, f"{name} went from {early} to {late}"
        # One more or less may be in use at the moment: a worker that is being replaced.
        assert np.ptp(counts) <= 2, f"{name}: {sorted(set(counts))}"
    if np.ptp(minutes) >= 1:  # less is noise
        assert slope < MIB_A_MINUTE, f"memory grows by {slope:.2f} MiB a minute"


if __name__ == "__main__":
    main("soak", run, 180, "seconds")
