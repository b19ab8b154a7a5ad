"""How a library lies on disk: sizes, ages, format, whether it was closed well, who writes it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.store.catalogue import CatalogueReader
from engine.store.folder import CATALOGUE, SNAPSHOTS, Writing, who_writes
from engine.store.records import SnapshotRecord
from engine.types import Space


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """A snapshot on disk.

    Attributes:
        record: its receipt.
        written: when, in seconds since 1970; None for a file that is gone.
    """

    record: SnapshotRecord
    written: float | None


@dataclass(frozen=True, slots=True)
class Condition:
    """How a library lies on disk.

    Attributes:
        format: version of the catalogue's format.
        sealed: whether it was closed well, and nothing in it has changed since.
        writing: who writes it now; None for nobody.
        spaces: that hold vectors.
        snapshots: newest first.
        catalogue_bytes: with its log.
        snapshot_bytes: of all snapshots.
    """

    format: int
    sealed: bool
    writing: Writing | None
    spaces: tuple[Space, ...]
    snapshots: tuple[SnapshotState, ...]
    catalogue_bytes: int
    snapshot_bytes: int

    @property
    def told(self) -> str:
        """Whether it was closed well, in words."""
        if self.writing is not None:
            who = f"process {self.writing.pid}" if self.writing.pid else "another process"
            return f"being written by {who} now"
        if self.sealed:
            return "closed well"
        return "the last run was cut short; the next goes on from there: seehear index"


def condition(folder: Path, catalogue: CatalogueReader, *, sealed: bool) -> Condition:
    """The condition of the library in a folder, whose catalogue is open."""
    snapshots = [
        SnapshotState(one, _written(folder / SNAPSHOTS / one.name)) for one in catalogue.snapshots()
    ]
    return Condition(
        format=catalogue.format(),
        sealed=sealed,
        writing=who_writes(folder),
        spaces=tuple(catalogue.spaces().values()),
        snapshots=tuple(snapshots),
        catalogue_bytes=_size(folder / CATALOGUE) + _size(folder / f"{CATALOGUE}-wal"),
        snapshot_bytes=sum(_size(folder / SNAPSHOTS / one.record.name) for one in snapshots),
    )


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0


def _written(file: Path) -> float | None:
    with suppress(OSError):
        return file.stat().st_mtime
    return None
