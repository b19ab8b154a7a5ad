"""Every bad input that is known of, in one tree: each comes to the end that it must have.

    python -m tests.faults.special --crowd 100000 --seed 0

What is counted is a trial for each file, and then what only a run of its own shows. So many files
lie in one folder besides.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from engine.library import Library
from engine.types import Modality
from tests.faults import bad_pictures, bad_sounds, bad_texts, odd_places, odd_runs
from tests.faults.bad_pictures import MIB, Expected
from tests.faults.children import PROFILE
from tests.faults.tally import Tally, main
from tests.making import caption

CAP_S = 30.0
"""How long the files may take that a careless program waits for without end."""

TIMEOUT_S = 600
MAX_MIB = 1024
"""Memory of a process, at most; a worker may have twice as much of address space."""

LARGE = 50_000
"""A crowd as large makes the longest line a gibibyte."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: str
    seconds: float

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON object that it printed."""
        return dict(json.loads(self.out))

    @property
    def reasons(self) -> dict[Path, str]:
        """Why files were skipped, of its report."""
        return {path_of(one): one["reason"] for one in self.report["skipped"]}


@dataclass(frozen=True)
class Place:
    """A folder with a tree of files and its libraries."""

    folder: Path

    @property
    def tree(self) -> Path:
        """What is indexed."""
        return self.folder / "tree"

    def seehear(
        self, *arguments: str | Path, library: str = "library", before: tuple[str, ...] = ()
    ) -> Ended:
        """Run a command."""
        environ = {
            **os.environ,
            "SEEHEAR_LIBRARY": str(self.folder / library),
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        program = [sys.executable, "-m", "tests.faults.measured", str(self.folder / "figures")]
        start = perf_counter()
        ended = subprocess.run(
            [*before, *program, *map(os.fspath, arguments)],
            env=environ,
            cwd=self.folder,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        err = ended.stderr.decode(errors="replace")
        assert "Traceback" not in err, err
        return Ended(ended.returncode, ended.stdout, err, perf_counter() - start)

    def index(self, *arguments: str | Path, **named: Any) -> Ended:
        """`seehear index --json`."""
        return self.seehear("index", "--json", "--profile", PROFILE, *arguments, **named)

    def figures(self) -> dict[str, float]:
        """Peaks of memory of the last command, in MiB."""
        return dict(json.loads((self.folder / "figures").read_text()))


@contextmanager
def place() -> Iterator[Place]:
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory(prefix="special-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "tree").mkdir()
        yield Place(folder)


def path_of(told: Mapping[str, str]) -> Path:
    """A path in JSON, exactly."""
    if "path_b64" in told:
        return Path(os.fsdecode(base64.b64decode(told["path_b64"])))
    return Path(told["path"])


def run(tally: Tally, crowd: int) -> None:
    """Count every file, and every run of its own."""
    with place() as here:
        port = odd_runs.closed_port()
        expected, odd = _make(tally, here.tree, port, MIB << 10 if crowd >= LARGE else 16 * MIB)
        with tally.trial("the whole tree is indexed"):
            first = here.index(here.tree)
            assert first.code == 3, first.err
            assert first.err == "", first.err
            _judge(tally, here, first, expected)
            _judge_memory(tally, here)
            tally.notes.append(f"special: {len(expected)} files, {first.seconds:.1f} s")
            _again(tally, here, first)
            _names(tally, here, expected)
        with tally.trial("nothing is waited for"):
            ended = here.index(*odd, library="odd")
            assert ended.seconds < CAP_S, ended.seconds
            tally.notes.append(f"special: pipes, devices, links, giants: {ended.seconds:.1f} s")
    for trial in odd_runs.TRIALS:
        with place() as here, tally.trial((trial.__doc__ or "").splitlines()[0]):
            tally.notes += trial(here)
    with place() as here, tally.trial(f"{crowd} files in one folder"):
        tally.notes.append(_crowd(here, crowd))


def _make(tally: Tally, tree: Path, port: int, longest: int) -> tuple[Expected, list[Path]]:
    """Fill the tree; returns what must become of each file, and the folders of odd places."""
    special, notes = odd_places.make_special(tree / "special")
    tally.notes += notes
    made = (
        bad_pictures.make(tree / "pictures", tally.dice),
        bad_sounds.make(tree / "sounds", tally.dice),
        bad_texts.make(tree / "texts", longest),
        bad_texts.make_lists(tree / "lists", port),
        special,
        odd_places.make_links(tree / "links"),
        odd_places.make_giants(tree / "giants"),
        odd_places.make_names(tree / "names"),
        odd_places.make_deep(tree / "deep"),
    )
    odd = [tree / name for name in ("special", "links", "giants", "names", "deep")]
    return {path: one for part in made for path, one in part.items()}, odd


def _judge(tally: Tally, here: Place, ended: Ended, expected: Expected) -> None:
    """Each has one state, and it is the right one."""
    found = states(here, ended)
    for path, wanted in expected.items():
        label = repr(str(path.relative_to(here.tree)))
        with tally.trial(label if len(label) < 100 else f"{label[:100]}..."):
            state = found.pop(path, "unseen")
            assert state.partition(":")[0] in wanted.split(" or "), f"{state}, not {wanted}"
    with tally.trial("nothing else is told of"):
        assert not found, found
    with tally.trial("hard links are one content"):
        assert ended.report["copies"] >= 2, ended.report["copies"]


def states(here: Place, ended: Ended) -> dict[Path, str]:
    """What became of each file that was seen: ``indexed``, perhaps ``partial``, or its reason."""
    found = {Path(path): "ignored" for path in ended.report["ignored"]}
    with Library.open(here.folder / "library") as opened, opened.writing() as writer:
        for content in writer.contents_after(0, Modality):
            (info,) = writer.infos([content.id]).values()
            state = "indexed partial" if info.get("partial") else "indexed"
            for row in content.files:
                found[row.root / os.fsdecode(row.path)] = state
    assert not found.keys() & ended.reasons.keys(), "two states"
    return found | ended.reasons


def _judge_memory(tally: Tally, here: Place) -> None:
    peaks = here.figures()
    for who, mib in peaks.items():
        with tally.trial(f"memory of {who}"):
            assert mib < MAX_MIB, mib
    told = ", ".join(f"{who} {mib:.0f} MiB" for who, mib in peaks.items())
    tally.notes.append(f"special: memory at most: {told}")


def _again(tally: Tally, here: Place, first: Ended) -> None:
    with tally.trial("a second run does nothing"):
        second = here.index()
        before, after = first.report, second.report
        assert after["skipped"] == before["skipped"]
        assert after["encoded"] == after["added"] == after["refreshed"] == 0, after
        assert after["kept"] == before["added"], (before, after)
    with tally.trial("the library is sound"):
        assert here.seehear("verify").code == 0


def _names(tally: Tally, here: Place, expected: Expected) -> None:
    """Names come back byte for byte, and cannot command a terminal."""
    folder = here.tree / "names"
    good = {
        path for path, state in expected.items() if state == "indexed" and folder in path.parents
    }
    asked = ("search", "words name path", "--all", "-k", "1000", "--under", folder)
    with tally.trial("names in JSON"):
        hits = here.seehear(*asked, "--json").report["hits"]
        assert {path_of(hit) for hit in hits} == good
    with tally.trial("names with -0"):
        out = here.seehear(*asked, "-0").out
        assert set(out.split(b"\0")[:-1]) == {os.fsencode(path) for path in good}
    for command in (asked, ("index", folder), ("status",)):
        with tally.trial(f"names on the terminal: {command[0]}"):
            out = here.seehear(*command).out.decode()
            bad = {mark for mark in out if not (mark.isprintable() or mark == "\n")}
            assert not bad, bad


def _crowd(here: Place, count: int) -> str:
    """So many texts in one folder."""
    for number in range(count):
        caption(here.tree / f"{number}.txt", f"number {number}")
    ended = here.index(here.tree)
    assert (ended.code, ended.report["added"]) == (0, count), ended.report
    again = here.index()
    assert (again.code, again.report["kept"], again.report["encoded"]) == (0, count, 0)
    both = f"{ended.seconds:.1f} s, once more {again.seconds:.1f} s"
    return f"special: {count:,} files in one folder: {both}, {here.figures()['own']:.0f} MiB"


if __name__ == "__main__":
    main("special", run, 100_000, "crowd")
