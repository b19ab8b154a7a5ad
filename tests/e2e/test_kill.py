"""A process may die at any time: nothing acknowledged is lost, nothing appears that never was."""

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import writing
from terminal import Terminal

from engine.library import Library
from engine.store.records import FileRecord, State
from indexer import index
from making import caption, picture

FILES = 250
LONGEST_S = 0.6
"""A whole run takes about this long; a kill comes at a random time in it."""


@dataclass
class Folder:
    """Media that change, what they ever held, and what was acknowledged of them."""

    root: Path
    dice: random.Random
    history: dict[Path, set[bytes]] = field(default_factory=dict)
    acknowledged: dict[Path, bytes] = field(default_factory=dict)
    made: int = 0

    def add(self) -> None:
        self.made += 1
        self._fill(self.root / f"f{self.made:05}{self.dice.choice(['.txt', '.txt', '.png'])}")

    def _fill(self, path: Path) -> None:
        self.made += 1
        if path.suffix == ".png":
            picture(path, seed=self.made, size=(8, 8))
        else:
            caption(path, f"words {self.made} of {path.name}")
        self._remember(path)

    def _remember(self, path: Path) -> None:
        self.history.setdefault(path, set()).add(sha256(path.read_bytes()).digest())

    def shake(self) -> None:
        """Add, change, delete, copy, rename."""
        for _ in range(20):
            self.add()
        files = sorted(self.root.iterdir())
        for path in self.dice.sample(files, 15):
            self._fill(path)
        for path in self.dice.sample(files, 10):
            self._remember(shutil.copy(path, path.with_stem(f"{path.stem}c")))
        one, other = (self.dice.sample(files, 6)[i::2] for i in range(2))
        for source, target in zip(one, other, strict=True):
            if source.suffix == target.suffix:
                source.rename(target)
                self._remember(target)
        for path in self.dice.sample(sorted(self.root.iterdir()), 15):
            path.unlink()

    def note(self, pipe: Connection) -> bool:
        """Take in what the process told before it ended; says whether it came to its end."""
        ended = False
        while True:
            try:
                told = pipe.recv()
            except (EOFError, OSError):
                return ended
            if isinstance(told, tuple):
                written, removed = told
                self.acknowledged.update({Path(path): d for path, d in written.items()})
                for path in removed:
                    self.acknowledged.pop(Path(path), None)
            ended = not isinstance(told, (tuple, str))


def cycle(forks: ForkServerContext, folder: Folder, library: Path, wait: float) -> bool:
    """Start indexing and kill it after a while; says whether it was faster."""
    ours, theirs = forks.Pipe(duplex=False)
    process = forks.Process(target=writing.run, args=(library, folder.root, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    time.sleep(wait)
    process.kill()
    process.join()
    process.close()
    with ours:
        return folder.note(ours)


def check(folder: Folder, library: Path) -> None:
    """Nothing lost, no phantom, sound, and it can be searched."""
    with Library.open(library) as opened:
        assert opened.verify().findings == ()
        rows = {
            path_of(row): row
            for root in opened._catalogue.roots()
            for row in opened._catalogue.files(root)
        }
        for path, digest in folder.acknowledged.items():
            if not path.exists() or sha256(path.read_bytes()).digest() != digest:
                continue  # it changed since: the row may be older or newer
            assert path in rows, f"lost {path}"
            assert rows[path].digest == digest, f"lost the content of {path}"
        for path, row in rows.items():
            assert row.state is State.INDEXED, row
            assert row.digest in folder.history[path], f"phantom {path}"
        found = opened.search("words of", k=1_000, modalities={"text"}).hits
        assert {path for hit in found for path in (hit.path, *hit.same)} == {
            path for path in rows if path.suffix == ".txt"
        }


def path_of(row: FileRecord) -> Path:
    return row.root / os.fsdecode(row.path)


def kill_often(forks: ForkServerContext, tmp_path: Path, cycles: int) -> None:
    seed = int(os.environ.get("SEEHEAR_KILL_SEED", random.randrange(10**6)))  # noqa: S311
    print(f"SEEHEAR_KILL_SEED={seed}")  # noqa: T201  (shown when it fails)
    dice = random.Random(seed)  # noqa: S311
    library = tmp_path / "library"
    folder = Folder(tmp_path / "root", dice)
    folder.root.mkdir()
    for _ in range(FILES):
        folder.add()
    finished = 0
    for number in range(cycles):
        finished += cycle(forks, folder, library, dice.random() * LONGEST_S)
        if (library / "catalogue.db").exists():
            check(folder, library)
        if number % 3 == 2:
            complete(folder, library)
        folder.shake()
    assert finished < cycles, "no run was ever killed"
    assert folder.acknowledged
    complete(folder, library)


def complete(folder: Folder, library: Path) -> None:
    """The next run brings everything up to date."""
    with Library.open(library, create=True, profile="hashed") as opened:
        report = index(opened, [folder.root], workers=2)
        assert report.skipped == ()
        rows = {path_of(row): row.digest for row in opened._catalogue.files(folder.root)}
        assert rows == {p: sha256(p.read_bytes()).digest() for p in folder.root.iterdir()}
        folder.acknowledged = dict(rows)
        assert index(opened).encoded == 0
    check(folder, library)


def test_a_few_kills(forks: ForkServerContext, tmp_path: Path) -> None:
    kill_often(forks, tmp_path, 12)


@pytest.mark.slow
def test_many_kills(forks: ForkServerContext, tmp_path: Path) -> None:
    kill_often(forks, tmp_path, 50)


def test_killed_while_the_library_is_made(forks: ForkServerContext, tmp_path: Path) -> None:
    for number in range(12):
        library = tmp_path / str(number)
        ours, theirs = forks.Pipe(duplex=False)
        process = forks.Process(target=writing.create, args=(library, theirs))
        process.start()
        assert ours.recv() == "ready"
        time.sleep(number * 0.004)
        process.kill()
        process.join()
        with Library.open(library, create=True, profile="hashed") as opened:
            assert opened.status().profile == "hashed"
            assert opened.verify().findings == ()
        assert not list(library.glob("*.new*"))


def test_killed_half_way_through_making_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the worst moment: the tables are there, the profile is not."""
    library = tmp_path / "library"
    with monkeypatch.context() as patched:
        patched.setattr("engine.store.writer.CatalogueWriter.set_setting", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Library.open(library, create=True, profile="hashed")
    with Library.open(library, create=True, profile="hashed") as opened:
        assert opened.status().profile == "hashed"


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(seehear: Terminal, number: signal.Signals, code: int) -> None:
    root = seehear.folder / "root"
    root.mkdir()
    total = 3_000
    for one in range(total):
        caption(root / f"{one}.txt", f"text number {one}")
    with seehear.start("index", root, "--profile", "hashed") as process:
        wal = seehear.library / "catalogue.db-wal"
        while not wal.exists() or wal.stat().st_size < 500_000:
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(number)
        start = time.monotonic()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert process.returncode == code
    assert out == b""
    assert err.decode().splitlines()[-1].startswith("Stopped. ")
    assert b"Traceback" not in err

    done = seehear("status", "--json").json["files"]["text"]
    assert 0 < done < total
    assert seehear("verify").code == 0
    report = seehear.index()
    assert (report["kept"], report["encoded"], report["added"]) == (
        done,
        total - done,
        total - done,
    )
