"""Decoders that crash, hang, eat, fork, babble and stop half-way cost their own file alone.

    python -m tests.faults.workers --files 10 --seed 0

So many files for each of the seven faults lie in random order among as many good ones, and are
indexed through the same path as any.
"""

import os
import random
import signal
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from engine.library import Library
from engine.media.process import Guard
from engine.media.workers import Workers
from engine.ports import ImageRule
from indexer import IndexReport, index
from tests.faults.faulty import FAULTS
from tests.faults.tally import Tally, main
from tests.making import picture

GUARD = Guard(picture_seconds=1.0, memory=1 << 30, decoders="tests.faults.faulty")

RULE = ImageRule(8)
ROUNDS = 5

REASONS = {
    "segfaults": "crashed-decoder: the decoder died of SIGSEGV",
    "aborts": "crashed-decoder: the decoder died of SIGABRT",
    "hangs": "timeout: the decoder gave nothing for 1 s",
    "eats": "memory: the decoder wants more than 1024 MiB",
    "forks": "crashed-decoder: the decoder started a process",
    "half": "crashed-decoder: the decoder ended with code 0",
}
"""Whoever only babbles is indexed."""


def make(root: Path, count: int, dice: random.Random) -> None:
    """So many files for each fault, a good one after each, in random order."""
    faults = [fault for fault in FAULTS for _ in range(count)]
    dice.shuffle(faults)
    for number, fault in enumerate(faults):
        picture(root / f"{number:05}-{fault}.png", seed=2 * number)
        picture(root / f"{number:05}-good.png", seed=2 * number + 1)


def indexed(root: Path, library: Path, guard: Guard = GUARD) -> tuple[IndexReport, IndexReport]:
    """What a first and a second run say of a folder."""
    with Library.open(library, create=True, profile="hashed") as opened:
        return index(opened, [root], workers=2, guard=guard), index(opened, guard=guard)


def run(tally: Tally, count: int) -> None:
    """Count every file: its state is the one that it must have."""
    with tempfile.TemporaryDirectory(prefix="workers-") as name:
        root = Path(name) / "root"
        root.mkdir()
        make(root, count, tally.dice)
        first, second = indexed(root, Path(name) / "library")
        reasons = {skip.path: skip.reason for skip in first.skipped}
        for path in sorted(root.iterdir()):
            with tally.trial(path.name):
                expected = REASONS.get(path.stem.split("-")[-1])
                assert reasons.get(path) == expected, reasons.get(path)
        with tally.trial("a second run does nothing"):
            assert second.skipped == first.skipped
            assert (second.encoded, second.kept) == (0, first.added), second
        tally.notes.append(f"{len(reasons)} files given up, {first.seconds:.1f} s")
    spent = replacing()
    with tally.trial("a killed worker is replaced in less than a second"):
        assert min(spent) < 1, spent
    tally.notes.append(f"replaced in {median(spent):.2f} s, at best in {min(spent):.2f} s")


def replacing() -> list[float]:
    """Seconds from the death of an idle worker to the next answer, by the process after it."""
    spent = []
    with tempfile.TemporaryDirectory(prefix="workers-") as name:
        path = picture(Path(name) / "a.png", seed=1)
        for _ in range(ROUNDS):
            with closing(Workers(1)) as pool:
                list(pool.pieces(path, "png", RULE))
                (process,) = pool.processes
                os.kill(process, signal.SIGKILL)
                start = time.perf_counter()
                list(pool.pieces(path, "png", RULE))
                spent.append(time.perf_counter() - start)
    return spent


if __name__ == "__main__":
    main("workers", run, 10, "files")
