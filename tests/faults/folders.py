"""The test media of Pillow and mutagen, files that broke decoders among them, come to their end.

    python -m tests.faults.folders

Fetches both packages' sources (data/fetch.py) and indexes the media in them as any folder.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from engine.library import Library
from engine.media import workers
from engine.store.records import FileRecord, State
from indexer import index
from tests.faults.fuzz_media import (
    MAX_GROWTH_MIB,
    MAX_WORKER_MIB,
    WARM_UP,
    indexed_mutants,
    memory_mib,
)
from tests.faults.tally import Tally, main

FETCH = Path(__file__).parents[2] / "data" / "fetch.py"
FOLDERS = {"pillow": "*/Tests/images", "mutagen": "*/tests/data"}


def run(tally: Tally, rounds: int) -> None:
    """Count the files that have one final state, in so many runs with a library of their own."""
    for package, below in FOLDERS.items():
        fetched = subprocess.run(
            [sys.executable, FETCH, package], stdout=subprocess.PIPE, text=True, check=False
        )
        if fetched.returncode:
            tally.notes.append(f"folders: NOT RUN for {package}, it could not be fetched")
            continue
        (root,) = Path(fetched.stdout.strip()).glob(below)
        for number in range(rounds):
            _index(tally, root, f"{package}, round {number}")


def _index(tally: Tally, root: Path, label: str) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="folders-") as name,
        Library.open(Path(name) / "library", create=True, profile="hashed") as opened,
    ):
        indexed_mutants(opened, Path(name) / "before", WARM_UP, tally.seed)
        before = memory_mib(resource.RUSAGE_SELF)
        report = index(opened, [root], workers=2)
        rows = {row.path: row for row in opened._catalogue.files(root)}
        ended = {skip.path for skip in report.skipped} | set(report.ignored)
        for path in (one for one in sorted(root.rglob("*")) if one.is_file()):
            with tally.trial(f"{label}: {path.name}"):
                row = rows.get(os.fsencode(path.relative_to(root)))
                assert row is not None or path in ended, "it has no state"
                assert row is None or _is_final(row), row
        with tally.trial(f"{label}: the library is sound"):
            assert opened.verify().findings == ()
            assert index(opened).encoded == 0
    workers.dismiss()
    growth, worker = memory_mib(resource.RUSAGE_SELF) - before, memory_mib(resource.RUSAGE_CHILDREN)
    with tally.trial(f"{label}: memory"):
        assert growth < MAX_GROWTH_MIB, growth
        assert worker < MAX_WORKER_MIB, worker
    reasons = Counter(row.reason.partition(":")[0] or "indexed" for row in rows.values())
    tally.notes.append(
        f"{label}: {report.seconds:.1f} s, {dict(reasons.most_common())}, {len(ended)} told of; "
        f"workers at most {worker:.0f} MiB, this process {growth:.0f} MiB more"
    )


def _is_final(row: FileRecord) -> bool:
    return (row.state is State.INDEXED) == (not row.reason)


if __name__ == "__main__":
    main("folders", run, 1, "rounds")
