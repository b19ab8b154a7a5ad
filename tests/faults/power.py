"""The power goes at any moment: what was acknowledged is there, and what is there can be read.

    python -m tests.faults.power --states 1000 --seed 0

One real run is traced with strace: every write, sync, cut, rename and unlink in the library, and
every acknowledgement. A state is what a disk may hold at a random moment: all that was synced, of
each later write any of its 512-byte sectors, and of each later change of a folder's names any
(Pillai et al., All File Systems Are Not Created Equal, OSDI 2014).
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.store import mark, seal, snapshots
from engine.store.catalogue import CatalogueReader
from engine.store.connect import open_reader
from tests.faults.tally import Tally, main

SECTOR = 512
FOLDER = -1
"""In place of a file's number."""
CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink,mkdir,close,lseek"
ACKNOWLEDGED = "acknowledged"
"""The child writes to a file of this name before and after each commit."""

Rows = dict[str, str]
"""Digests in hexadecimal, by path."""


class NotInstalledError(Exception):
    """There is no strace."""


@dataclass(frozen=True)
class Event:
    """What a traced process did to a file.

    Attributes:
        kind: make, mkdir, write, cut, sync (of a folder too), rename, unlink, or acknowledge.
        path: relative to the library.
        at: offset of a write, length of a cut.
        data: of a write; of an acknowledgement, its line.
        target: of a rename.
    """

    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    target: str = ""


@dataclass
class _File:
    """A file as it surely is on disk, and what may be there too."""

    data: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def settle(self) -> None:
        for event in self.pending:
            _apply(self.data, event)
        self.pending.clear()


@dataclass
class Disk:
    """Files by number, the names that are surely there, and changes of names that may be."""

    files: dict[int, _File] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    durable: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[str, str, int | None]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Do what the traced process did."""
        match event.kind:
            case "make" if event.path not in self.live:
                number = len(self.files)
                self.files[number] = _File()
                self._name(event.path, number)
            case "mkdir":
                self._name(event.path, FOLDER)
            case "write" | "cut":
                self.files[self.live[event.path]].pending.append(event)
            case "sync" if self.live.get(event.path, FOLDER) != FOLDER:
                self.files[self.live[event.path]].settle()
            case "sync":
                self._sync_names(event.path)
            case "rename":
                self._name(event.target, self.live[event.path])
                self._name(event.path, None)
            case "unlink":
                self._name(event.path, None)

    def _name(self, path: str, number: int | None) -> None:
        if number is None:
            self.live.pop(path, None)
        else:
            self.live[path] = number
        self.pending.append((os.path.dirname(path), path, number))  # noqa: PTH120

    def _sync_names(self, folder: str) -> None:
        for change in [one for one in self.pending if one[0] == folder]:
            _rename(self.durable, change)
            self.pending.remove(change)

    def after_power_loss(self, dice: random.Random) -> dict[str, bytes]:
        """What may be found: files by their names."""
        names, upto = dict(self.durable), dice.randint(0, len(self.pending))
        for number, change in enumerate(self.pending):
            # Names are journalled in order, or in none: half of the states take each.
            if number < upto or (upto % 2 and dice.random() < 0.5):
                _rename(names, change)
        folders = {"", *(path for path, number in names.items() if number == FOLDER)}
        return {
            path: _torn(self.files[number], dice)
            for path, number in names.items()
            if number != FOLDER and os.path.dirname(path) in folders  # noqa: PTH120
        }


def _rename(names: dict[str, int], change: tuple[str, str, int | None]) -> None:
    _, path, number = change
    if number is None:
        names.pop(path, None)
    else:
        names[path] = number


def _apply(data: bytearray, event: Event) -> None:
    if event.kind == "cut":
        del data[event.at :]
        data.extend(bytes(event.at - len(data)))
        return
    if len(data) < event.at:
        data.extend(bytes(event.at - len(data)))
    data[event.at : event.at + len(event.data)] = event.data


def _torn(file: _File, dice: random.Random) -> bytes:
    """A file with some sectors of some writes that were not synced."""
    data, share = bytearray(file.data), dice.choice((0.0, 0.5, 0.9, 1.0))
    for event in file.pending:
        if event.kind == "cut":
            if dice.random() < share:
                _apply(data, event)
            continue
        for start in range(0, len(event.data), SECTOR):
            if dice.random() < share:
                part = event.data[start : start + SECTOR]
                _apply(data, Event("write", event.path, event.at + start, part))
    return bytes(data)


# --- tracing --------------------------------------------------------------------------------------


def traced(place: Path, environ: dict[str, str]) -> list[Event]:
    """What a run does to a library: it is made, grows, is changed, and publishes snapshots."""
    if shutil.which("strace") is None:
        raise NotInstalledError
    log = place / "log"
    command = ["strace", "-f", "-qq", "-y", "-xx", "-s", "10000000", "-o", str(log)]
    command += ["-e", f"trace={CALLS}", "-e", "signal=none", sys.executable]
    command += ["-m", "tests.faults.power_child", str(place)]
    subprocess.run(command, check=True, env={**os.environ, **environ})
    return list(_events(log, place / "library"))


_LINE = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_FD = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2})*|[^>]*)>")


def _events(log: Path, library: Path) -> Iterator[Event]:
    """Events of a trace, in order."""
    places: dict[int, int] = {}
    for line in _whole_lines(log):
        found = _LINE.match(line)
        if found is None or int(found[3]) < 0:
            continue
        yield from _event(found[1], found[2], int(found[3]), library, places)


def _whole_lines(log: Path) -> Iterator[str]:
    """Lines of a trace; a call that another thread interrupted is put together again."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            text = line.rstrip("\n")
            pid = text.split(maxsplit=1)[0]
            if text.endswith("<unfinished ...>"):
                begun[pid] = text.removesuffix("<unfinished ...>")
            elif found := _RESUMED.match(text):
                yield begun.pop(found[1], f"{pid} ") + found[2]
            else:
                yield text


