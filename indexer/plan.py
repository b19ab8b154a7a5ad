"""What there is to do: found files against the catalogue's rows; pure, no I/O.

Law: planning after applying is empty.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.store.records import FileRecord
from indexer.scan import FoundFile


@dataclass(frozen=True, slots=True)
class Plan:
    """Every found file is in one of add, refresh and keep; every vanished row is in remove."""

    add: tuple[FoundFile, ...]
    refresh: tuple[FoundFile, ...]
    keep: tuple[FileRecord, ...]
    remove: tuple[FileRecord, ...]

    @property
    def work(self) -> tuple[FoundFile, ...]:
        """Files that must be read, in the order of their paths."""
        return tuple(sorted((*self.add, *self.refresh), key=lambda one: (one.root, one.path)))


def plan(
    found: Sequence[FoundFile], rows: Iterable[FileRecord], unreadable: Sequence[Path] = ()
) -> Plan:
    """Split found files by what is known of their path, size and time.

    Args:
        found: files on disk.
        rows: what the catalogue has of the folders that were walked.
        unreadable: folders that could not be listed: what is known of them is kept.
    """
    known = {(row.root, row.path): row for row in rows}
    seen = {(one.root, one.path) for one in found}
    matched = [(one, known.get((one.root, one.path))) for one in found]
    gone = [row for key, row in known.items() if key not in seen]
    return Plan(
        add=tuple(one for one, row in matched if row is None),
        refresh=tuple(one for one, row in matched if row is not None and row.stamp != one.stamp),
        keep=tuple(row for one, row in matched if row is not None and row.stamp == one.stamp),
        remove=tuple(row for row in gone if not _is_hidden(row, unreadable)),
    )


def _is_hidden(row: FileRecord, unreadable: Sequence[Path]) -> bool:
    path = FoundFile(row.root, row.path, row.stamp).absolute
    return any(path.is_relative_to(folder) for folder in unreadable)
