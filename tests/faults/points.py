"""A process dies at each named point (engine.points), in each kind of run.

    python -m tests.faults.points --seeds 1

New: a library is made. Existing: files are added to it. Deletes: files go and change. Then what
else writes: a move to today's format, a backup, a bridge, weights.
"""

import gzip
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from engine.backup import back_up
from engine.library import Library
from engine.points import CRASH_AT, KILLED
from engine.store import layout
from engine.store.writer import CatalogueWriter
from indexer import index
from tests.faults import weights
from tests.faults.children import PROFILE, forks, index_and_tell
from tests.faults.kill import complete, hear
from tests.faults.media import Folder, check
from tests.faults.tally import Tally, main

GOLDEN = Path(__file__).parents[1] / "unit" / "golden"

OF_RUNS = (
    "before-commit", "before-commit:3", "after-commit", "after-commit:3", "acknowledged",
    "log-folded-in", "cache-written",
    "file-written", "snapshot-synced", "snapshot-renamed", "snapshot-folder-synced",
    "receipt-written", "snapshot-discarded", "seal-broken", "seal-written", "seal-renamed",
)  # fmt: skip
OF_MOVES = ("copy-written", "copy-renamed", "before-migrating", "after-migrating")
OF_BACKUPS = ("file-written", "seal-written", "seal-renamed", "backup-written", "backup-renamed")
OF_BRIDGES = ("bridge-written", "bridge-renamed", "bridge-written:2", "bridge-renamed:2")
OF_MODELS = ("model-written", "model-renamed", "model-written:2")


def run(tally: Tally, seeds: int) -> None:
    """Count every point of every kind of run, so many times."""
    for number in range(seeds):
        for scenario in ("new", "existing", "deletes"):
            for point in OF_RUNS:
                with tally.trial(f"{point}, {scenario}, round {number}"), _place() as place:
                    _run(tally, place, point, scenario)
        for point in OF_MOVES:
            with tally.trial(f"{point}, round {number}"), _place() as place:
                _move(place, point)
        for point in OF_BACKUPS:
            with tally.trial(f"{point} of a backup, round {number}"), _place() as place:
                _back_up(tally, place, point)
        for writes, points in ((weights.bridge, OF_BRIDGES), (weights.model, OF_MODELS)):
            for point in points:
                with tally.trial(f"{point}, round {number}"), _place() as place:
                    _put(place, point, writes)


def _run(tally: Tally, place: Path, point: str, scenario: str) -> None:
    folder, library = Folder(place / "root", tally.dice), place / "library"
    folder.add(30)
    if scenario != "new":
        _index(library, folder)
        if scenario == "existing":
            folder.add(20)
        else:
            folder.shake()
            folder.delete(10)
    _die(point, index_and_tell, library, folder.root, hearer=folder)
    if (library / "catalogue.db").exists():
        check(library, folder)
    complete(library, folder)


def _index(library: Path, folder: Folder) -> None:
    with Library.open(library, create=True, profile=PROFILE) as opened:
        index(opened, [folder.root], workers=2)
    folder.acknowledged = folder.now()


def _die(point: str, target: Callable[..., None], *arguments: Path, hearer: Folder | None) -> None:
    """Run a child with this point set; it must have reached it."""
    ours, theirs = forks().Pipe(duplex=False)
    process = forks().Process(
        target=target,
        args=(*arguments, theirs, {CRASH_AT: point, "XDG_CACHE_HOME": str(arguments[0].parent)}),
    )
    process.start()
    theirs.close()
    with ours:
        if hearer is not None:
            hear(ours, hearer)
        process.join()
    code = process.exitcode
    process.close()
    assert code == KILLED, f"the point was not reached (exit code {code})"


def _move(place: Path, point: str) -> None:
    path = place / "catalogue.db"
    path.write_bytes(gzip.decompress((GOLDEN / "format-1.db.gz").read_bytes()))
    before = _vectors(path)
    _die(point, open_for_writing, path, hearer=None)
    assert _vectors(path) == before
    assert _version(path) == (layout.FORMAT_VERSION if point == "after-migrating" else 1)
    with closing(CatalogueWriter.open(path)) as writer:
        assert writer.living_vectors().tolist() == before
        assert writer.inconsistencies() == []
        assert len(writer.find_words("jungle", limit=9)) == 4
    assert _version(path.with_name("catalogue.format1.db")) == 1
    left = {one.name for one in place.iterdir()}
    assert left == {"catalogue.db", "catalogue.format1.db"}, left


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _vectors(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM vector ORDER BY id")]


def _back_up(tally: Tally, place: Path, point: str) -> None:
    folder, library, target = Folder(place / "root", tally.dice), place / "library", place / "copy"
    folder.add(20)
    _index(library, folder)
    weights.keep(library)
    _die(point, make_backup, library, target, hearer=None)
    if target.exists():
        check(target, folder)
        return
    back_up(library, target)
    check(target, folder)
    assert {one.name for one in place.iterdir()} == {"root", "library", "copy"}


def _put(place: Path, point: str, writes: weights.Writes) -> None:
    writes.make(place, 1)
    before = writes.read(place)
    _die(point, writes.child, place, hearer=None)
    after = writes.read(place)
    writes.make(place, 2)
    assert writes.read(place) != before
    assert after in (before, writes.read(place)), "neither the old nor the new"


@contextmanager
def _place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="points-") as name:
        yield Path(name)


def open_for_writing(path: Path, _pipe: Connection, environ: dict[str, str]) -> None:
    """Open a catalogue for writing, which brings it up to date."""
    os.environ.update(environ)
    CatalogueWriter.open(path).close()


def make_backup(library: Path, target: Path, _pipe: Connection, environ: dict[str, str]) -> None:
    """Back a library up."""
    os.environ.update(environ)
    back_up(library, target)


if __name__ == "__main__":
    main("points", run, 1, "seeds")
