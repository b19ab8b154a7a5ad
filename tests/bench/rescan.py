"""An index run where nothing has changed, beside a bare walk of the same folders.

    python -m tests.bench.rescan --files 1000000

The tree is empty files on a disk in memory; the catalogue is written as if they had been indexed,
so that only looking for changes is measured. The bare walk lists each folder and asks for size and
time of each file, and does nothing with them. Runs take turns.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from engine import Library
from engine.facts import Facts
from engine.store.records import ContentRecord, FileRecord, SegmentRecord, State, View
from engine.store.stamps import stamp_of
from engine.types import Modality
from indexer import index

IN_A_FOLDER = 500
ROUNDS = 5
BATCH = 5_000
DIGEST = b"d" * 32
MEMORY = Path("/dev/shm")  # noqa: S108  (a disk in memory, where there is one)


def grown(root: Path, count: int) -> list[Path]:
    """So many files, in folders within folders."""
    files = []
    for number in range(0, count, IN_A_FOLDER):
        folder = root / f"{number // IN_A_FOLDER // 50:03}" / f"{number:07}"
        folder.mkdir(parents=True)
        for place in range(min(IN_A_FOLDER, count - number)):
            file = folder / f"IMG_{place:04}.jpg"
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY))
            files.append(file)
    return files


def enrolled(library: Library, root: Path, files: list[Path]) -> None:
    """Write the catalogue as if all of them had been indexed, as one picture."""
    picture = np.zeros((64, 64, 3), np.uint8)
    (track,) = library.profile.tracks(Modality.IMAGE)
    vectors = tuple((one.space, one.encode([one.prepare(picture)])) for one in track.encoders)
    content = ContentRecord(
        DIGEST, Modality.IMAGE, "jpeg", Facts().as_info(), (View((SegmentRecord(None),), vectors),)
    )
    with library.writing() as writer:
        writer.adopt_root(root)
        for start in range(0, len(files), BATCH):
            records = []
            for file in files[start : start + BATCH]:
                stamp = stamp_of(file)
                assert stamp is not None
                relative = os.fsencode(file.relative_to(root))
                records.append(FileRecord(root, relative, stamp, State.INDEXED, digest=DIGEST))
            writer.write(records, [content] if not start else [])


def bare_walk(root: Path) -> int:
    """List every folder, and ask for what tells that a file has changed."""
    count, waiting = 0, [str(root)]
    while waiting:
        with os.scandir(waiting.pop()) as listed:
            for one in listed:
                if one.is_dir(follow_symlinks=False):
                    waiting.append(one.path)
                else:
                    one.stat(follow_symlinks=False)
                    count += 1
    return count


def timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main() -> None:
    """Print medians and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200_000)
    count = parser.parse_args().files
    where = MEMORY if MEMORY.is_dir() else None
    place = Path(tempfile.mkdtemp(prefix="rescan-", dir=where))
    try:
        root = place / "root"
        root.mkdir()
        files = grown(root, count)
        with (
            tempfile.TemporaryDirectory(prefix="rescan-") as name,
            Library.open(Path(name) / "library", create=True, profile="hashed") as library,
        ):
            enrolled(library, root, files)
            first = timed(lambda: index(library))
            walks, runs = list[float](), list[float]()
            for _ in range(ROUNDS):
                walks.append(timed(lambda: bare_walk(root)))
                runs.append(timed(lambda: index(library)))
            assert index(library).kept == count
        ours, bare = median(runs), median(walks)
        print(f"{count:,} files, {ROUNDS} rounds; medians")
        print(f"  every file compared (once): {first:.2f} s")
        print(f"  bare walk: {bare:.2f} s ({min(walks):.2f} to {max(walks):.2f})")
        print(f"  index, nothing changed: {ours:.2f} s ({min(runs):.2f} to {max(runs):.2f})")
        print(f"  ratio: {ours / bare:.2f}")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
