"""The Nth call of a kind fails: a documented exit code, a sentence, a sound library, nothing lost.

    python -m tests.faults.errors --calls 40

strace makes the kernel's answers: a disk that cannot be synced or written, one that is full, and
too many open files. A sync that failed is not tried again.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.faults.commands import Command
from tests.faults.kill import complete
from tests.faults.media import Folder, check
from tests.faults.tally import Tally, main

SYNCS = "fsync,fdatasync"

FAULTS = {
    (SYNCS, "EIO"): {0, 4},
    ("pwrite64", "EIO"): {0, 4},
    # SQLite calls a full disk a broken one where its shared memory cannot grow.
    ("pwrite64", "ENOSPC"): {0, 4, 13},
    ("write", "ENOSPC"): {0, 13},
    ("rename", "EIO"): {0, 4},
    ("openat", "EMFILE"): {0, 3, 4},
}
"""Calls, how they fail, and the exit codes that may follow; 0 where that call was not needed."""

ENOUGH = 5
"""After so many runs in a row that ended before the Nth call, none will come to it."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and whether the fault was met."""

    code: int | None
    out: str
    err: str
    met: bool


def run(tally: Tally, calls: int) -> None:
    """Count each fault at the first call, the second, and so on."""
    if shutil.which("strace") is None:
        tally.notes.append("errors: NOT RUN, strace is not installed (apt-get install strace)")
        return
    with tempfile.TemporaryDirectory(prefix="errors-") as name:
        place = Path(name)
        folder, base = Folder(place / "root", tally.dice), place / "base"
        folder.add(40)
        complete(base, folder)
        before = dict(folder.acknowledged)
        folder.shake()
        for (call, error), codes in FAULTS.items():
            met: list[bool] = []
            for number in range(1, calls + 1):
                if met[-ENOUGH:] == [False] * ENOUGH:
                    break
                with tally.trial(f"{call} {error} at call {number}"):
                    folder.acknowledged = dict(before)
                    library = place / "library"
                    shutil.rmtree(library, ignore_errors=True)
                    shutil.copytree(base, library)
                    ended = failing(place, library, call, f"error={error}:when={number}")
                    met.append(ended.met)
                    assert ended.code or not ended.met or call != SYNCS, "it said nothing"
                    _judge(ended, codes, library, folder)
            tally.notes.append(f"errors: {call} {error}: met in {sum(met)} of {len(met)} runs")


def failing(place: Path, library: Path, call: str, fault: str) -> Ended:
    """Index with a fault; it begins when the imports are done."""
    with (
        Command(place, library, "index") as started,
        _tracing(started.pid, call, fault, place / "trace") as tracer,
    ):
        started.go()
        started.wait(60)
        tracer.wait(20)
    met = "(INJECTED)" in (place / "trace").read_text(errors="replace")
    return Ended(started.code, started.out, started.err, met)


def _tracing(pid: int, call: str, fault: str, log: Path) -> "subprocess.Popen[str]":
    line = ["strace", "-f", "-p", str(pid), "-o", str(log), "-e", f"trace={call}"]
    line += ["-e", f"inject={call}:{fault}", "-e", "signal=none"]
    tracer = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    assert "attached" in said, said
    return tracer


def _judge(ended: Ended, codes: set[int], library: Path, folder: Folder) -> None:
    assert ended.code in codes, f"exit code {ended.code}: {ended.err}"
    assert "Traceback" not in ended.err, ended.err
    assert "in a way it should not" not in ended.err, ended.err
    if ended.code not in {0, 3}:
        assert ended.err.splitlines()[-1].count(". ") >= 1, f"no sentence and hint: {ended.err}"
    check(library, folder)
    complete(library, folder)


if __name__ == "__main__":
    main("errors", run, 40, "calls")
