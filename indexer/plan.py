"""What there is to do: found files against the catalogue's rows; pure, no I/O.

Law: planning after applying is empty, but for files that were barred: they are tried each time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.media.reasons import Reason
from engine.store.records import FileRecord, State
from indexer.scan import FoundFile

_PASSING = frozenset({Reason.PERMISSION, Reason.IO, Reason.VANISHED})
"""Failures that a file gets over without a change of its size or time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every found file is in one of add, refresh and keep; every vanished row is in remove.

    Attributes:
        replaced: what was known of the files in refresh, in their order.
    """

    add: tuple[FoundFile, ...]
    refresh: tuple[FoundFile, ...]
    keep: tuple[FileRecord, ...]
    remove: tuple[FileRecord, ...]
    replaced: tuple[FileRecord, ...] = ()

    @property
    def work(self) -> tuple[FoundFile, ...]:
        """Files that must be read, in the order of their paths."""
        return tuple(sorted((*self.add, *self.refresh), key=lambda one: (one.root, one.path)))

    @property
    def before(self) -> dict[tuple[Path, bytes], bytes | None]:
        """The digests that files in refresh had, by root and path."""
        return {(row.root, row.path): row.digest for row in self.replaced}


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
    if not known:  # as at first, when there are most of them
        return Plan(tuple(found), (), (), ())
    seen = {(one.root, one.path) for one in found}
    matched = [(one, known.get((one.root, one.path))) for one in found]
    stale = [(one, row) for one, row in matched if row is not None and _is_stale(one, row)]
    gone = [row for key, row in known.items() if key not in seen]
    return Plan(
        add=tuple(one for one, row in matched if row is None),
        refresh=tuple(one for one, _ in stale),
        keep=tuple(row for one, row in matched if row is not None and not _is_stale(one, row)),
        remove=tuple(row for row in gone if not _is_hidden(row, unreadable)),
        replaced=tuple(row for _, row in stale),
    )


def _is_stale(one: FoundFile, row: FileRecord) -> bool:
    """Whether a file must be read again: it changed, or what barred it may have passed."""
    return is_barred(row) or row.stamp != one.stamp


def is_barred(row: FileRecord) -> bool:
    """Whether a file failed for a reason that may have passed without a change of the file."""
    return row.state is State.FAILED and row.reason.split(":")[0] in _PASSING


def _is_hidden(row: FileRecord, unreadable: Sequence[Path]) -> bool:
    path = FoundFile(row.root, row.path, row.stamp).absolute
    return any(path.is_relative_to(folder) for folder in unreadable)
