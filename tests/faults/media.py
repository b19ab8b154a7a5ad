"""A folder of media that changes, and what its library may hold after any accident."""

import os
import random
import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from engine.library import Library
from tests.making import caption, picture

Digests = dict[Path, bytes | None]
"""Digests by path; None for a file that is gone."""

ALWAYS = "always"
"""Begins the names of files that never change."""


@dataclass
class Folder:
    """Media that are added, changed, deleted, copied and renamed, and what was acknowledged."""

    root: Path
    dice: random.Random
    acknowledged: Digests = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)

    def add(self, count: int) -> None:
        """New files, most of them texts."""
        for _ in range(count):
            self.made += 1
            suffix = self.dice.choice([".txt", ".txt", ".png"])
            self._fill(self.root / f"f{self.made:05}{suffix}")

    def _fill(self, path: Path) -> None:
        self.made += 1
        if path.suffix == ".png":
            picture(path, seed=self.made, size=(8, 8))
        else:
            caption(path, f"words {self.made} of {path.name}")

    def shake(self) -> None:
        """Add, change, copy, rename and delete a few of each."""
        self.add(20)
        files = self._some(15)
        for path in files:
            self._fill(path)
        for path in self._some(10):
            shutil.copy(path, path.with_stem(f"{path.stem}c"))
        for source, target in zip(self._some(3), self._some(3), strict=True):
            if source.suffix == target.suffix and source.exists():
                source.rename(target)
        self.delete(15)

    def keep(self, count: int) -> None:
        """Delete so many that at most `count` are left."""
        self.delete(max(0, len(self.now()) - count))

    def delete(self, count: int) -> None:
        """Delete some files."""
        for path in self._some(count):
            path.unlink()

    def _some(self, count: int) -> list[Path]:
        changing = (path for path in self.root.iterdir() if not path.name.startswith(ALWAYS))
        return self.dice.sample(sorted(changing), count)

    def now(self) -> Digests:
        """What lies in the folder."""
        return {path: sha256(path.read_bytes()).digest() for path in self.root.iterdir()}

    def hear(self, written: dict[str, bytes | None], removed: list[str]) -> None:
        """Take in what was acknowledged."""
        self.acknowledged |= {Path(path): digest for path, digest in written.items()}
        self.acknowledged |= dict.fromkeys(map(Path, removed))


def rows_of(library: Library) -> Digests:
    """The digests of all files that a library holds; None for those that could not be read."""
    return {
        root / os.fsdecode(row.path): row.digest
        for root in library._catalogue.roots()
        for row in library._catalogue.files(root)
    }


def unread(library: Library) -> set[Path]:
    """Files that could not be read for a reason that may pass: the next run tries again."""
    return {path for path, reason in library.status().problems if reason.startswith("io:")}


def check(library: Path, folder: Folder) -> None:
    """Nothing lost, no phantom, nothing undeleted, no drift.

    The folder does not change while a run goes on. So of each file the library holds what was
    acknowledged last, or what the file is now, if that was committed and nobody heard of it.
    """
    with Library.open(library) as opened:
        rows, now = rows_of(opened), folder.now()
        for path in (rows.keys() | folder.acknowledged.keys()) - unread(opened):
            allowed = (folder.acknowledged.get(path), now.get(path))
            assert rows.get(path) in allowed, f"{path.name}: {_fate(rows.get(path), allowed[0])}"
        sound(opened)
        folder.acknowledged = dict(rows)


def _fate(row: bytes | None, acknowledged: bytes | None) -> str:
    if row is None:
        return "lost"
    return "phantom" if acknowledged is None else "other bytes than acknowledged"


def sound(opened: Library) -> None:
    """No drift: what verifies is what is found."""
    assert opened.verify().findings == ()
    texts = {path for path, digest in rows_of(opened).items() if digest and path.suffix == ".txt"}
    hits = opened.search("words of", k=10_000, modalities={"text"}, least=0).hits
    assert {path for hit in hits for path in (hit.path, *hit.same)} == texts, "drift"
