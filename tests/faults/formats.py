"""Every older format is opened and brought up to date, though it is killed at any time in that.

python -m tests.faults.formats --kills 50 --seed 0
"""

import gzip
import sqlite3
import tempfile
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from engine.store import layout
from engine.store.catalogue import CatalogueReader
from engine.store.connect import open_reader
from engine.store.writer import CatalogueWriter
from tests.faults.children import forks
from tests.faults.tally import Tally, main

GOLDEN = Path(__file__).parents[1] / "unit" / "golden"
LONGEST_S = 0.08
"""Bringing one up to date takes about this long."""


def run(tally: Tally, kills: int) -> None:
    """Count so many kills of each older format."""
    goldens = sorted(GOLDEN.glob("format-*.db.gz"))
    assert goldens
    for golden in goldens:
        for number in range(kills):
            wait = tally.dice.random() * LONGEST_S
            with (
                tally.trial(f"{golden.name}, kill {number} at {wait:.3f} s"),
                tempfile.TemporaryDirectory(prefix="formats-") as name,
            ):
                path = Path(name) / "catalogue.db"
                _unpack(golden, path)
                before = _vectors(path)
                _kill(path, wait)
                assert _vectors(path) == before
                _bring_up_to_date(path, before)


def _unpack(golden: Path, path: Path) -> None:
    """A golden catalogue with a log, as every library has from its beginning."""
    path.write_bytes(gzip.decompress(golden.read_bytes()))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _vectors(path: Path) -> list[int]:
    with closing(CatalogueReader(path, open_reader(path))) as catalogue:
        catalogue.check_format()
        catalogue.check_structure(deeply=True)
        return [int(one) for one in catalogue.living_vectors()]


def _kill(path: Path, wait: float) -> None:
    ours, theirs = forks().Pipe(duplex=False)
    process = forks().Process(target=open_for_writing, args=(path, theirs))
    process.start()
    theirs.close()
    with ours:
        ours.recv()
        time.sleep(wait)
        process.kill()
        process.join()
    process.close()


def open_for_writing(path: Path, pipe: Connection) -> None:
    """Open a catalogue for writing, which brings it up to date."""
    pipe.send("ready")
    CatalogueWriter.open(path).close()


def _bring_up_to_date(path: Path, vectors: list[int]) -> None:
    with closing(CatalogueWriter.open(path)) as writer:
        assert [int(one) for one in writer.living_vectors()] == vectors
        assert writer.inconsistencies() + writer.broken_vectors() == []
        assert writer.remarks() == ()
        with writer._reading() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    assert version == layout.FORMAT_VERSION


if __name__ == "__main__":
    main("formats", run, 50, "kills")
