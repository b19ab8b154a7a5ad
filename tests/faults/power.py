"""The power goes at any moment: what was acknowledged is there, and what is there can be read.

    python -m tests.faults.power --states 1000 --seed 0

One real run is traced with strace: every write, sync, cut, rename and unlink in the library, and
every acknowledgement. A state is what a disk may hold at a random moment (tests.faults.disk).
"""

import json
import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.store import mark, seal, snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.connect import open_reader
from tests.faults.disk import Disk, Event
from tests.faults.tally import Tally, main
from tests.faults.trace import NotInstalledError, traced

Rows = dict[str, str]
"""Digests in hexadecimal, by path."""


@dataclass
class _Promises:
    """What the library holds after each commit, and how many commits were acknowledged."""

    states: list[Rows] = field(default_factory=lambda: [{}])
    acknowledged: int = 0

    def hear(self, line: bytes) -> None:
        """Take in a line of the child: what it is about to commit, or that it has."""
        told = json.loads(line)
        if "did" in told:
            self.acknowledged = len(self.states) - 1
            return
        state = self.states[self.acknowledged] | told["files"]
        for path in told["removed"]:
            state.pop(path, None)
        self.states[self.acknowledged + 1 :] = [state]

    @property
    def allowed(self) -> list[Rows]:
        """A commit that nobody heard of may be there or not."""
        return self.states[self.acknowledged :]


def run(tally: Tally, states: int, environ: dict[str, str] | None = None) -> None:
    """Count so many states of one traced run."""
    with tempfile.TemporaryDirectory(prefix="power-") as name:
        place = Path(name)
        try:
            events = traced(place, environ or {})
        except NotInstalledError:
            tally.notes.append("power: NOT RUN, strace is not installed (apt-get install strace)")
            return
        moments = sorted(tally.dice.randrange(len(events)) for _ in range(states))
        disk, promises, at = Disk(), _Promises(), 0
        for number, moment in enumerate(moments):
            for event in events[at : moment + 1]:
                if event.kind == "acknowledge":
                    promises.hear(event.data)
                else:
                    disk.take(event)
            at = moment + 1
            found = disk.after_power_loss(tally.dice)
            with tally.trial(f"state {number}, after event {moment}"):
                _judge(place / "state", found, promises)
        _tell(tally, events)


def _tell(tally: Tally, events: list[Event]) -> None:
    kinds = [one.kind for one in events]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    tally.notes.append(f"power: {len(events)} events: {counts}")
    assert {"acknowledge", "cut", "rename", "sync", "unlink", "write"} <= set(kinds), kinds


def _judge(folder: Path, files: dict[str, bytes], promises: _Promises) -> None:
    """Nothing that was acknowledged is lost, and what is there can be read."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "snapshots").mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    file = folder / "catalogue.db"
    if not file.exists():
        assert not promises.acknowledged, "the catalogue is lost"
        return
    with closing(seal.Look(file)) as look:
        look.end()  # no false alarm
        with closing(CatalogueReader(file, open_reader(file))) as catalogue:
            _judge_catalogue(catalogue, promises)
            for record in catalogue.snapshots():
                snapshots.mapped(folder / "snapshots", record)


def _judge_catalogue(catalogue: CatalogueReader, promises: _Promises) -> None:
    catalogue.check_format()
    catalogue.check_structure()
    assert catalogue.inconsistencies() + catalogue.broken_vectors() == []
    assert mark.read(catalogue.path) <= catalogue.seq(), "acknowledged commits are lost"
    rows = {
        str(root / os.fsdecode(row.path)): (row.digest or b"").hex()
        for root in catalogue.roots()
        for row in catalogue.files(root)
    }
    assert rows in promises.allowed, f"{len(promises.allowed[0].items() - rows.items())} are lost"


if __name__ == "__main__":
    main("power", run, 1_000, "states")
