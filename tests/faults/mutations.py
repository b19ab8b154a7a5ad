"""Seehear broken on purpose, to see that the harness notices.

    python -m tests.faults.mutations

Each line says what was broken, and which harness failed; a mutation that no harness notices fails.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MUTATION = "SEEHEAR_MUTATION"
"""Names, in a child, what is to be broken there."""


def _normal_sync() -> None:
    """The log is not synced at each commit."""
    from engine.store import connect

    connect._WRITER_SETTINGS += ("synchronous=NORMAL",)  # type: ignore[assignment]


def _no_fsync() -> None:
    """Nothing outside of SQLite is synced."""
    os.fsync = lambda _descriptor: None  # type: ignore[assignment]


def _receipt_first() -> None:
    """The receipt of a snapshot is written before the snapshot."""
    from engine.store import snapshots
    from engine.store.writer import CatalogueWriter

    add, publishing = CatalogueWriter.add_snapshot, snapshots.publishing
    waiting: list[Path] = []

    @contextmanager
    def late(folder: Path, label: str, room: int) -> Iterator[snapshots.Published]:
        with publishing(folder, label, room) as made:
            yield made
        waiting.append(folder / made.name)
        waiting[0].rename(f"{waiting[0]}.tmp")

    def receipt(self: CatalogueWriter, *arguments: Any, **named: Any) -> tuple[str, ...]:
        gone = add(self, *arguments, **named)
        file = waiting.pop()
        Path(f"{file}.tmp").rename(file)
        snapshots.sync_folder(file.parent)
        return gone

    snapshots.publishing = late
    CatalogueWriter.add_snapshot = receipt  # type: ignore[method-assign]


def _told_before_commit() -> None:
    """A commit is acknowledged before it is made."""
    from engine.store.writer import CatalogueWriter

    commit, waiting = CatalogueWriter.write, list[Any]()

    def write(self: CatalogueWriter, *arguments: Any, **named: Any) -> int:
        if waiting:
            commit(*waiting.pop())
        waiting.append((self, *arguments, *named.values()))
        return 0

    CatalogueWriter.write = write  # type: ignore[method-assign]


def _no_checksums() -> None:
    """Neither snapshots nor the catalogue are compared with their checksums."""
    from engine.bundle import Bundle
    from engine.store import seal
    from engine.vectors.rows import Rows

    Bundle.check = lambda _self, _names: None  # type: ignore[method-assign]
    Rows._check = lambda _self, _halves, _wanted: None  # type: ignore[method-assign]
    seal.Look.end = lambda _self: None  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "synchronous=NORMAL": _normal_sync,
    "fsync removed": _no_fsync,
    "receipt before snapshot": _receipt_first,
    "acknowledged before commit": _told_before_commit,
    "checksums ignored": _no_checksums,
}


def mutate() -> None:
    """Break what the environment names."""
    name = os.environ.get(MUTATION)
    if name:
        MUTATIONS[name]()


HARNESSES = {
    "synchronous=NORMAL": ("power", "--states", "200"),
    "fsync removed": ("power", "--states", "200"),
    "receipt before snapshot": ("power", "--states", "400"),
    "acknowledged before commit": ("kill", "--cycles", "10"),
    "checksums ignored": ("damage", "--trials", "60"),
}
"""Which harness must notice."""


def noticed(mutation: str) -> tuple[bool, str]:
    """Whether the harness fails with seehear broken so, and its last line."""
    name, *sizes = HARNESSES[mutation]
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.faults.{name}", *sizes],
        env={**os.environ, MUTATION: mutation},
        capture_output=True,
        text=True,
        check=False,
    )
    last = (ended.stdout or ended.stderr).splitlines()[-1]
    return ended.returncode == 1 and " 0 failed" not in last, last


if __name__ == "__main__":
    missed = 0
    for one in MUTATIONS:
        seen, verdict = noticed(one)
        missed += not seen
        print(f"{one}: {'noticed' if seen else 'MISSED'} ({verdict})", flush=True)
    print(f"mutations: {len(MUTATIONS) - missed} passed, {missed} failed")
    sys.exit(bool(missed))