def _event(  # noqa: C901, PLR0912
    call: str, arguments: str, result: int, library: Path, places: dict[int, int]
) -> Iterator[Event]:
    strings = [_bytes(one) for one in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments)]
    held = _FD.match(arguments)
    path = _inside(_bytes(held[2]) if held else b"", library)
    if call in {"rename", "unlink", "mkdir"}:
        names = [_inside(one, library) for one in strings]
        if names[0]:
            yield Event(call, names[0], target=(names[1] or "") if call == "rename" else "")
    elif call == "openat":
        name = _inside(strings[0], library)
        places[result] = 0
        if name is not None and "O_CREAT" in arguments and not _is_memory(name):
            yield Event("make", name)
            if "O_TRUNC" in arguments:
                yield Event("cut", name, 0)
    elif path is None or held is None or _is_memory(path):
        return
    elif path == ACKNOWLEDGED:
        if call == "write":
            yield Event("acknowledge", path, data=strings[0])
    elif call == "pwrite64":
        at = int(arguments.rsplit(",", 1)[1])
        yield Event("write", path, at, strings[0][:result])
    elif call == "write":
        descriptor = int(held[1])
        at = places.get(descriptor, 0)
        places[descriptor] = at + result
        yield Event("write", path, at, strings[0][:result])
    elif call == "lseek":
        places[int(held[1])] = result
    elif call in {"fsync", "fdatasync"}:
        yield Event("sync", path)
    elif call == "ftruncate":
        yield Event("cut", path, int(arguments.rsplit(",", 1)[1]))


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.replace("\\x", "")) if "\\x" in written else written.encode()


def _inside(path: bytes, library: Path) -> str | None:
    """A path relative to the library; empty for the library itself, None for another place."""
    name = os.fsdecode(path)
    base = str(library)
    if name == base:
        return ""
    return name.removeprefix(base + "/") if name.startswith(base + "/") else None


def _is_memory(name: str) -> bool:
    """Whether a file is there for running processes only."""
    return name.endswith("-shm") or name == "writer.lock"


# --- judging --------------------------------------------------------------------------------------


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
                snapshots.read(folder / "snapshots", record)


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
